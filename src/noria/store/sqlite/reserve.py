"""Disk space that is kept for hard times: on a full disk, what makes room again can still be written.

Receiving and deleting write too (into the WAL, and from there into the database), so without it a full disk
would stop the very consumers that empty it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
from pathlib import Path

log = logging.getLogger(__name__)

# For the WAL, which is copied into the database from 16 MB on, and for what the database grows by then.
RESERVE_BYTES = 48 << 20
MARGIN_BYTES = 16 << 20  # that there must be besides before all goes on as before, or it would end at once
RETRY_S = 1.0  # between two looks whether there is room for the reserve again


class Reserve:
    """A file of that size. short: the disk was full, and the space is for whoever makes room."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self._path = path
        self._db = db
        self._time_s = asyncio.get_running_loop().time
        self._tried_s = self._time_s()
        self.short = False
        if path.exists() or self._disk_bytes() >= RESERVE_BYTES + MARGIN_BYTES:
            self._take()
        else:
            self.release()

    def release(self) -> None:
        """Give the space to whoever writes next."""
        if not self.short:
            log.error("the disk is full: nothing is sent or logged until there is room")
        self.short = True
        self._tried_s = self._time_s()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def is_short(self) -> bool:
        """Whether nothing may be written that makes the data more; looks again whether there is room, beside
        the database and in it."""
        disk_bytes = self._disk_bytes()
        wanted_bytes = RESERVE_BYTES + MARGIN_BYTES
        if self.short and disk_bytes >= wanted_bytes and self._time_s() - self._tried_s >= RETRY_S:
            self._take()
        if not self.short:
            return False
        free, page_bytes = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size")
        )
        return bool(disk_bytes + free * page_bytes < wanted_bytes)

    def _disk_bytes(self) -> int:
        disk = os.statvfs(self._path.parent)
        return disk.f_bavail * disk.f_frsize

    def _take(self) -> None:
        self._tried_s = self._time_s()
        if not hasattr(os, "posix_fallocate"):  # macOS: nothing is kept, and a full disk fails every write
            self.short = False
            return
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, RESERVE_BYTES)
            finally:
                os.close(fd)
        except OSError as error:
            log.warning("no room for %s: %s", self._path, error.strerror)
            self.release()
        else:
            if self.short:
                log.warning("there is room on the disk again")
            self.short = False
