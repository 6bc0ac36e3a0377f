"""The operations on queues' tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.sqs import errors
from noria.services.sqs import tags as queue_tags
from noria.services.sqs.core import Core
from noria.services.sqs.queue import Queue, QueueRecord


class TagOperations(Core):
    async def tag_queue(
        self, ctx: RequestContext, *, queue_url: str = "", tags: Mapping[str, str] | None = None
    ) -> None:
        if not tags:
            raise errors.missing_parameter("Tags")

        async def tagged(queue: Queue) -> QueueRecord:
            merged = queue_tags.merged(queue.name, queue.record.tags, tags)
            return msgspec.structs.replace(queue.record, tags=merged)

        await self._change(ctx, queue_url, tagged)

    async def untag_queue(
        self, ctx: RequestContext, *, queue_url: str = "", tag_keys: Sequence[str] | None = None
    ) -> None:
        if not tag_keys:
            raise errors.missing_parameter("TagKeys")
        gone = frozenset(tag_keys)

        async def untagged(queue: Queue) -> QueueRecord:
            kept = {key: value for key, value in queue.record.tags.items() if key not in gone}
            return msgspec.structs.replace(queue.record, tags=kept)

        await self._change(ctx, queue_url, untagged)

    async def list_queue_tags(self, ctx: RequestContext, *, queue_url: str = "") -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        return {"Tags": queue.record.tags or None}
