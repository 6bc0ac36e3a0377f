"""Erases log events slice by slice, so that no deletion holds anybody up, however much it deletes."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import defaultdict
from functools import partial

from noria.store.base import StoreError
from noria.store.log_events import EVENT_OVERHEAD_BYTES
from noria.store.sqlite.engine import SqliteEngine

log = logging.getLogger(__name__)

SLICE_EVENTS = 1_000  # erased in one turn of the loop: about 2 ms
SLICE_BYTES = 4 << 20  # and no more than this much text

Key = tuple[int, int, int]


class LogEraser:
    """What was deleted is in `log_trash` until it is erased; it is taken up again at the next start."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Erase in the background what is in `log_trash`."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._empty_trash())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def erase_oldest(self, group_id: int, before_ms: int) -> int:
        """Erase a slice of a group's events before a time, the oldest, and count them out; how many."""

        def change(db: sqlite3.Connection) -> int:
            sql = (
                "SELECT time_ms, seq, stream_id, length(CAST(message AS BLOB)) FROM log_events"
                " WHERE group_id = ? AND time_ms < ? ORDER BY time_ms, seq"
            )
            freed: dict[int, int] = defaultdict(int)
            last = (0, 0)
            events = total = 0
            for time_ms, seq, stream_id, size in db.execute(sql, (group_id, before_ms)):
                last = time_ms, seq
                freed[stream_id] += size + EVENT_OVERHEAD_BYTES
                events += 1
                total += size
                if events == SLICE_EVENTS or total > SLICE_BYTES:
                    break
            if events:
                db.execute(
                    "DELETE FROM log_events WHERE group_id = ? AND time_ms <= ? AND (time_ms, seq) <= (?, ?)",
                    (group_id, last[0], *last),
                )
                _count_out(db, group_id, freed)
            return events

        return await self._engine.write(change)

    async def _empty_trash(self) -> None:
        try:
            while trash := self._engine.read("SELECT rowid, group_id, stream_id FROM log_trash LIMIT 1"):
                rowid, group_id, stream_id = trash[0]
                while await self._erase_slice(group_id, stream_id):
                    pass
                await self._engine.write(partial(_forget, rowid))
        except StoreError as error:
            log.error("erasing deleted log events stopped, the next deletion or start goes on: %s", error)

    async def _erase_slice(self, group_id: int, stream_id: int) -> bool:
        """Erase a slice of a stream's events, or of a group's (stream 0) events and streams."""
        owner, owner_id = ("stream_id", stream_id) if stream_id else ("group_id", group_id)

        def change(db: sqlite3.Connection) -> bool:
            sql = f"SELECT group_id, time_ms, seq, length(message) FROM log_events WHERE {owner} = ?"
            keys: list[Key] = []
            total = 0
            for *key, size in db.execute(sql, (owner_id,)):
                keys.append((key[0], key[1], key[2]))
                total += size
                if len(keys) == SLICE_EVENTS or total > SLICE_BYTES:
                    break
            db.executemany("DELETE FROM log_events WHERE group_id = ? AND time_ms = ? AND seq = ?", keys)
            if keys or stream_id:
                return bool(keys)
            streams = db.execute(
                "DELETE FROM log_streams WHERE id IN (SELECT id FROM log_streams WHERE group_id = ? LIMIT ?)",
                (group_id, SLICE_EVENTS),
            ).rowcount
            return streams > 0

        return await self._engine.write(change)


def _count_out(db: sqlite3.Connection, group_id: int, freed: dict[int, int]) -> None:
    """freed: bytes by stream; those of streams that were deleted have been counted out with the stream."""
    counted = 0
    for stream_id, size in freed.items():
        sql = "UPDATE log_streams SET stored_bytes = stored_bytes - ? WHERE id = ?"
        if db.execute(sql, (size, stream_id)).rowcount:
            counted += size
    db.execute("UPDATE log_groups SET stored_bytes = stored_bytes - ? WHERE id = ?", (counted, group_id))


def _forget(rowid: int, db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM log_trash WHERE rowid = ?", (rowid,))
