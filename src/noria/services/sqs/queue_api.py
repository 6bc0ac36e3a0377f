"""The operations on queues."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.errors import not_implemented
from noria.services.sqs import attributes as queue_attributes
from noria.services.sqs import errors, listing
from noria.services.sqs import tags as queue_tags
from noria.services.sqs.limits import PURGE_INTERVAL_MS
from noria.services.sqs.polling import Polls
from noria.services.sqs.queue import NAME, Queue, QueueRecord, Queues, new_messages_id, url_of
from noria.services.sqs.tidy import Tidier
from noria.store.messages import Messages


class QueueOperations:
    """Members that AWS requires have a default all the same: their absence is answered in SQS's own words."""

    def __init__(self, queues: Queues, messages: Messages, polls: Polls, tidier: Tidier) -> None:
        self._queues = queues
        self._messages = messages
        self._polls = polls
        self._tidier = tidier

    async def create_queue(
        self,
        ctx: RequestContext,
        *,
        queue_name: str | None = None,
        attributes: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        name = _checked_name(queue_name, attributes or {})
        record = QueueRecord(
            messages=new_messages_id(),
            created_ms=ctx.now_ms,
            modified_ms=ctx.now_ms,
            tags=queue_tags.merged(name, {}, tags or {}),
            **queue_attributes.parse(attributes or {}),
        )
        while not await self._queues.create(ctx.account, ctx.region, name, record):
            existing = await self._queues.get(ctx.account, ctx.region, name)
            if existing is None:
                continue  # deleted meanwhile
            other = queue_attributes.different(existing.record, attributes or {})
            if other is not None:
                raise errors.queue_name_exists(other)
            break
        return {"QueueUrl": url_of(ctx, ctx.account, name)}

    async def delete_queue(self, ctx: RequestContext, *, queue_url: str = "") -> None:
        queue = await self._queues.find(ctx, queue_url)
        if not await self._queues.delete(queue):
            raise errors.no_such_queue()
        self._polls.changed(queue.arn)
        self._tidier.soon()

    async def get_queue_url(
        self,
        ctx: RequestContext,
        *,
        queue_name: str | None = None,
        queue_owner_aws_account_id: str | None = None,
    ) -> dict[str, Any]:
        if not queue_name:
            raise errors.no_queue_name()
        if (queue_owner_aws_account_id or ctx.account) != ctx.account:
            raise errors.no_such_queue()  # without queue policies no account sees another's queues
        if await self._queues.get(ctx.account, ctx.region, queue_name) is None:
            raise errors.no_such_queue()
        return {"QueueUrl": url_of(ctx, ctx.account, queue_name)}

    async def list_queues(
        self,
        ctx: RequestContext,
        *,
        queue_name_prefix: str | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> dict[str, Any]:
        limit = listing.page_size(max_results)
        names = await self._queues.names(
            ctx, prefix=queue_name_prefix or "", after=listing.after(next_token), limit=limit + 1
        )
        urls = [url_of(ctx, ctx.account, name) for name in names[:limit]]
        # AWS gives a token only to those who ask for pages.
        more = max_results is not None and len(names) > limit
        return {"QueueUrls": urls or None, "NextToken": listing.token(names[limit - 1]) if more else None}

    async def get_queue_attributes(
        self, ctx: RequestContext, *, queue_url: str = "", attribute_names: Sequence[str] | None = None
    ) -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        wanted = queue_attributes.requested(attribute_names or ())
        counts = None
        if not wanted.isdisjoint(queue_attributes.COUNTS):
            counts = await self._messages.counts(queue.record.messages, ctx.now_ms)
        return {"Attributes": queue_attributes.render(queue, wanted, counts) or None}

    async def set_queue_attributes(
        self, ctx: RequestContext, *, queue_url: str = "", attributes: Mapping[str, str] | None = None
    ) -> None:
        if not attributes:
            raise errors.missing_parameter("Attributes")
        fields = queue_attributes.parse(attributes)
        await self._change(
            ctx,
            queue_url,
            lambda queue: msgspec.structs.replace(queue.record, modified_ms=ctx.now_ms, **fields),
        )

    async def purge_queue(self, ctx: RequestContext, *, queue_url: str = "") -> None:
        def purged(queue: Queue) -> QueueRecord:
            if ctx.now_ms - queue.record.purged_ms < PURGE_INTERVAL_MS:
                raise errors.purge_in_progress(queue.name)
            return msgspec.structs.replace(queue.record, messages=new_messages_id(), purged_ms=ctx.now_ms)

        await self._change(ctx, queue_url, purged)
        self._tidier.soon()

    async def tag_queue(
        self, ctx: RequestContext, *, queue_url: str = "", tags: Mapping[str, str] | None = None
    ) -> None:
        if not tags:
            raise errors.missing_parameter("Tags")

        def tagged(queue: Queue) -> QueueRecord:
            merged = queue_tags.merged(queue.name, queue.record.tags, tags)
            return msgspec.structs.replace(queue.record, tags=merged)

        await self._change(ctx, queue_url, tagged)

    async def untag_queue(
        self, ctx: RequestContext, *, queue_url: str = "", tag_keys: Sequence[str] | None = None
    ) -> None:
        if not tag_keys:
            raise errors.missing_parameter("TagKeys")
        gone = frozenset(tag_keys)

        def untagged(queue: Queue) -> QueueRecord:
            kept = {key: value for key, value in queue.record.tags.items() if key not in gone}
            return msgspec.structs.replace(queue.record, tags=kept)

        await self._change(ctx, queue_url, untagged)

    async def list_queue_tags(self, ctx: RequestContext, *, queue_url: str = "") -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        return {"Tags": queue.record.tags or None}

    async def _change(
        self, ctx: RequestContext, queue_url: str, change: Callable[[Queue], QueueRecord]
    ) -> None:
        """Store the queue's record as `change` makes it of what it is at that moment."""
        while True:
            queue = await self._queues.find(ctx, queue_url)
            if await self._queues.replace(queue, change(queue)):
                self._polls.changed(queue.arn)
                return


def _checked_name(name: str | None, attributes: Mapping[str, str]) -> str:
    if name is None:
        raise errors.no_queue_name()
    if not name:
        raise errors.invalid_parameter("Queue name cannot be empty")
    if name.endswith(".fifo") and attributes.get("FifoQueue") == "true":
        raise not_implemented("CreateQueue's FifoQueue")
    if not NAME.fullmatch(name):
        raise errors.invalid_parameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    return name
