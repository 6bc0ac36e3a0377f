"""How every connection to the database is set up."""

from __future__ import annotations

import sqlite3
from pathlib import Path

CACHED_STATEMENTS = 256


def connect(path: Path | None, wal_bytes: int) -> sqlite3.Connection:
    """path: None for a database in memory. wal_bytes: what a restarted WAL keeps. Raises sqlite3.Error."""
    db = sqlite3.connect(
        ":memory:" if path is None else path,
        isolation_level=None,  # transactions are the engine's
        check_same_thread=False,
        cached_statements=CACHED_STATEMENTS,
    )
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute(f"PRAGMA journal_size_limit={wal_bytes}")
        db.execute("PRAGMA temp_store=MEMORY")
        db.execute("PRAGMA cache_size=-32768")
        db.execute("PRAGMA busy_timeout=5000")
    except sqlite3.Error:
        db.close()
        raise
    return db
