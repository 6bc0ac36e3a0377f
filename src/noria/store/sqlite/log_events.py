"""Log groups, streams and events in SQLite.

Events are clustered by group, time and sequence, with an index by stream: a page of a group or of a
stream reads what it returns, however many events there are. What is deleted disappears at once and its
events are erased slice by slice, so that a deletion of millions holds nobody up; what is still to erase
is kept in `log_trash` and taken up again at the next start.
"""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from noria.store.log_events import (
    BEGINNING,
    END,
    EVENT_OVERHEAD_BYTES,
    MAX_PAGE_BYTES,
    MAX_PAGE_EVENTS,
    MAX_SCANNED_CHARS,
    MAX_SCANNED_EVENTS,
    LogEvent,
    LogGroup,
    LogPage,
    LogStream,
    Position,
)
from noria.store.sqlite.engine import Row, SqliteEngine
from noria.store.sqlite.log_erasure import LogEraser

SCHEMA = """
CREATE TABLE log_groups (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, created_ms INTEGER NOT NULL,
  stored_bytes INTEGER NOT NULL DEFAULT 0, last_seq INTEGER NOT NULL DEFAULT 0,
  UNIQUE (account, region, name)
);
CREATE TABLE log_streams (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  group_id INTEGER NOT NULL, name TEXT NOT NULL, created_ms INTEGER NOT NULL,
  first_event_ms INTEGER, last_event_ms INTEGER, last_ingestion_ms INTEGER,
  stored_bytes INTEGER NOT NULL DEFAULT 0,
  UNIQUE (group_id, name)
);
CREATE INDEX log_streams_by_last_event ON log_streams (group_id, ifnull(last_event_ms, 0), name);
CREATE TABLE log_events (
  group_id INTEGER NOT NULL, time_ms INTEGER NOT NULL, seq INTEGER NOT NULL,
  stream_id INTEGER NOT NULL, ingested_ms INTEGER NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (group_id, time_ms, seq)
) WITHOUT ROWID;
CREATE INDEX log_events_by_stream ON log_events (stream_id, time_ms, seq);
CREATE TABLE log_trash (group_id INTEGER NOT NULL, stream_id INTEGER NOT NULL);
"""

GROUP = "SELECT id, name, created_ms, stored_bytes FROM log_groups WHERE account = ? AND region = ?"
STREAM = (
    "SELECT id, name, created_ms, first_event_ms, last_event_ms, last_ingestion_ms"
    " FROM log_streams WHERE group_id = ?"
)
# The bounds on time_ms alone are what the index can end a scan by; the row values cut within one millisecond.
# Events of deleted streams come too, without a name, so that those who skip them have their turns.
EVENTS = (
    "SELECT e.time_ms, e.seq, s.name, e.message, e.ingested_ms"
    " FROM log_events e {index} LEFT JOIN log_streams s ON s.id = e.stream_id"
    " WHERE e.{owner} = ? AND e.time_ms BETWEEN ? AND ?"
    " AND (e.time_ms, e.seq) > (?, ?) AND (e.time_ms, e.seq) < (?, ?)"
    " ORDER BY e.time_ms {order}, e.seq {order}"
)

AFTER_ANY_NAME = "\U0010ffff"
SLICE_EVENTS = 1_000  # read in one turn of the loop: about 1 ms
SLICE_CHARS = 4 << 20  # and no more than this much text
CHUNK_EVENTS = 50  # taken from SQLite at once: 50 MB at the very worst


