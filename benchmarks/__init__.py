"""Noria's performance beside a peer's and beside the limit: `python -m benchmarks`, figures in RESULTS.md."""
