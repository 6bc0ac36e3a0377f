"""Log events read by another process than the server, straight from the database file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from noria.store.log_events import Position

# One read transaction: while it lasts the server's write-ahead log cannot start anew.
SLICE_EVENTS = 20_000

EVENTS = (
    "SELECT time_ms, seq, stream_id, message, ingested_ms FROM log_events NOT INDEXED"
    " WHERE group_id = ? AND time_ms BETWEEN ? AND ? AND (time_ms, seq) < (?, ?)"
    " ORDER BY time_ms DESC, seq DESC LIMIT ?"
)


def newest_first(
    path: Path, group_id: int, start_ms: int, before: Position
) -> Iterator[tuple[int, int, str, str, int]]:
    """The events of a group from start_ms to `before`, those of deleted streams left out, as plain tuples of
    what `LogEvent` has: a query asks for a million.

    Deletions and appends while it is read are seen or not. Raises sqlite3.Error.
    """
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    try:
        streams = dict(db.execute("SELECT id, name FROM log_streams WHERE group_id = ?", (group_id,)))
        while True:
            count = 0
            parameters = (group_id, start_ms, before.time_ms, *before, SLICE_EVENTS)
            for time_ms, seq, stream_id, message, ingested_ms in db.execute(EVENTS, parameters):
                count += 1
                before = Position(time_ms, seq)
                stream = streams.get(stream_id)
                if stream is None and stream_id not in streams:
                    found = db.execute("SELECT name FROM log_streams WHERE id = ?", (stream_id,)).fetchone()
                    stream = streams[stream_id] = found[0] if found else None
                if stream is not None:
                    yield time_ms, seq, stream, message, ingested_ms
            if count < SLICE_EVENTS:
                return
    finally:
        db.close()
