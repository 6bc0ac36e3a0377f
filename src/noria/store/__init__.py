"""Where everything that must outlive a request is kept: the contract in `base`, a folder or file a store."""
