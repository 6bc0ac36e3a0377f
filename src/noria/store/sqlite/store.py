"""The embedded store, put together."""

from __future__ import annotations

from pathlib import Path

from noria.store.sqlite import log_events, message_schema, metrics, records
from noria.store.sqlite.depths import SqliteDepths
from noria.store.sqlite.engine import SqliteEngine
from noria.store.sqlite.fifo import SqliteFifoMessages
from noria.store.sqlite.log_events import SqliteLogEvents
from noria.store.sqlite.messages import SqliteMessages
from noria.store.sqlite.metrics import SqliteMetrics
from noria.store.sqlite.records import SqliteRecords

MIGRATIONS = (
    records.SCHEMA,
    log_events.SCHEMA,
    message_schema.SCHEMA,
    message_schema.GROUPS_SCHEMA,
    metrics.SCHEMA,
    message_schema.WITHOUT_INSERT_TRIGGERS,
)


class SqliteStore:
    """See `noria.store.base.Store`. path: the database file; None keeps everything in memory."""

    def __init__(self, path: Path | None, *, relaxed: bool = False) -> None:
        """relaxed: as `SqliteEngine`'s."""
        self._engine = SqliteEngine(path, MIGRATIONS, relaxed=relaxed)
        self.records = SqliteRecords(self._engine)
        self.messages = SqliteMessages(self._engine)
        self.fifo_messages = SqliteFifoMessages(self._engine)
        self.log_events = SqliteLogEvents(self._engine, path)
        self.depths = SqliteDepths(self._engine)
        self.metrics = SqliteMetrics(self._engine)

    async def start(self) -> None:
        await self._engine.start()
        self.log_events.start()

    async def close(self) -> None:
        await self.log_events.close()
        await self._engine.close()
