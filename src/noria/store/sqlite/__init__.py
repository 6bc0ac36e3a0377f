"""The embedded store: one SQLite database in WAL mode, group commit with fsync."""
