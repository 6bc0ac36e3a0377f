"""The operations on queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.sqs import attributes as queue_attributes
from noria.services.sqs import errors, listing, redrive
from noria.services.sqs import tags as queue_tags
from noria.services.sqs.core import Core
from noria.services.sqs.limits import DELETED_NAME_MS, PURGE_INTERVAL_MS
from noria.services.sqs.policy_review import log_findings
from noria.services.sqs.queue import (
    FIFO_NAME,
    NAME,
    Queue,
    QueueRecord,
    arn_of,
    new_messages_id,
    split_url,
    url_of,
)


class QueueOperations(Core):
    async def create_queue(
        self,
        ctx: RequestContext,
        *,
        queue_name: str | None = None,
        attributes: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        attributes = attributes or {}
        fifo = attributes.get(queue_attributes.FIFO) == "true"
        name = _checked_name(queue_name, fifo)
        record = QueueRecord(
            messages=new_messages_id(),
            created_ms=ctx.now_ms,
            modified_ms=ctx.now_ms,
            tags=queue_tags.merged(name, {}, tags or {}),
            **queue_attributes.parse(attributes, fifo=fifo),
        )
        queue_attributes.check_together(record)
        await redrive.check_target(self._queues, arn_of(ctx.account, ctx.region, name), record)
        if self._eventual_rules:
            deleted_ms = await self._queues.deleted_ms(ctx.account, ctx.region, name)
            if ctx.now_ms - deleted_ms < DELETED_NAME_MS:
                raise errors.deleted_recently()
        while not await self._queues.create(ctx.account, ctx.region, name, record):
            existing = await self._queues.get(ctx.account, ctx.region, name)
            if existing is None:
                continue  # deleted meanwhile
            other = queue_attributes.different(existing.record, attributes)
            if other is not None:
                raise errors.queue_name_exists(other)
            break
        else:
            log_findings(ctx.account, ctx.region, name, record.policy)
        return {"QueueUrl": url_of(ctx, ctx.account, name)}

    async def delete_queue(self, ctx: RequestContext, *, queue_url: str = "") -> None:
        queue = await self._queues.find(ctx, queue_url)
        if self._eventual_rules:
            await self._queues.remember_deleted(queue, ctx.now_ms, ctx.now_ms - DELETED_NAME_MS)
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
        account = queue_owner_aws_account_id or ctx.account
        if await self._queues.get(account, ctx.region, queue_name) is None:
            raise errors.no_such_queue()
        return {"QueueUrl": url_of(ctx, account, queue_name)}

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

    async def list_dead_letter_source_queues(
        self,
        ctx: RequestContext,
        *,
        queue_url: str = "",
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        limit, after = listing.page_size(max_results), listing.after(next_token)
        names = [source.name for source in await self._queues.sources_of(queue) if source.name > after]
        more = max_results is not None and len(names) > limit
        return {
            "queueUrls": [url_of(ctx, queue.account, name) for name in names[:limit]],
            "NextToken": listing.token(names[limit - 1]) if more else None,
        }

    async def get_queue_attributes(
        self, ctx: RequestContext, *, queue_url: str = "", attribute_names: Sequence[str] | None = None
    ) -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        wanted = queue_attributes.requested(attribute_names or ())
        counts = None
        if not wanted.isdisjoint(queue_attributes.COUNTS):
            counts = await self._messages(queue).counts(queue.record.messages, ctx.now_ms)
        return {"Attributes": queue_attributes.render(queue, wanted, counts) or None}

    async def set_queue_attributes(
        self, ctx: RequestContext, *, queue_url: str = "", attributes: Mapping[str, str] | None = None
    ) -> None:
        if not attributes:
            raise errors.missing_parameter("Attributes")

        async def changed(queue: Queue) -> QueueRecord:
            queue_attributes.check_change(queue, attributes)
            fields = queue_attributes.parse(attributes, fifo=queue.record.fifo)
            record = msgspec.structs.replace(queue.record, modified_ms=ctx.now_ms, **fields)
            queue_attributes.check_together(record)
            if "dead_letters" in fields:
                await redrive.check_target(self._queues, queue.arn, record)
            return record

        queue = await self._change(ctx, queue_url, changed)
        if queue.fifo and "DelaySeconds" in attributes:
            await self._fifo.delay(queue.messages, queue.delay_s * 1000, ctx.now_ms)
            self._polls.changed((await self._queues.find(ctx, queue_url)).arn)
        if attributes.get("Policy"):
            account, name = split_url(ctx.account, queue_url)
            log_findings(account, ctx.region, name, queue.policy)

    async def purge_queue(self, ctx: RequestContext, *, queue_url: str = "") -> None:
        async def purged(queue: Queue) -> QueueRecord:
            if self._eventual_rules and ctx.now_ms - queue.record.purged_ms < PURGE_INTERVAL_MS:
                raise errors.purge_in_progress(queue.name)
            return msgspec.structs.replace(queue.record, messages=new_messages_id(), purged_ms=ctx.now_ms)

        await self._change(ctx, queue_url, purged)
        self._tidier.soon()


def _checked_name(name: str | None, fifo: bool) -> str:
    if name is None:
        raise errors.no_queue_name()
    if not name:
        raise errors.invalid_parameter("Queue name cannot be empty")
    if fifo and not FIFO_NAME.fullmatch(name):
        raise errors.invalid_parameter(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores,"
            " must end with .fifo suffix and be 1 to 80 in length."
        )
    if not fifo and not NAME.fullmatch(name):
        raise errors.invalid_parameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    return name
