"""One Live Tail session: takes what its groups get, hands it on once a second."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import msgspec

from noria.clock import Clock
from noria.context import new_request_id
from noria.services.logs.feed import Events, Feed, GroupName
from noria.services.logs.tail.limits import (
    MAX_KEPT_UPDATES,
    MAX_UPDATE_BYTES,
    MAX_UPDATE_EVENTS,
    SESSION_S,
    UPDATE_EVERY_MS,
)

Event = dict[str, Any]


class Selection(msgspec.Struct, frozen=True):
    """What a session is about. request: as the client asked for it, for the answer."""

    groups: Sequence[GroupName]
    takes_stream: Callable[[str], bool]
    takes_message: Callable[[str], bool] | None
    request: dict[str, Any]


class _Update:
    """The events of one second, or a fair sample of them."""

    def __init__(self, now_ms: int) -> None:
        self.began_ms = now_ms
        self.seen = 0
        self._bytes = 0
        self._sample: list[tuple[int, int, Event]] = []  # number, size in bytes, event

    def add(self, event: Event) -> None:
        self.seen += 1
        size = len(event["message"].encode())
        place = len(self._sample)
        if place == MAX_UPDATE_EVENTS:
            place = random.randrange(self.seen)
            if place >= MAX_UPDATE_EVENTS:
                return
        replaced = self._sample[place][1] if place < len(self._sample) else 0
        if self._bytes - replaced + size > MAX_UPDATE_BYTES:
            return
        self._bytes += size - replaced
        self._sample[place : place + 1] = [(self.seen, size, event)]

    def event(self) -> dict[str, Any]:
        results = [event for _, _, event in sorted(self._sample, key=lambda kept: kept[0])]
        metadata = {"sampled": len(results) < self.seen}
        return {"sessionUpdate": {"sessionMetadata": metadata, "sessionResults": results}}


class Session:
    """`events` is to be read once, and closed; the session takes events in between."""

    def __init__(self, selection: Selection, request_id: str, clock: Clock) -> None:
        self._selection = selection
        self._request_id = request_id
        self._clock = clock
        self._current = _Update(clock.now_ms())
        self._full: deque[_Update] = deque(maxlen=MAX_KEPT_UPDATES)
        self._wake: asyncio.Future[None] | None = None
        self._end: dict[str, Any] | None = None

    def end(self, exception: str, message: str) -> None:
        """Let the stream end with one of its exceptions."""
        self._end = {exception: {"message": message}}
        self._awake()

    async def events(self, feed: Feed) -> AsyncGenerator[dict[str, Any], None]:
        """sessionStart, then a sessionUpdate a second, empty where nothing came.

        The first events after a second without any are sent at once.
        """
        selection = self._selection
        timeout = self._clock.call_later(SESSION_S, self._time_out)
        with feed.follow(selection.groups, self._take):
            try:
                sent_ms = results_ms = self._clock.now_ms()
                start = {"requestId": self._request_id, "sessionId": new_request_id(), **selection.request}
                yield {"sessionStart": start}
                while not await self._due(sent_ms, results_ms):
                    sent_ms = self._clock.now_ms()
                    update = self._next(sent_ms)
                    if update.seen:
                        results_ms = sent_ms
                    yield update.event()
                assert self._end is not None
                yield self._end
            finally:
                timeout.cancel()

    def _time_out(self) -> None:
        self.end("SessionTimeoutException", "The session has timed out.")

    async def _due(self, sent_ms: int, results_ms: int) -> bool:
        """Return when an update is due: False; or when the session has ended: True."""
        while self._end is None:
            since_ms = results_ms if self._current.seen else sent_ms
            wait_ms = since_ms + UPDATE_EVERY_MS - self._clock.now_ms()
            if wait_ms <= 0 or self._full:
                return False
            self._wake = asyncio.get_running_loop().create_future()
            timer = self._clock.call_later(wait_ms / 1000, self._awake)
            try:
                await self._wake
            finally:
                self._wake = None
                timer.cancel()
        return True

    def _next(self, now_ms: int) -> _Update:
        if self._full:
            return self._full.popleft()
        update, self._current = self._current, _Update(now_ms)
        return update

    def _take(self, group: GroupName, stream: str, events: Events, ingested_ms: int) -> None:
        selection = self._selection
        if not selection.takes_stream(stream):
            return
        for time_ms, message in events:
            if selection.takes_message is None or selection.takes_message(message):
                self._add(
                    {
                        "logStreamName": stream,
                        "logGroupIdentifier": f"{group.account}:{group.name}",
                        "message": message,
                        "timestamp": time_ms,
                        "ingestionTime": ingested_ms,
                    }
                )

    def _add(self, event: Event) -> None:
        now_ms = self._clock.now_ms()
        if not self._current.seen:
            self._current.began_ms = now_ms
            self._awake()
        elif now_ms - self._current.began_ms >= UPDATE_EVERY_MS:  # the client is behind
            self._full.append(self._current)
            self._current = _Update(now_ms)
        self._current.add(event)

    def _awake(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
