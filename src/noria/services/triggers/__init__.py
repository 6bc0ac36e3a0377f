"""Event source mappings: queues that invoke functions, polled as the function's execution role."""
