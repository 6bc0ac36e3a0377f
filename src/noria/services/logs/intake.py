"""The one way into the store for log events, whoever writes them."""

from __future__ import annotations

from collections.abc import Sequence

from noria.services.logs.retention import StorageLimit
from noria.store.log_events import EVENT_OVERHEAD_BYTES, LogEvents

Events = Sequence[tuple[int, str]]  # (time in ms, message)


class Intake:
    """Makes room, then appends."""

    def __init__(self, log_events: LogEvents, storage: StorageLimit) -> None:
        self._log_events = log_events
        self._storage = storage

    async def append(self, stream_id: int, events: Events, now_ms: int) -> bool:
        """False where the stream is gone."""
        await self._storage.make_room(sum(len(message) + EVENT_OVERHEAD_BYTES for _, message in events))
        return await self._log_events.append(stream_id, events, now_ms)