class SqliteLogEvents:
    """See `noria.store.log_events.LogEvents`."""

    def __init__(self, engine: SqliteEngine, path: Path | None = None) -> None:
        """path: the engine's file."""
        self.path = path
        self._engine = engine
        self._eraser = LogEraser(engine)

    def start(self) -> None:
        """Go on erasing what was deleted before the last stop."""
        self._eraser.soon()

    async def close(self) -> None:
        await self._eraser.close()

    async def create_group(self, account: str, region: str, name: str, now_ms: int) -> bool:
        def change(db: sqlite3.Connection) -> bool:
            sql = (
                "INSERT INTO log_groups (account, region, name, created_ms) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING"
            )
            return db.execute(sql, (account, region, name, now_ms)).rowcount > 0

        return await self._engine.write(change)

    async def delete_group(self, account: str, region: str, name: str) -> bool:
        return await self._delete_groups("account = ? AND region = ? AND name = ?", (account, region, name))

    async def delete_account(self, account: str) -> None:
        await self._delete_groups("account = ?", (account,))

    async def _delete_groups(self, which: str, parameters: tuple[str, ...]) -> bool:
        def change(db: sqlite3.Connection) -> bool:
            db.execute(f"INSERT INTO log_trash SELECT id, 0 FROM log_groups WHERE {which}", parameters)
            return db.execute(f"DELETE FROM log_groups WHERE {which}", parameters).rowcount > 0

        deleted = await self._engine.write(change)
        self._eraser.soon()
        return deleted

    async def group(self, account: str, region: str, name: str) -> LogGroup | None:
        rows = self._engine.read(f"{GROUP} AND name = ?", (account, region, name))
        return LogGroup(*rows[0]) if rows else None

    async def groups(
        self,
        account: str,
        region: str,
        *,
        prefix: str = "",
        contains: str = "",
        after: str = "",
        limit: int = 50,
    ) -> list[LogGroup]:
        rows = self._engine.read(
            f"{GROUP} AND name >= ? AND name > ? AND name < ? AND instr(name, ?) ORDER BY name LIMIT ?",
            (account, region, prefix, after, prefix + AFTER_ANY_NAME, contains, limit),
        )
        return [LogGroup(*row) for row in rows]

    async def place(self, group_id: int) -> tuple[str, str, str] | None:
        rows = self._engine.read("SELECT account, region, name FROM log_groups WHERE id = ?", (group_id,))
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    async def stored_bytes(self) -> int:
        return int(self._engine.read("SELECT ifnull(sum(stored_bytes), 0) FROM log_groups")[0][0])

    async def largest_group(self) -> int:
        rows = self._engine.read("SELECT id FROM log_groups ORDER BY stored_bytes DESC LIMIT 1")
        return int(rows[0][0]) if rows else 0

    async def erase_oldest(self, group_id: int, before_ms: int = END.time_ms) -> int:
        return await self._eraser.erase_oldest(group_id, before_ms)

    async def create_stream(self, group_id: int, name: str, now_ms: int) -> bool | None:
        def change(db: sqlite3.Connection) -> bool | None:
            if not db.execute("SELECT 1 FROM log_groups WHERE id = ?", (group_id,)).fetchone():
                return None
            sql = (
                "INSERT INTO log_streams (group_id, name, created_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
            )
            return db.execute(sql, (group_id, name, now_ms)).rowcount > 0

        return await self._engine.write(change)

    async def delete_stream(self, group_id: int, name: str) -> bool:
        def change(db: sqlite3.Connection) -> bool:
            sql = "SELECT id, stored_bytes FROM log_streams WHERE group_id = ? AND name = ?"
            row = db.execute(sql, (group_id, name)).fetchone()
            if row is None:
                return False
            stream_id, stored_bytes = row
            db.execute("DELETE FROM log_streams WHERE id = ?", (stream_id,))
            db.execute(
                "UPDATE log_groups SET stored_bytes = stored_bytes - ? WHERE id = ?",
                (stored_bytes, group_id),
            )
            db.execute("INSERT INTO log_trash VALUES (?, ?)", (group_id, stream_id))
            return True

        deleted = await self._engine.write(change)
        self._eraser.soon()
        return deleted

    async def stream(self, group_id: int, name: str) -> LogStream | None:
        rows = self._engine.read(f"{STREAM} AND name = ?", (group_id, name))
        return LogStream(*rows[0]) if rows else None

    async def streams(
        self, group_id: int, *, prefix: str = "", after: str = "", descending: bool = False, limit: int = 50
    ) -> list[LogStream]:
        low, high = prefix, prefix + AFTER_ANY_NAME
        if after and descending:
            high = min(after, high)
        rows = self._engine.read(
            f"{STREAM} AND name >= ? AND name > ? AND name < ?"
            f" ORDER BY name {'DESC' if descending else 'ASC'} LIMIT ?",
            (group_id, low, "" if descending else after, high, limit),
        )
        return [LogStream(*row) for row in rows]

    async def streams_by_last_event(
        self,
        group_id: int,
        *,
        after: tuple[int, str] | None = None,
        descending: bool = False,
        limit: int = 50,
    ) -> list[LogStream]:
        order, beyond, edge = ("DESC", "<", (END.time_ms, "")) if descending else ("ASC", ">", (-1, ""))
        rows = self._engine.read(
            f"{STREAM} AND (ifnull(last_event_ms, 0), name) {beyond} (?, ?)"
            f" ORDER BY ifnull(last_event_ms, 0) {order}, name {order} LIMIT ?",
            (group_id, *(after or edge), limit),
        )
        return [LogStream(*row) for row in rows]

    async def append(self, stream_id: int, events: Sequence[tuple[int, str]], now_ms: int) -> int | None:
        times = [time_ms for time_ms, _ in events]
        stored = sum(len(message.encode()) + EVENT_OVERHEAD_BYTES for _, message in events)

        def change(db: sqlite3.Connection) -> int | None:
            sql = (
                "SELECT g.id, g.last_seq FROM log_streams s JOIN log_groups g ON g.id = s.group_id"
                " WHERE s.id = ?"
            )
            row = db.execute(sql, (stream_id,)).fetchone()
            if row is None:
                return None
            group_id: int = row[0]
            last_seq: int = row[1]
            db.executemany(
                "INSERT INTO log_events VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (group_id, time_ms, seq, stream_id, now_ms, message)
                    for seq, (time_ms, message) in enumerate(events, last_seq + 1)
                ],
            )
            db.execute(
                "UPDATE log_groups SET last_seq = ?, stored_bytes = stored_bytes + ? WHERE id = ?",
                (last_seq + len(events), stored, group_id),
            )
            db.execute(
                "UPDATE log_streams SET first_event_ms = min(ifnull(first_event_ms, ?1), ?1),"
                " last_event_ms = max(ifnull(last_event_ms, ?2), ?2), last_ingestion_ms = ?3,"
                " stored_bytes = stored_bytes + ?4 WHERE id = ?5",
                (min(times), max(times), now_ms, stored, stream_id),
            )
            return last_seq + 1

        return await self._engine.write(change, grows=True)

    async def read(
        self,
        group_id: int,
        *,
        stream_ids: Sequence[int] | None = None,
        stream_prefix: str = "",
        after: Position = BEGINNING,
        before: Position = END,
        descending: bool = False,
        matches: Callable[[str], bool] | None = None,
        limit: int = MAX_PAGE_EVENTS,
    ) -> LogPage:
        events: list[LogEvent] = []
        position = before if descending else after
        scanned = scanned_chars = page_bytes = 0
        while True:
            rows = self._scan(group_id, stream_ids, after, before, descending)
            part = _take(rows, stream_prefix, matches)
            del rows  # within this turn
            for row in part.found:
                page_bytes += len(row[3].encode()) + EVENT_OVERHEAD_BYTES
                if len(events) == limit or (page_bytes > MAX_PAGE_BYTES and events):
                    return LogPage(events, events[-1].position, finished=False)
                events.append(LogEvent._make(row))
            position = part.last or position
            if part.is_last:
                return LogPage(events, position, finished=True)
            scanned += part.events
            scanned_chars += part.chars
            if scanned >= MAX_SCANNED_EVENTS or scanned_chars >= MAX_SCANNED_CHARS:
                return LogPage(events, position, finished=False)
            if descending:
                before = position
            else:
                after = position
            await asyncio.sleep(0)  # others have their turn

    def _scan(
        self,
        group_id: int,
        stream_ids: Sequence[int] | None,
        after: Position,
        before: Position,
        descending: bool,
    ) -> Iterator[Row]:
        order = "DESC" if descending else "ASC"
        bounds = (after.time_ms, before.time_ms, *after, *before)
        if stream_ids is None:
            sql = EVENTS.format(index="NOT INDEXED", owner="group_id", order=order)
            return self._engine.scan(sql, (group_id, *bounds))
        sql = EVENTS.format(index="INDEXED BY log_events_by_stream", owner="stream_id", order=order)
        scans = [self._engine.scan(sql, (stream_id, *bounds)) for stream_id in stream_ids]
        return scans[0] if len(scans) == 1 else heapq.merge(*scans, key=_place, reverse=descending)


