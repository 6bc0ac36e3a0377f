"""Log events on their way to the functions that subscribe to them, as CloudWatch Logs sends them: batches of
one stream's events, gzipped, in Base64, as asynchronous invocations by the service ``logs.amazonaws.com``.

They wait in memory, a bounded number of them for each filter. Who cannot be invoked for a while (throttled)
is tried again; who is gone or does not allow it loses the batch, as on AWS.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from noria.clock import Clock
from noria.context import service_principal
from noria.errors import AwsError
from noria.services.logs.feed import GroupName
from noria.services.logs.models import group_arn
from noria.services.logs.settings import Subscription
from noria.services.ports import Caller
from noria.store.base import StoreError

log = logging.getLogger(__name__)

GATHER_S = 0.2  # events are gathered this long: AWS takes some seconds
BATCH_EVENTS = 5_000
BATCH_BYTES = (
    512 << 10
)  # of text: as Base64 of gzip at its worst below the 1 MB of an asynchronous invocation
MAX_WAITING_BYTES = 16 << 20  # for each filter; what comes on top of it is lost, and logged
RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # the last again and again
GIVE_UP_S = 24 * 3600.0  # as AWS
STOP_S = 5.0  # how long a stop waits for what is on its way
BESIDE_THE_LOOP_BYTES = 64 << 10  # from here on, packing is worth a thread

Event = Mapping[str, Any]
Key = tuple[GroupName, str]

_encode = msgspec.json.Encoder().encode


class Deliveries:
    """All subscriptions' deliveries, each in the order of its events."""

    def __init__(self, call: Caller, clock: Clock) -> None:
        self._call = call
        self._clock = clock
        self._lines: dict[Key, _Line] = {}
        self._is_stopped = False

    def add(self, group: GroupName, subscription: Subscription, stream: str, events: Sequence[Event]) -> None:
        if self._is_stopped:
            return
        key = group, subscription.name
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(self, group)
            line.task = asyncio.get_running_loop().create_task(self._run(key, line))
        line.add(subscription, stream, events)

    async def try_out(self, group: GroupName, subscription: Subscription) -> None:
        """Send the message by which AWS sees whether a destination can be reached. Raises AwsError."""
        check = {
            "id": "",
            "timestamp": self._clock.now_ms(),
            "message": "CWL CONTROL MESSAGE: Checking health of destination Lambda function.",
        }
        message = _message("CONTROL_MESSAGE", "CloudwatchLogs", "", "", [], [check])
        await self._invoke(group, subscription.destination, _packed(message))

    def forget(self, account: str, region: str = "", group: str = "", name: str = "") -> None:
        """What waits for an account, or for the filters of a group, or for one, is not wanted any more."""
        for (place, filter_name), line in list(self._lines.items()):
            asked = zip((account, region, group, name), (*place, filter_name), strict=True)
            if all(not wanted or wanted == has for wanted, has in asked) and line.task is not None:
                line.task.cancel()

    async def stop(self) -> None:
        """What cannot be delivered soon, or comes later, is lost."""
        self._is_stopped = True
        tasks = [line.task for line in self._lines.values() if line.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_S)
            for task in late:
                task.cancel()
            if late:
                log.warning(
                    "log events for %d subscriptions could not be delivered before the end", len(late)
                )
                await asyncio.wait(late)

    async def _run(self, key: Key, line: _Line) -> None:
        try:
            await self._clock.sleep(GATHER_S)
            while line.waiting:
                subscription, stream, events = line.batch()
                await self._send(line.group, subscription, stream, events)
                line.taken(len(events))
        finally:
            del self._lines[key]

    async def _send(
        self, group: GroupName, subscription: Subscription, stream: str, events: list[Event]
    ) -> None:
        message = _message("DATA_MESSAGE", group.account, group.name, stream, [subscription.name], events)
        if sum(len(event["message"]) for event in events) > BESIDE_THE_LOOP_BYTES:
            payload = await asyncio.to_thread(_packed, message)
        else:
            payload = _packed(message)
        begun_s = self._clock.now_s()
        attempt = 0
        while True:
            try:
                await self._invoke(group, subscription.destination, payload)
                return
            except (AwsError, StoreError) as error:
                lasting = isinstance(error, AwsError) and error.status not in (429, 500, 502, 503)
                if lasting or self._clock.now_s() - begun_s > GIVE_UP_S:
                    log.warning(
                        "%d events of %s are lost to %s: %s",
                        len(events),
                        group.name,
                        subscription.destination,
                        error,
                    )
                    return
            await self._clock.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1

    async def _invoke(self, group: GroupName, function: str, payload: bytes) -> None:
        """As the service, by either of its names; the function's policy decides. Raises AwsError."""
        source = (
            ("aws:SourceArn", f"{group_arn(*group)}:*"),
            ("aws:SourceAccount", group.account),
        )
        params = {"function_name": function, "invocation_type": "Event", "payload": payload}
        for name in ("logs.amazonaws.com", f"logs.{group.region}.amazonaws.com"):
            principal = replace(service_principal(name), session_conditions=source)
            try:
                await self._call(principal, group.region, "lambda", "Invoke", params)
                return
            except AwsError as error:
                if error.code != "AccessDeniedException":
                    raise
                denied = error
        raise denied


class _Line:
    """What waits for one filter."""

    def __init__(self, deliveries: Deliveries, group: GroupName) -> None:
        self.group = group
        self.task: asyncio.Task[None] | None = None
        self.waiting: deque[tuple[Subscription, str, Event]] = deque()
        self._bytes = 0

    def add(self, subscription: Subscription, stream: str, events: Sequence[Event]) -> None:
        lost = 0
        for event in events:
            if self._bytes > MAX_WAITING_BYTES:
                lost += 1
                continue
            self.waiting.append((subscription, stream, event))
            self._bytes += _size(event)
        if lost:
            log.warning(
                "%d events of %s are lost to %s, too many wait", lost, self.group.name, subscription.name
            )

    def batch(self) -> tuple[Subscription, str, list[Event]]:
        """The first events of one stream, no more than one invocation takes. They stay until `taken`."""
        subscription, stream, _ = self.waiting[0]
        events: list[Event] = []
        size = 0
        for each, its_stream, event in self.waiting:
            size += _size(event)
            full = len(events) == BATCH_EVENTS or (events and size > BATCH_BYTES)
            if full or its_stream != stream or each is not subscription:
                break
            events.append(event)
        return subscription, stream, events

    def taken(self, count: int) -> None:
        for _ in range(count):
            _, _, event = self.waiting.popleft()
            self._bytes -= _size(event)


def _size(event: Event) -> int:
    return len(event["message"]) * (2 if "extractedFields" in event else 1) + 100


def _message(
    kind: str, owner: str, group: str, stream: str, filters: list[str], events: Sequence[Event]
) -> dict[str, Any]:
    return {
        "messageType": kind,
        "owner": owner,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": filters,
        "logEvents": events,
    }


def _packed(message: Mapping[str, Any]) -> bytes:
    data = base64.b64encode(gzip.compress(_encode(message), mtime=0)).decode()
    return _encode({"awslogs": {"data": data}})
