"""Who a caller is (sigv4, credentials) and what it may do (authorize)."""
