"""Functions' output, written as their role. What the role may not do is left out; the function runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from noria.clock import Clock
from noria.context import Principal
from noria.services.logs.feed import Events, GroupName
from noria.services.logs.intake import Intake
from noria.services.logs.limits import MAX_EVENT_BYTES
from noria.services.logs.models import stream_arn
from noria.services.ports import LogStream, Permissions
from noria.store.log_events import EVENT_OVERHEAD_BYTES, LogEvents

# In one turn of the loop, about 1 ms. Who has more waits behind others that have: functions that print
# without end slow down themselves and each other, and nobody else.
PART_EVENTS = 250
PART_BYTES = 256 << 10
MAX_MESSAGE_BYTES = MAX_EVENT_BYTES - EVENT_OVERHEAD_BYTES


class RoleLogSink:
    """See `noria.services.ports.LogSink`."""

    def __init__(self, log_events: LogEvents, intake: Intake, permissions: Permissions, clock: Clock) -> None:
        self._log_events = log_events
        self._intake = intake
        self._permissions = permissions
        self._clock = clock
        self.bulk = asyncio.Lock()

    async def open_stream(
        self, principal: Principal, region: str, group: str, stream: str
    ) -> LogStream | None:
        """A group that exists needs no permission to create one; nor does a stream that exists."""
        stream_id = await self.stream_id(principal, region, group, stream)
        return (
            None if stream_id is None else _RoleLogStream(self, principal, region, group, stream, stream_id)
        )

    async def stream_id(self, principal: Principal, region: str, group: str, stream: str) -> int | None:
        """Of the stream, made where it is missing; None where the role may not."""
        events, account = self._log_events, principal.account
        found = await events.group(account, region, group)
        if found is None:
            if not await self.allows(principal, "logs:CreateLogGroup", region, group, ""):
                return None
            await events.create_group(account, region, group, self._clock.now_ms())
            found = await events.group(account, region, group)
        if found is None:
            return None  # deleted in the same instant
        made = await events.stream(found.id, stream)
        if made is None:
            if not await self.allows(principal, "logs:CreateLogStream", region, group, stream):
                return None
            await events.create_stream(found.id, stream, self._clock.now_ms())
            made = await events.stream(found.id, stream)
        return made.id if made else None

    async def allows(self, principal: Principal, action: str, region: str, group: str, stream: str) -> bool:
        resource = stream_arn(principal.account, region, group, stream)
        return await self._permissions.allows(principal, action, resource)

    async def append(
        self, principal: Principal, region: str, group: str, stream: str, stream_id: int, events: Events
    ) -> bool:
        name = GroupName(principal.account, region, group)
        return await self._intake.append(name, stream, stream_id, events, self._clock.now_ms(), principal)


class _RoleLogStream:
    """See `noria.services.ports.LogStream`."""

    def __init__(
        self, sink: RoleLogSink, principal: Principal, region: str, group: str, stream: str, stream_id: int
    ) -> None:
        self._sink = sink
        self._place = (principal, region, group, stream)
        self._stream_id = stream_id

    async def put(self, events: list[tuple[int, str]]) -> None:
        principal, region, group, stream = self._place
        if not await self._sink.allows(principal, "logs:PutLogEvents", region, group, stream):
            return
        if len(events) <= PART_EVENTS and sum(len(message) for _, message in events) <= PART_BYTES:
            await self._append(events)
            return
        for part in parts(events):
            async with self._sink.bulk:
                await self._append(part)
                await asyncio.sleep(0)

    async def _append(self, events: Events) -> None:
        if await self._sink.append(*self._place, self._stream_id, events):
            return
        stream_id = await self._sink.stream_id(*self._place)  # somebody deleted it: AWS makes it anew
        if stream_id is not None:
            self._stream_id = stream_id
            await self._sink.append(*self._place, stream_id, events)


def parts(events: Events) -> Iterator[list[tuple[int, str]]]:
    """The events, each of legal size, as many at once as one turn of the loop bears."""
    part: list[tuple[int, str]] = []
    size = 0
    for time_ms, message in events:
        for piece in split(message):
            if part and (len(part) == PART_EVENTS or size + len(piece) > PART_BYTES):
                yield part
                part, size = [], 0
            part.append((time_ms, piece))
            size += len(piece)
    if part:
        yield part


def split(message: str) -> list[str]:
    """A message in parts that are events of legal size; never within a character."""
    encoded = message.encode()
    if len(encoded) <= MAX_MESSAGE_BYTES:
        return [message]
    parts = []
    start = 0
    while start < len(encoded):
        end = start + MAX_MESSAGE_BYTES
        while end < len(encoded) and encoded[end] & 0xC0 == 0x80:  # inside a character
            end -= 1
        parts.append(encoded[start:end].decode())
        start = end
    return parts
