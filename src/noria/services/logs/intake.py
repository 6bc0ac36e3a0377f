"""The one way into the store for log events, whoever writes them."""

from __future__ import annotations

from noria.context import Principal
from noria.services.logs.feed import Events, Feed, GroupName
from noria.services.logs.filtering import Appended, Filtering
from noria.services.logs.metrics import LogMetrics
from noria.services.logs.retention import StorageLimit
from noria.store.log_events import EVENT_OVERHEAD_BYTES, LogEvents


class Intake:
    """Makes room, appends, then tells those who follow and applies the group's filters."""

    def __init__(
        self,
        log_events: LogEvents,
        storage: StorageLimit,
        feed: Feed,
        filtering: Filtering,
        metrics: LogMetrics,
    ) -> None:
        self._log_events = log_events
        self._storage = storage
        self._feed = feed
        self._filtering = filtering
        self._metrics = metrics

    async def append(
        self,
        group: GroupName,
        stream: str,
        stream_id: int,
        events: Events,
        now_ms: int,
        writer: Principal,
    ) -> bool:
        """False where the stream is gone."""
        await self._storage.make_room(sum(len(message) + EVENT_OVERHEAD_BYTES for _, message in events))
        first_seq = await self._log_events.append(stream_id, events, now_ms)
        if first_seq is None:
            return False
        self._feed.publish(group, stream, events, now_ms)
        self._metrics.appended(group, events, now_ms)
        await self._filtering.saw(Appended(group, stream, events, first_seq, writer))
        return True
