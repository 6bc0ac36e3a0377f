"""A database file does not shrink while it is in use: what is deleted makes room for what comes.

SQLite could give pages back as they become free (`auto_vacuum`), but then it keeps book of where each page is
referred to, at every insert. So the file is made anew when the server starts, where that takes no time: when
little is left of much.
"""

from __future__ import annotations

import logging
import sqlite3

log = logging.getLogger(__name__)

LEFT_BYTES = 64 << 20  # at most: copying it takes a quarter of a second
FREE_BYTES = 64 << 20  # at least: less is not worth it


def compact(db: sqlite3.Connection) -> None:
    """Give the file's free pages back, if it is mostly empty."""
    page_bytes, pages, free = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
    )
    if free * page_bytes < FREE_BYTES or (pages - free) * page_bytes > LEFT_BYTES:
        return
    try:
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:
        log.warning("the database file could not be made smaller: %s", error)
