"""Asynchronous invocation: an accepted event is tried, through crashes, until it succeeds or is given up.

An event is a record of the store until then. A function's error is retried twice, after one and two
minutes; being throttled, or the machine's own failure, is retried with growing pauses for up to six hours
(AWS's defaults, which an event invoke configuration narrows). How it ended goes to the destination that the
configuration names, and a failed event to the function's dead-letter queue.
"""

from __future__ import annotations

import asyncio
import heapq
import logging

import msgspec

from noria.clock import Timer
from noria.errors import AwsError
from noria.services.lambda_ import errors
from noria.services.lambda_.concurrency import Concurrency
from noria.services.lambda_.core import Core
from noria.services.lambda_.event_configs import (
    DEFAULT,
    Ended,
    EventConfig,
    dead_letter_attributes,
    invocation_record,
)
from noria.services.lambda_.functions import qualified
from noria.services.lambda_.invocation import Work
from noria.services.lambda_.limits import EVENT_RETRY_DELAYS_S, EVENT_WORKERS
from noria.services.lambda_.metrics import FunctionMetrics
from noria.services.lambda_.models import LATEST, Function, function_arn
from noria.services.lambda_.names import Reference
from noria.store.base import StoreError
from noria.store.listing import every

log = logging.getLogger(__name__)

KIND = "lambda-event"
LISTED_AT_ONCE = 20  # an event may have 1 MB
WAITING_EVENTS = 100_000  # a few hundred bytes of memory each; more are throttled
SYSTEM_RETRY_S = (1.0, 300.0)  # doubled from the first to the second

Key = tuple[str, str, str]  # account, region, record's name


class Event(msgspec.Struct, frozen=True):
    """qualifier: of the request. failures: of the function. throttles: attempts that did not reach it."""

    function: str
    qualifier: str
    request_id: str
    arn: str
    payload: bytes
    client_context: str
    accepted_ms: int
    due_ms: int
    trace: str = ""
    tenant: str = ""
    failures: int = 0
    throttles: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Event).decode


