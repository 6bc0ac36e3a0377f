"""Noria: AWS queues, functions, permissions and logs, for real, on your own machine."""

__version__ = "0.1.0"
