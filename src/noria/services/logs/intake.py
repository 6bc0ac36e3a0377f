"""The one way into the store for log events, whoever writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from noria.context import Principal
from noria.services.logs.feed import Events, Feed, GroupName
from noria.services.logs.filtering import Appended, Filtering
from noria.services.logs.metrics import LogMetrics
from noria.services.logs.retention import StorageLimit
from noria.store.log_events import EVENT_OVERHEAD_BYTES, LogEvents

AT_ONCE = 1_000  # events written in one turn of the loop: about 3 ms


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
        """In the order given, and durable all at once. False where the stream is gone."""
        await self._storage.make_room(sum(len(message) + EVENT_OVERHEAD_BYTES for _, message in events))
        parts = [events[start : start + AT_ONCE] for start in range(0, len(events), AT_ONCE)]
        for part, first_seq in zip(parts, await self._write(stream_id, parts, now_ms), strict=True):
            if first_seq is None:
                return False
            self._feed.publish(group, stream, part, now_ms)
            self._metrics.appended(group, part, now_ms)
            await self._filtering.saw(Appended(group, stream, part, first_seq, writer))
        return True

    async def _write(self, stream_id: int, parts: Sequence[Events], now_ms: int) -> list[int | None]:
        """Each in a turn of the loop, so that others have theirs."""
        if len(parts) == 1:
            return [await self._log_events.append(stream_id, parts[0], now_ms)]
        appends = []
        for part in parts:
            appends.append(asyncio.ensure_future(self._log_events.append(stream_id, part, now_ms)))
            await asyncio.sleep(0)
        return await asyncio.gather(*appends)
