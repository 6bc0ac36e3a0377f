"""CloudWatch: metrics, as services, functions and clients put them, and their statistics."""
