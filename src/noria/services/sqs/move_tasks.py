"""Message move tasks: what is stored of them, and what runs them.

A slice of messages moves in one transaction, as new messages, so that a crash loses none and moves none
twice; the tasks that ran then go on at the next start. Only the count of moved messages may lag by a slice.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import uuid

import msgspec

from noria.clock import Clock
from noria.context import new_request_id
from noria.services.sqs.limits import MAX_LISTED_MOVE_TASKS, MAX_MOVE_TASK_MS
from noria.services.sqs.polling import Polls
from noria.services.sqs.queue import Queue, Queues
from noria.store.base import Records, Store, StoreError
from noria.store.listing import every

log = logging.getLogger(__name__)

KIND = "sqs-move-task"
SLICE = 100  # messages that one transaction moves: a few milliseconds of the loop
RUNNING, COMPLETED, CANCELLED, FAILED = "RUNNING", "COMPLETED", "CANCELLED", "FAILED"
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
NO_SOURCE = "CouldNotDetermineMessageSource"
TOO_LONG = "MoveTaskExpired"  # Noria's own word; AWS's is not known


class MoveTask(msgspec.Struct, frozen=True, kw_only=True):
    """destination: an ARN; "" sends each message back to where it came from. rate: messages a second, 0 for
    as many as can be. moved, to_move: messages. failure: AWS's code."""

    task_id: str
    source: str
    destination: str
    rate: int
    started_ms: int
    to_move: int
    moved: int = 0
    status: str = RUNNING
    failure: str = ""

    @property
    def name(self) -> str:
        """Of its record: a queue's tasks sort by their start."""
        return f"{self.source.rpartition(':')[2]}/{self.started_ms:015}-{self.task_id}"

    @property
    def handle(self) -> str:
        text = json.dumps({"taskId": self.task_id, "sourceArn": self.source}, separators=(",", ":"))
        return base64.b64encode(text.encode()).decode()


def parse_handle(handle: str) -> tuple[str, str] | None:
    """(task id, source ARN); None for what is no handle."""
    try:
        found = json.loads(base64.b64decode(handle, validate=True))
        task_id, source = found["taskId"], found["sourceArn"]
        return str(uuid.UUID(task_id)), str(source)
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(MoveTask).decode


class MoveTasks:
    """All of them, in the store and running."""

    def __init__(self, store: Store, queues: Queues, polls: Polls, clock: Clock) -> None:
        self._records: Records = store.records
        self._standard = store.messages
        self._fifo = store.fifo_messages
        self._queues = queues
        self._polls = polls
        self._clock = clock
        self._running: dict[str, asyncio.Task[None]] = {}  # by task id

    async def start(self) -> None:
        """Go on with the tasks that the last run left."""
        for account, region in await self._records.owners(KIND):
            async for _, stored in every(self._records, KIND, account, region):
                task = _decode(stored)
                if task.status == RUNNING:
                    self._run(task)

    async def stop(self) -> None:
        """They go on at the next start."""
        for running in self._running.values():
            running.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def reset(self, account: str) -> None:
        for owner, region in await self._records.owners(KIND):
            if owner != account:
                continue
            while rows := await self._records.list(KIND, account, region):
                for name, _ in rows:
                    await self._records.delete(KIND, account, region, name)

    async def of(self, queue: Queue) -> list[MoveTask]:
        """A queue's tasks, the latest first; those of a queue of the same name before it are left out."""
        rows = await self._records.list(KIND, queue.account, queue.region, prefix=f"{queue.name}/")
        tasks = [_decode(stored) for _, stored in reversed(rows)]
        return [task for task in tasks if task.started_ms >= queue.record.created_ms]

    async def active(self, account: str, region: str) -> int:
        count, after = 0, ""
        while rows := await self._records.list(KIND, account, region, after=after):
            count += sum(_decode(stored).status == RUNNING for _, stored in rows)
            after = rows[-1][0]
        return count

    async def add(self, queue: Queue, task: MoveTask) -> None:
        """Store and run it, and forget the queue's oldest ones."""
        await self._records.insert(KIND, queue.account, queue.region, task.name, _encode(task))
        self._run(task)
        rows = await self._records.list(KIND, queue.account, queue.region, prefix=f"{queue.name}/")
        for name, _ in rows[:-MAX_LISTED_MOVE_TASKS]:
            await self._records.delete(KIND, queue.account, queue.region, name)

    async def change(
        self, task: MoveTask, *, moved: int = 0, status: str = "", failure: str = ""
    ) -> MoveTask | None:
        """Count `moved` more, and end it while it runs; None where it is gone. What is stored is returned."""
        _, _, _, region, account, _ = task.source.split(":")
        while True:
            stored = await self._records.get(KIND, account, region, task.name)
            if stored is None:
                return None
            found = _decode(stored)
            changed = msgspec.structs.replace(found, moved=found.moved + moved)
            if found.status == RUNNING and status:
                changed = msgspec.structs.replace(changed, status=status, failure=failure)
            new = _encode(changed)
            if new == stored or await self._records.replace(
                KIND, account, region, task.name, new, expected=stored
            ):
                return changed

    def _run(self, task: MoveTask) -> None:
        running = asyncio.get_running_loop().create_task(self._move(task))
        self._running[task.task_id] = running
        running.add_done_callback(lambda _: self._running.pop(task.task_id, None))

    async def _move(self, task: MoveTask) -> None:
        limit = SLICE if not task.rate else max(1, min(SLICE, task.rate // 10))
        destinations: dict[str, int] = {}
        try:
            while True:
                source = await self._queues.by_arn(task.source)
                target = await self._queues.by_arn(task.destination) if task.destination else None
                if source is None or (task.destination and target is None):
                    await self.change(task, status=FAILED, failure=NO_QUEUE)
                    return
                messages = self._fifo if source.record.fifo else self._standard
                moved = await messages.move(
                    source.record.messages,
                    limit=limit,
                    now_ms=self._clock.now_ms(),
                    destination=target.record.messages if target is not None else None,
                    destinations=destinations,
                    new_id=new_request_id,
                )
                self._wake(target, destinations)
                status, failure = "", ""
                destinations = {}
                if moved.unknown_source is not None:
                    back = await self._back(source, moved.unknown_source)
                    if isinstance(back, str):
                        status, failure = FAILED, back
                    else:
                        destinations = {back.arn: back.record.messages}
                elif moved.messages < limit:
                    status = COMPLETED
                elif self._clock.now_ms() - task.started_ms >= MAX_MOVE_TASK_MS:
                    status, failure = FAILED, TOO_LONG
                now = await self.change(task, moved=moved.messages, status=status, failure=failure)
                if now is None or now.status != RUNNING:
                    return
                if task.rate and moved.messages:
                    await self._clock.sleep(moved.messages / task.rate)
        except StoreError as error:
            log.error("the move task %s stopped, the next start goes on: %s", task.task_id, error)

    def _wake(self, target: Queue | None, destinations: dict[str, int]) -> None:
        for arn in [target.arn] if target is not None else destinations:
            self._polls.wake_at(arn, self._clock.now_ms())

    async def _back(self, source: Queue, arn: str) -> Queue | str:
        """The queue from which a dead letter came, or why it cannot go back there."""
        if not arn:
            return NO_SOURCE
        queue = await self._queues.by_arn(arn)
        if queue is None or queue.record.fifo != source.record.fifo:
            return NO_QUEUE
        return queue
