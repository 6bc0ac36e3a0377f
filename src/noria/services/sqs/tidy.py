"""Frees what no queue has any more: expired messages, and those of deleted and purged queues."""

from __future__ import annotations

import asyncio
import logging

from noria.clock import Clock, Timer
from noria.services.sqs.limits import TIDY_INTERVAL_S
from noria.services.sqs.queue import Queues
from noria.store.base import Store, StoreError

log = logging.getLogger(__name__)


class Tidier:
    """Runs in the background, every minute and when asked to; a start does what a crash left undone."""

    def __init__(self, queues: Queues, store: Store, clock: Clock) -> None:
        self._queues = queues
        self._messages = store.messages
        self._fifo = store.fifo_messages
        self._clock = clock
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def soon(self) -> None:
        """Run now, or once more after the run that is under way."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        try:
            while self._again:
                self._again = False
                await self.tidy()
        except StoreError as error:
            log.error("expired and deleted messages stay for now: %s", error)
        finally:
            self._timer = self._clock.call_later(TIDY_INTERVAL_S, self.soon)

    async def tidy(self) -> None:
        # Before the records: a queue's record is older than its messages.
        found = await self._messages.queues()
        if not found:
            return
        kept = {queue.record.messages: queue.record for queue in await self._queues.all()}
        for queue in found:
            record = kept.get(queue)
            if record is None:
                await self._messages.drop(queue)
            else:
                now_ms = self._clock.now_ms()
                messages = self._fifo if record.fifo else self._messages
                await messages.expire(queue, now_ms - record.retention_s * 1000, now_ms)
