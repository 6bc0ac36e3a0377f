"""SQLite with group commit: one transaction a turn of the event loop, run on the loop's own thread.

Writes of one turn share one transaction; at the turn's end it is committed (into the WAL, without a sync)
and a helper thread runs `fdatasync` on the WAL file; the writers' futures resolve after that. While a sync
runs, later turns commit on; the next sync covers them all. Measured in docs/design: this beats a writer
thread, which fights the loop for the GIL at every row.

Why it is as safe as ``synchronous=FULL``: a commit is in the WAL before its sync starts, a sync covers all
that was written before it, and under ``synchronous=NORMAL`` SQLite itself syncs the WAL before a checkpoint
and the new header when it restarts the WAL.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from noria.store.base import StoreError

log = logging.getLogger(__name__)

T = TypeVar("T")
Row = tuple[Any, ...]

CHECKPOINT_BYTES = 8 << 20  # copy the WAL into the database from here on, on a thread of its own
RESTART_BYTES = 64 << 20  # a WAL this long is restarted on the loop: the copy is short, most is done by then
CACHED_STATEMENTS = 256


class SqliteEngine:
    """One database file, or one in memory (path None), written by this process only."""

    def __init__(self, path: Path | None, schema: Sequence[str]) -> None:
        """schema: one script a version; a database of an older version runs the missing ones."""
        self._path = path
        self._schema = schema
        self._db: sqlite3.Connection
        self._loop: asyncio.AbstractEventLoop
        self._turn: asyncio.Future[None] | None = None  # of the open transaction
        self._unsynced: list[asyncio.Future[None]] = []
        self._syncing = False
        self._checkpointing = False
        self._wal_fd = -1
        self._sync_thread = ThreadPoolExecutor(1, "noria-fsync")
        self._checkpoint_thread = ThreadPoolExecutor(1, "noria-checkpoint")

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            self._db = self._connect()
            self._migrate()
            if self._path is not None:
                self._wal_fd = os.open(f"{self._path}-wal", os.O_RDONLY)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot open {self._path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            ":memory:" if self._path is None else self._path,
            isolation_level=None,  # transactions are ours
            check_same_thread=False,
            cached_statements=CACHED_STATEMENTS,
        )
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("PRAGMA temp_store=MEMORY")
        db.execute("PRAGMA cache_size=-32768")
        db.execute("PRAGMA busy_timeout=5000")
        return db

    def _migrate(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > len(self._schema):
            raise StoreError(f"{self._path} was written by a newer Noria (schema {version})")
        for number, script in enumerate(self._schema[version:], version + 1):
            self._db.executescript(f"BEGIN; {script}; PRAGMA user_version={number}; COMMIT;")
        # A first frame, so that the WAL file exists before its descriptor is opened.
        self._db.execute(f"PRAGMA user_version={len(self._schema)}")

    async def close(self) -> None:
        if self._turn is not None:
            self._commit()
        if self._unsynced:
            await asyncio.gather(*self._unsynced, return_exceptions=True)
        self._sync_thread.shutdown()
        self._checkpoint_thread.shutdown()
        if self._wal_fd >= 0:
            os.close(self._wal_fd)
            self._wal_fd = -1
        self._db.close()

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Rows, the writes of this turn included."""
        try:
            return self._db.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run `change` now, inside this turn's transaction; return its result once that is durable.

        `change` decides before its first statement that writes: an exception of its own leaves the
        transaction to the turn's other writers. A failing statement fails them all, with StoreError.
        """
        turn = self._turn
        if turn is None:
            turn = self._begin()
        try:
            result = change(self._db)
        except sqlite3.Error as error:
            self._fail_turn(error)
            await turn
            raise StoreError(str(error)) from error
        await asyncio.shield(turn)  # a cancelled writer must not cancel the others
        return result

    def _begin(self) -> asyncio.Future[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error
        self._turn = self._loop.create_future()
        self._loop.call_soon(self._commit)
        return self._turn

    def _fail_turn(self, error: Exception) -> None:
        log.error("the store failed: %s", error)
        turn, self._turn = self._turn, None
        if self._db.in_transaction:
            self._db.rollback()
        if turn is not None and not turn.done():
            turn.set_exception(StoreError(str(error)))
            turn.exception()  # seen: writers may be gone

    def _commit(self) -> None:
        turn = self._turn
        if turn is None:  # failed meanwhile
            return
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail_turn(error)
            return
        self._turn = None
        if self._path is None:
            turn.set_result(None)
            return
        self._unsynced.append(turn)
        if not self._syncing:
            self._sync()

    def _sync(self) -> None:
        self._syncing = True
        covered, self._unsynced = self._unsynced, []
        done = self._loop.run_in_executor(self._sync_thread, os.fdatasync, self._wal_fd)
        done.add_done_callback(lambda future: self._synced(covered, future))

    def _synced(self, covered: list[asyncio.Future[None]], sync: asyncio.Future[None]) -> None:
        error = sync.exception()
        for turn in covered:
            if error is None:
                turn.set_result(None)
            else:
                turn.set_exception(StoreError(f"fdatasync: {error}"))
                turn.exception()
        self._syncing = False
        if self._unsynced:
            self._sync()
        self._checkpoint_if_long()

    def _checkpoint_if_long(self) -> None:
        if self._checkpointing or self._wal_fd < 0:
            return
        size = os.fstat(self._wal_fd).st_size
        if size < CHECKPOINT_BYTES:
            return
        self._checkpointing = True
        done = self._loop.run_in_executor(self._checkpoint_thread, self._checkpoint)
        done.add_done_callback(lambda future: self._checkpointed(size, future))

    def _checkpoint(self) -> None:
        db = sqlite3.connect(self._path or "")
        try:
            db.execute("PRAGMA busy_timeout=0")
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        finally:
            db.close()

    def _checkpointed(self, size: int, done: asyncio.Future[None]) -> None:
        self._checkpointing = False
        if (error := done.exception()) is not None:
            log.warning("checkpoint failed, the next one will try again: %s", error)
