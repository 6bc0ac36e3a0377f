"""SQS, put together: one public method an operation; beside them `start`, `stop` and `reset`."""

from __future__ import annotations

from noria.clock import Clock
from noria.services.sqs.message_api import MessageOperations
from noria.services.sqs.polling import Polls
from noria.services.sqs.queue import Queues
from noria.services.sqs.queue_api import QueueOperations
from noria.services.sqs.tidy import Tidier
from noria.store.base import Store


class SqsApi(QueueOperations, MessageOperations):
    """Standard queues over a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        queues = Queues(store.records)
        polls = Polls(clock)
        tidier = Tidier(queues, store.messages, clock)
        QueueOperations.__init__(self, queues, store.messages, polls, tidier)
        MessageOperations.__init__(self, queues, store.messages, polls, clock)

    async def start(self) -> None:
        """Finish in the background what the last run left of deleted and purged queues."""
        self._tidier.soon()

    async def stop(self) -> None:
        """Answer every long poll at once, empty; later ones don't wait."""
        self._polls.stop()
        await self._tidier.stop()

    async def reset(self, account: str) -> None:
        """Delete the account's queues and their messages."""
        for queue in await self._queues.all():
            if queue.account == account:
                await self._queues.delete(queue)
                self._polls.changed(queue.arn)
        await self._tidier.tidy()
