"""Takes messages off a queue for a function, as the function's execution role.

One loop a mapping: it waits for a free place among the concurrent batches, then long-polls, so that no
message is taken that can't be handled at once. A batch is invoked and deleted by a task of its own. All
state is in the queue: what was taken and not deleted returns after the queue's visibility timeout.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any

import msgspec

from noria.clock import Clock
from noria.context import Principal
from noria.errors import AwsError
from noria.services.ports import LAMBDA_SERVICE_PRINCIPAL, Caller, Functions, Roles, RoleSession
from noria.services.triggers import errors, limits
from noria.services.triggers.event import Received, cut, failed_ids, payload, payload_bytes, received
from noria.services.triggers.mapping import Mapping
from noria.services.triggers.names import parse_queue, unqualified

log = logging.getLogger(__name__)

OK = "OK"
NOTHING_YET = "No records processed"
FUNCTION_FAILED = "PROBLEM: Function call failed"


class Surroundings(msgspec.Struct, frozen=True):
    """What every poller needs."""

    functions: Functions
    roles: Roles
    caller: Caller
    clock: Clock


class Poller:
    """Runs from its making, inside a running loop, until `stop` or `abort`."""

    def __init__(self, mapping: Mapping, surroundings: Surroundings) -> None:
        self.mapping = mapping
        self.last_result: str | None = None
        self._queue = parse_queue(mapping.source_arn)
        self._function_arn = unqualified(mapping.function_arn)
        self._functions = surroundings.functions
        self._roles = surroundings.roles
        self._caller = surroundings.caller
        self._clock = surroundings.clock
        self._session: tuple[str, RoleSession] | None = None
        self._places = asyncio.Semaphore(limits.CONCURRENT_BATCHES)
        self._batches: set[asyncio.Task[None]] = set()
        self._failed_receives = 0  # in a row
        self._failed_invokes = 0
        self._stopping = False
        self._loop = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Take no more; let running batches finish and delete their messages, within STOP_GRACE_S."""
        self._stopping = True
        timer = self._clock.call_later(limits.RECEIVE_GRACE_S, self._loop.cancel)
        await asyncio.wait([self._loop])
        timer.cancel()
        if self._batches:
            timer = self._clock.call_later(limits.STOP_GRACE_S, self._cancel_batches)
            await asyncio.wait(self._batches)
            timer.cancel()

    async def abort(self) -> None:
        """Drop everything; what was taken returns to the queue, if there is one."""
        self._loop.cancel()
        self._cancel_batches()
        await asyncio.wait([self._loop, *self._batches])

    def _cancel_batches(self) -> None:
        for batch in self._batches:
            batch.cancel()

    async def _run(self) -> None:
        while not self._stopping:
            await self._places.acquire()
            try:
                if failures := max(self._failed_receives, self._failed_invokes):
                    await self._clock.sleep(backoff_s(failures))
                batch = await self._take()
            except Exception as error:
                self._failed_receives += 1
                self._problem(error)
                batch = []
            except asyncio.CancelledError:
                self._places.release()
                raise
            if not batch:
                self._places.release()
                continue
            first, *rest = cut(batch)
            self._deliver_in_background(first)
            for part in rest:
                await self._places.acquire()
                self._deliver_in_background(part)

    async def _take(self) -> list[Received]:
        """The next batch; empty when the queue was for as long as one may wait."""
        mapping = self.mapping
        batch = await self._receive(mapping.batch_size, limits.LONG_POLL_S)
        if self._failed_receives:
            self._failed_receives = 0
            self.last_result = NOTHING_YET
        if batch and mapping.window_s:
            await self._fill(batch)
        return batch

    async def _fill(self, batch: list[Received]) -> None:
        """Add to the batch until it is full or its window is over. What is held is delivered in any case."""
        end_ms = self._clock.now_ms() + self.mapping.window_s * 1000
        try:
            while not self._stopping and payload_bytes(batch) < limits.MAX_PAYLOAD_BYTES:
                room = self.mapping.batch_size - len(batch)
                left_s = (end_ms - self._clock.now_ms()) / 1000
                if room <= 0:
                    return
                if 0 < left_s < 1:  # less than a poll can wait
                    await self._clock.sleep(left_s)
                    left_s = 0
                more = await self._receive(room, min(limits.LONG_POLL_S, max(0, int(left_s))))
                batch += more
                if left_s <= 0 and not more:
                    return
        except AwsError as error:
            self._problem(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._stopping or task is None:
                raise
            task.uncancel()  # by `stop`: the loop ends after this batch

    async def _receive(self, limit: int, wait_s: int) -> list[Received]:
        answer = await self._call(
            "ReceiveMessage",
            max_number_of_messages=min(limit, limits.MAX_RECEIVED_AT_ONCE),
            wait_time_seconds=wait_s,
            message_system_attribute_names=["All"],
            message_attribute_names=["All"],
        )
        return [received(message, self._queue) for message in answer.get("Messages") or ()]

    def _deliver_in_background(self, batch: Sequence[Received]) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(batch))
        self._batches.add(task)
        task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        self._places.release()

    async def _deliver(self, batch: Sequence[Received]) -> None:
        try:
            invocation = await self._functions.invoke(self._function_arn, payload(batch))
            self._failed_invokes = 0
            if invocation.function_error:
                self.last_result = FUNCTION_FAILED
                return
            failed = failed_ids(invocation.payload, batch) if self.mapping.reports_failures else set()
            await self._delete([message for message in batch if message.message_id not in failed])
            self.last_result = OK
        except Exception as error:
            self._failed_invokes += 1
            self._problem(error)

    async def _delete(self, messages: Sequence[Received]) -> None:
        for start in range(0, len(messages), limits.MAX_RECEIVED_AT_ONCE):
            part = messages[start : start + limits.MAX_RECEIVED_AT_ONCE]
            entries = [
                {"Id": str(number), "ReceiptHandle": message.receipt_handle}
                for number, message in enumerate(part)
            ]
            answer = await self._call("DeleteMessageBatch", entries=entries)
            for failure in answer.get("Failed") or ():
                raise AwsError(failure["Code"], failure.get("Message") or failure["Code"])

    async def _call(self, operation: str, **params: Any) -> Dict[str, Any]:
        return await self._caller(
            await self._principal(),
            self._queue.region,
            "sqs",
            operation,
            {"queue_url": self._queue.url, **params},
            LAMBDA_SERVICE_PRINCIPAL,
        )

    async def _principal(self) -> Principal:
        role_arn = await self._functions.role_arn(self._function_arn)
        if role_arn is None:
            raise errors.no_such_function()
        if self._session is not None:
            assumed_arn, session = self._session
            left_ms = session.expires_at_ms - self._clock.now_ms()
            if assumed_arn == role_arn and left_ms > limits.SESSION_RENEWAL_MS:
                return session.principal
        session_name = f"awslambda_esm_{self.mapping.uuid}"
        assumed = await self._roles.assume(role_arn, LAMBDA_SERVICE_PRINCIPAL, session_name)
        if assumed is None:
            raise errors.role_not_assumable()
        self._session = (role_arn, assumed)
        return assumed.principal

    def _problem(self, error: Exception) -> None:
        """Show it; the next try is with a new session."""
        self._session = None
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
