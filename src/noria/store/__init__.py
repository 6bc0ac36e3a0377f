"""Where everything that must outlive a request is kept: the contract in `base`, one folder or file a store."""
