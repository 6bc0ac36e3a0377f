"""SQS, put together: one public method an operation; beside them `start`, `stop` and `reset`."""

from __future__ import annotations

from noria.clock import Clock
from noria.services.ports import MetricSink, Permissions
from noria.services.sqs.message_api import MessageOperations
from noria.services.sqs.move_task_api import MoveTaskOperations
from noria.services.sqs.permission_api import PermissionOperations
from noria.services.sqs.queue_api import QueueOperations
from noria.services.sqs.receive_api import ReceiveOperations
from noria.services.sqs.tag_api import TagOperations
from noria.store.base import Store


class SqsApi(
    QueueOperations,
    TagOperations,
    PermissionOperations,
    MessageOperations,
    ReceiveOperations,
    MoveTaskOperations,
):
    """Standard and FIFO queues over a store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: MetricSink,
        *,
        eventual_rules: bool = True,
        permissions: Permissions | None = None,
    ) -> None:
        super().__init__(store, clock, metrics, eventual_rules, permissions)

    async def start(self) -> None:
        """Go on in the background with what the last run left: deleted and purged queues, move tasks."""
        self._tidier.soon()
        await self._move_tasks.start()

    async def stop(self) -> None:
        """Answer every long poll at once, empty; later ones don't wait."""
        self._polls.stop()
        await self._move_tasks.stop()
        await self._tidier.stop()

    async def reset(self, account: str) -> None:
        """Delete the account's queues and their messages."""
        await self._move_tasks.reset(account)
        for queue in await self._queues.all():
            if queue.account == account:
                await self._queues.delete(queue)
                self._polls.changed(queue.arn)
        await self._tidier.tidy()
