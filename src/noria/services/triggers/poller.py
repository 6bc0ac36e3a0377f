"""Takes messages off a queue for a function, as the function's execution role.

One loop a mapping: it waits for a free place among the concurrent batches, then long-polls, so that no
message is taken that can't be handled at once; while there is backlog, the places poll side by side. A batch
is delivered and deleted by tasks of its own. All state is in the queue: what was taken and not deleted
returns after the queue's visibility timeout.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

from noria.errors import AwsError
from noria.services.ports import Invocation
from noria.services.triggers import limits
from noria.services.triggers.event import Received, cut, failed_ids, payload, payload_bytes
from noria.services.triggers.mapping import Mapping
from noria.services.triggers.metrics import EventCounts
from noria.services.triggers.names import parse_queue, unqualified
from noria.services.triggers.scaling import Places
from noria.services.triggers.source import Source, Surroundings

log = logging.getLogger(__name__)

OK = "OK"
NOTHING_YET = "No records processed"
FUNCTION_FAILED = "PROBLEM: Function call failed"
# Answers to an invocation that has not begun and may yet: the batch is held, and tried again.
RETRIED = {"TooManyRequestsException", "ServiceException", "ResourceConflictException"}


class Poller:
    """Runs from its making, inside a running loop, until `stop` or `abort`."""

    def __init__(self, mapping: Mapping, surroundings: Surroundings) -> None:
        self.mapping = mapping
        self.last_result: str | None = None
        self.has_begun = False  # it has asked the queue for messages
        self._source = Source(mapping, surroundings)
        self._counts = EventCounts(mapping, surroundings.metrics)
        self._is_fifo = parse_queue(mapping.source_arn).is_fifo
        self._function_arn = unqualified(mapping.function_arn)
        self._functions = surroundings.functions
        self._clock = surroundings.clock
        first, maximum = mapping.concurrency
        self._places = Places(first, maximum, self._clock, self._functions.has_room)
        self._tasks: set[asyncio.Task[object]] = set()
        self._taking: set[asyncio.Task[Any]] = set()  # those in which a batch is being taken
        self._backlog = False  # as much came as was asked for
        self._held: set[asyncio.Future[None]] = set()  # throttled batches, until they are tried again
        self._throttles = 0  # since an invocation last went through
        self._next_try_ms = 0
        self._failed_receives = 0  # in a row
        self._failed_invokes = 0
        self._stopping = False
        self._loop = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Take no more; let running batches finish and delete their messages, within STOP_GRACE_S."""
        self._stopping = True
        for turn in self._held:
            _resolve(turn)
        timer = self._clock.call_later(limits.RECEIVE_GRACE_S, self._cancel_receives)
        await asyncio.wait([self._loop])
        timer.cancel()
        timer = self._clock.call_later(limits.STOP_GRACE_S, self._cancel_tasks)
        while self._tasks:
            await asyncio.wait(self._tasks)
        timer.cancel()

    async def abort(self) -> None:
        """Drop everything; what was taken returns to the queue, if there is one."""
        self._loop.cancel()
        self._cancel_tasks()
        await asyncio.wait([self._loop, *self._tasks])

    def _cancel_receives(self) -> None:
        for task in {self._loop, *self._taking}:
            task.cancel()

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _run(self) -> None:
        while not self._stopping:
            await self._places.acquire()
            if failures := max(self._failed_receives, self._failed_invokes):
                try:
                    await self._clock.sleep(backoff_s(failures))
                except asyncio.CancelledError:
                    self._places.release()
                    raise
            if self._backlog:
                self._in_background(self._poll(0))  # and the next one beside it, where there is a place
            else:
                await self._poll(limits.LONG_POLL_S)

    # -- taking -----------------------------------------------------------------------------------------

    async def _poll(self, wait_s: int) -> None:
        """Take a batch for a place that was acquired, and see it delivered."""
        task = asyncio.current_task()
        assert task is not None
        self._taking.add(task)
        batch: list[Received] = []
        try:
            batch = await self._take(wait_s)
        except Exception as error:
            self._backlog = False
            self._failed_receives += 1
            self._problem(error)
        finally:
            self._taking.discard(task)
            if not batch:
                self._places.release()
        if batch:
            self._in_background(self._deliver(batch)).add_done_callback(lambda _: self._places.release())

    async def _take(self, wait_s: int) -> list[Received]:
        """The next batch; empty when the queue was for as long as one may wait, or held nothing wanted."""
        mapping = self.mapping
        self.has_begun = True
        limit = min(mapping.batch_size, limits.MAX_RECEIVED_AT_ONCE)
        batch, unwanted = await self._source.receive(limit, wait_s)
        if self._failed_receives:
            self._failed_receives = 0
            self.last_result = NOTHING_YET
        if not batch and not unwanted:
            self._places.idle()
        self._counts.polled(len(batch) + len(unwanted), len(unwanted))
        self._drop(unwanted)
        if batch and mapping.window_s:
            await self._fill(batch)
            self._backlog = len(batch) == mapping.batch_size
        else:
            self._backlog = len(batch) + len(unwanted) == limit
        return batch

    async def _fill(self, batch: list[Received]) -> None:
        """Add to the batch until it is full or its window is over. What is held is delivered in any case."""
        end_ms = self._clock.now_ms() + self.mapping.window_s * 1000
        size_bytes = payload_bytes(batch)
        may_wait = False  # the last look found nothing
        try:
            while not self._stopping and size_bytes < limits.MAX_PAYLOAD_BYTES:
                left_s = (end_ms - self._clock.now_ms()) / 1000
                wanted = self._requests(len(batch), size_bytes)
                if not wanted or (may_wait and left_s <= 0):
                    return
                if may_wait and left_s >= 1:
                    more, unwanted = await self._source.receive(
                        wanted[0], min(limits.LONG_POLL_S, int(left_s))
                    )
                else:
                    if may_wait:  # for less than a poll can wait
                        await self._clock.sleep(left_s)
                    more, unwanted = await self._source.receive_more(wanted)
                self._counts.polled(len(more) + len(unwanted), len(unwanted))
                self._drop(unwanted)
                may_wait = not more and not unwanted
                batch += more
                size_bytes += sum(len(message.record) for message in more)
        except AwsError as error:
            self._problem(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._stopping or task is None:
                raise
            task.uncancel()  # by `stop`: the loop ends after this batch

    def _requests(self, count: int, size_bytes: int) -> list[int]:
        """How many messages each of the next receives asks for, if the next ones are as large as these."""
        room_bytes = limits.MAX_PAYLOAD_BYTES - size_bytes
        room = min(self.mapping.batch_size - count, room_bytes * count // size_bytes + 1)
        full, rest = divmod(room, limits.MAX_RECEIVED_AT_ONCE)
        each = [limits.MAX_RECEIVED_AT_ONCE] * full + ([rest] if rest else [])
        return each[: limits.REQUESTS_AT_ONCE]

    def _drop(self, unwanted: Sequence[Received]) -> None:
        if unwanted:
            self._in_background(self._delete(unwanted))

    def _in_background(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- delivering -------------------------------------------------------------------------------------

    async def _deliver(self, batch: Sequence[Received]) -> None:
        """In one invocation, or in several, one after the other, where one cannot carry it.

        What follows a failure in a FIFO queue stays hidden with it, and returns behind it.
        """
        for part in cut(batch):
            if not await self._deliver_part(part) and self._is_fifo:
                return

    async def _deliver_part(self, part: Sequence[Received]) -> bool:
        """Whether every message was handled. Those that were are deleted; the place needn't wait for that."""
        began_ms = self._clock.now_ms()
        try:
            invocation = await self._invoke(part)
        except Exception as error:
            self._failed_invokes += 1
            self._counts.failed(len(part))
            self._problem(error)
            return False
        self._counts.invoked(len(part))
        if invocation.function_error:
            self.last_result = FUNCTION_FAILED
            self._counts.failed(len(part))
            self._places.failed()
            return False
        self._places.succeeded(began_ms)
        failed = failed_ids(invocation.payload, part) if self.mapping.reports_failures else set()
        if failed:
            self._counts.failed(len(failed))
        self._in_background(self._finish([message for message in part if message.message_id not in failed]))
        return not failed

    async def _finish(self, handled: Sequence[Received]) -> None:
        if await self._delete(handled):
            self.last_result = OK

    async def _delete(self, messages: Sequence[Received]) -> bool:
        try:
            await self._source.delete(messages)
        except Exception as error:
            self._problem(error)
            return False
        self._counts.deleted(len(messages))
        return True

    async def _invoke(self, batch: Sequence[Received]) -> Invocation:
        """A throttled batch is held and tried again for as long as it is hidden from other consumers
        (services-sqs-errorhandling.html), so that waiting costs it no receive."""
        event = payload(batch)
        trace = next((message.trace for message in batch if message.trace), "")
        until_ms: int | None = None
        while True:
            try:
                invocation = await self._functions.invoke(self._function_arn, event, trace)
            except AwsError as error:
                if error.code not in RETRIED or self._stopping:
                    raise
                self._problem(error)
                self._places.failed()
                if until_ms is None:
                    visibility_timeout_s = await self._source.visibility_timeout_s()
                    until_ms = batch[0].received_ms + visibility_timeout_s * 1000
                if not await self._hold(until_ms):
                    raise
                continue
            self._went_through()
            return invocation

    async def _hold(self, until_ms: int) -> bool:
        """Wait for this batch's turn to be tried; False where that came too late.

        Turns are apart, ever longer, whatever the number of batches that are held; once an invocation goes
        through, all have theirs at once.
        """
        self._throttles += 1
        now_ms = self._clock.now_ms()
        turn_ms = max(now_ms, self._next_try_ms) + round(backoff_s(self._throttles) * 1000)
        if turn_ms < until_ms:
            self._next_try_ms = turn_ms
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self._clock.call_later((min(turn_ms, until_ms) - now_ms) / 1000, lambda: _resolve(turn))
        self._held.add(turn)
        try:
            await turn
        finally:
            timer.cancel()
            self._held.discard(turn)
        return self._clock.now_ms() < until_ms and not self._stopping

    def _went_through(self) -> None:
        """The function is free again: all that is held is tried now."""
        self._throttles = self._next_try_ms = self._failed_invokes = 0
        for turn in self._held:
            _resolve(turn)

    def _problem(self, error: Exception) -> None:
        """Show it; the next request is with a new session."""
        self._source.forget_session()
        if isinstance(error, AwsError):
            result = f"PROBLEM: {error.message}"
        else:
            log.error("%s failed, a bug or the store", self.mapping.arn, exc_info=error)
            result = f"PROBLEM: {type(error).__name__}"
        if self.last_result != result:
            log.warning("%s: %s", self.mapping.arn, result)
            self.last_result = result


def backoff_s(failures: int) -> float:
    """0.5, 1, 2, 4, 8, 10, 10, … seconds."""
    return float(min(limits.BACKOFF_MAX_S, limits.BACKOFF_FIRST_S * 2 ** min(failures - 1, 10)))


def _resolve(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