class _Part(NamedTuple):
    """Of a scan. found: the rows that match. last: the place of the last row looked at, if any.

    is_last: nothing comes behind it. events, chars: how many were looked at.
    """

    found: list[Row]
    last: Position | None
    is_last: bool
    events: int
    chars: int


def _take(rows: Iterator[Row], stream_prefix: str, matches: Callable[[str], bool] | None) -> _Part:
    """As much of a scan as one turn of the loop bears."""
    found: list[Row] = []
    last: Position | None = None
    events = chars = 0
    while events < SLICE_EVENTS and chars < SLICE_CHARS:
        chunk = list(islice(rows, CHUNK_EVENTS))
        if chunk:
            last = Position(chunk[-1][0], chunk[-1][1])
            events += len(chunk)
            chars += sum([len(row[3]) for row in chunk])
        wanted = [row for row in chunk if row[2] is not None]
        if stream_prefix:
            wanted = [row for row in wanted if row[2].startswith(stream_prefix)]
        if matches is not None:
            wanted = [row for row in wanted if matches(row[3])]
        found += wanted
        if len(chunk) < CHUNK_EVENTS:
            return _Part(found, last, True, events, chars)
    return _Part(found, last, False, events, chars)


def _place(row: Row) -> tuple[int, int]:
    return row[0], row[1]