class AsyncInvoker:
    """Holds the keys of waiting events in the order of their times; payloads stay in the store."""

    def __init__(self, core: Core, concurrency: Concurrency, metrics: FunctionMetrics) -> None:
        self._records = core.records
        self._functions = core.functions
        self._configs = core.event_configs
        self._destinations = core.destinations
        self._clock = core.clock
        self._concurrency = concurrency
        self._metrics = metrics
        self._waiting: list[tuple[int, Key]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        self._stopping = False

    async def start(self) -> None:
        """Take up what an earlier server accepted."""
        for account, region in await self._records.owners(KIND):
            async for name, value in every(self._records, KIND, account, region, page=LISTED_AT_ONCE):
                heapq.heappush(self._waiting, (_decode(value).due_ms, (account, region, name)))
        self._run_due()

    async def accept(self, reference: Reference, work: Work) -> None:
        """Return once the event is durable."""
        if len(self._waiting) >= WAITING_EVENTS:
            raise errors.too_many_requests()
        now_ms = self._clock.now_ms()
        event = Event(
            reference.name,
            reference.qualifier,
            work.request_id,
            work.arn,
            work.payload,
            work.client_context,
            now_ms,
            now_ms,
            work.trace,
            work.tenant,
        )
        key = (reference.account, reference.region, work.request_id)
        await self._records.insert(KIND, *key, _encode(event))
        self._metrics.put(reference, work.arn, "AsyncEventsReceived", 1)
        heapq.heappush(self._waiting, (now_ms, key))
        self._run_due()

    def _run_due(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_ms = self._clock.now_ms()
        while self._waiting and len(self._running) < EVENT_WORKERS and not self._stopping:
            due_ms, key = self._waiting[0]
            if due_ms > now_ms:
                self._timer = self._clock.call_later((due_ms - now_ms) / 1000, self._run_due)
                return
            heapq.heappop(self._waiting)
            task = asyncio.get_running_loop().create_task(self._run(key))
            self._running.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an asynchronous invocation waits for the next start of the server", exc_info=error)
        self._run_due()

    async def _run(self, key: Key) -> None:
        try:
            await self._try(key)
        except StoreError as error:
            log.warning("an asynchronous invocation is tried again later: %s", error)
            heapq.heappush(self._waiting, (self._clock.now_ms() + int(SYSTEM_RETRY_S[1] * 1000), key))

    async def _try(self, key: Key) -> None:
        account, region, name = key
        value = await self._records.get(KIND, account, region, name)
        if value is None:  # its account was emptied
            return
        event = _decode(value)
        reference = Reference(account, region, event.function, event.qualifier)
        function = await self._functions.route(reference)
        if function is None:
            await self._records.delete(KIND, account, region, name)
            return
        qualifier = event.qualifier or LATEST
        config = await self._configs.get(account, region, qualified(event.function, qualifier)) or DEFAULT
        result = await self._attempt(function, event, config)
        if result is None:
            return  # the server stops, and it stays in the store
        if isinstance(result, Event):
            if await self._records.replace(KIND, *key, _encode(result), expected=value):
                heapq.heappush(self._waiting, (result.due_ms, key))
            return
        await self._report(function, event, config, result)
        await self._records.delete(KIND, *key)

    async def _attempt(self, function: Function, event: Event, config: EventConfig) -> Event | Ended | None:
        """The event to try again, or how it ended; None where it did not come to it."""
        reservations = await self._concurrency.reservations(function.account, function.region)
        if reservations.functions.get(function.name) == 0:
            return Ended("ZeroReservedConcurrency", event.failures, function.version, None)
        if self._clock.now_ms() - event.accepted_ms > config.age_ms:
            return Ended("EventAgeExceeded", event.failures, function.version, None)
        work = Work(
            event.request_id,
            event.arn,
            event.payload,
            event.client_context,
            trace=event.trace,
            tenant=event.tenant,
        )
        age_ms = self._clock.now_ms() - event.accepted_ms
        self._metrics.put(function, event.arn, "AsyncEventAge", age_ms, "Milliseconds")
        try:
            outcome = await self._concurrency.invoke(function, work)
        except AwsError as error:
            if self._stopping:
                return None
            if error.code == "RecursiveInvocationException":
                return Ended("RetriesExhausted", event.failures, function.version, None)
            log.info("asynchronous invocation %s did not reach its function: %s", event.request_id, error)
            again = self._after_throttle(event)
            if again.due_ms - event.accepted_ms > config.age_ms:
                return Ended("EventAgeExceeded", event.failures, function.version, None)
            return again
        attempts = event.failures + 1
        if not outcome.function_error:
            return Ended("Success", attempts, function.version, outcome)
        if event.failures >= config.retries:
            return Ended("RetriesExhausted", attempts, function.version, outcome)
        again = self._after_failure(event)
        if again.due_ms - event.accepted_ms > config.age_ms:
            return Ended("EventAgeExceeded", attempts, function.version, outcome)
        return again

    def _after_failure(self, event: Event) -> Event:
        due_ms = self._clock.now_ms() + int(EVENT_RETRY_DELAYS_S[event.failures] * 1000)
        return msgspec.structs.replace(event, failures=event.failures + 1, due_ms=due_ms)

    def _after_throttle(self, event: Event) -> Event:
        first_s, longest_s = SYSTEM_RETRY_S
        delay_s = min(longest_s, first_s * 2 ** min(event.throttles, 20))
        due_ms = self._clock.now_ms() + int(delay_s * 1000)
        return msgspec.structs.replace(event, throttles=event.throttles + 1, due_ms=due_ms)

    async def _report(self, function: Function, event: Event, config: EventConfig, ended: Ended) -> None:
        """To the destination, and a failed event to the dead-letter queue."""
        succeeded = ended.condition == "Success"
        if not succeeded:
            log.info("asynchronous invocation %s is given up: %s", event.request_id, ended.condition)
            self._metrics.put(function, event.arn, "AsyncEventsDropped", 1)
        destination = config.on_success if succeeded else config.on_failure
        if destination:
            arn = function_arn(function.account, function.region, function.name, event.qualifier or LATEST)
            now_ms = self._clock.now_ms()
            record = invocation_record(now_ms, event.request_id, arn, event.payload, ended)
            if not await self._destinations.send(function, destination, record):
                self._metrics.put(function, event.arn, "DestinationDeliveryFailures", 1)
        if function.dead_letter_arn and not succeeded:
            attributes = dead_letter_attributes(event.request_id, ended)
            body = event.payload.decode() or "{}"
            if not await self._destinations.send(function, function.dead_letter_arn, body, attributes):
                self._metrics.put(function, event.arn, "DeadLetterErrors", 1)

    async def reset(self, account: str) -> None:
        """Forget what the account's events were to do; one that runs is not tried again."""
        for owner, region in await self._records.owners(KIND):
            while owner == account and (
                page := await self._records.list(KIND, account, region, limit=LISTED_AT_ONCE)
            ):
                for name, _ in page:
                    await self._records.delete(KIND, account, region, name)

    def stop_taking(self) -> None:
        """No further event is begun."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()

    async def stop(self) -> None:
        """Return once what runs has ended; what waits stays in the store."""
        while self._running:
            await asyncio.wait(self._running)
