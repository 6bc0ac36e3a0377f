"""The operations on a queue's policy."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from noria.context import RequestContext
from noria.services.sqs.core import Core
from noria.services.sqs.policy import with_statement, without_statement
from noria.services.sqs.queue import Queue, QueueRecord


class PermissionOperations(Core):
    async def add_permission(
        self,
        ctx: RequestContext,
        *,
        queue_url: str = "",
        label: str = "",
        aws_account_ids: Sequence[str] | None = None,
        actions: Sequence[str] | None = None,
    ) -> None:
        async def permitted(queue: Queue) -> QueueRecord:
            policy = with_statement(queue, label, aws_account_ids or (), actions or ())
            return msgspec.structs.replace(queue.record, policy=policy, modified_ms=ctx.now_ms)

        await self._change(ctx, queue_url, permitted)

    async def remove_permission(self, ctx: RequestContext, *, queue_url: str = "", label: str = "") -> None:
        async def forbidden(queue: Queue) -> QueueRecord:
            policy = without_statement(queue, label)
            return msgspec.structs.replace(queue.record, policy=policy, modified_ms=ctx.now_ms)

        await self._change(ctx, queue_url, forbidden)
