"""What SQS's operations share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from noria.clock import Clock
from noria.context import RequestContext
from noria.services.ports import MetricSink, Permissions
from noria.services.sqs.metrics import QueueMetrics
from noria.services.sqs.polling import Polls
from noria.services.sqs.queue import Queue, QueueRecord, Queues
from noria.services.sqs.tidy import Tidier
from noria.store.base import Store
from noria.store.messages import Messages


class Core:
    """Base of the classes that hold the operations.

    Members that AWS requires have a default all the same there: their absence is answered in SQS's own words.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: MetricSink,
        eventual_rules: bool,
        permissions: Permissions | None,
    ) -> None:
        """eventual_rules: as `config.Settings.eventual_rules`. permissions: None asks nobody."""
        self._permissions = permissions
        self._records = store.records
        self._standard = store.messages
        self._fifo = store.fifo_messages
        self._clock = clock
        self._eventual_rules = eventual_rules
        self._queues = Queues(store.records)
        self._polls = Polls(clock)
        self.metrics = QueueMetrics(metrics, self._queues, store, clock)
        self._tidier = Tidier(self._queues, store, clock)

    def _messages(self, queue: Queue) -> Messages:
        return self._fifo if queue.record.fifo else self._standard

    async def _change(
        self, ctx: RequestContext, queue_url: str, change: Callable[[Queue], Awaitable[QueueRecord]]
    ) -> QueueRecord:
        """Store the queue's record as `change` makes it of what it is at that moment."""
        while True:
            queue = await self._queues.find(ctx, queue_url)
            record = await change(queue)
            if await self._queues.replace(queue, record):
                self._polls.changed(queue.arn)
                return record
