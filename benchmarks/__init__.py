"""Noria's performance beside its peers' and the limit: `python -m benchmarks`, figures in RESULTS.md."""
