"""The operations on messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from noria.clock import Clock
from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.sqs import batch, errors, message, receipt
from noria.services.sqs.limits import (
    MAX_IN_FLIGHT,
    MAX_MESSAGE_BYTES,
    MAX_RECEIVED_MESSAGES,
    MAX_VISIBILITY_TIMEOUT_S,
    MAX_WAIT_TIME_S,
)
from noria.services.sqs.polling import Polls
from noria.services.sqs.queue import Queue, Queues
from noria.store.messages import Messages, ReceivedMessage

AttributeMap = Mapping[str, Mapping[str, Any]]


class MessageOperations:
    """Members that AWS requires have a default all the same: their absence is answered in SQS's own words."""

    def __init__(self, queues: Queues, messages: Messages, polls: Polls, clock: Clock) -> None:
        self._queues = queues
        self._messages = messages
        self._polls = polls
        self._clock = clock

    # -- sending ----------------------------------------------------------------------------------------

    async def send_message(
        self,
        ctx: RequestContext,
        *,
        queue_url: str = "",
        message_body: str = "",
        delay_seconds: int | None = None,
        message_attributes: AttributeMap | None = None,
        message_system_attributes: AttributeMap | None = None,
    ) -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        sent = message.prepare(
            queue,
            ctx.now_ms,
            ctx.principal.user_id,
            message_body,
            delay_seconds,
            message_attributes,
            message_system_attributes,
        )
        await self._send(queue, [sent], ctx.now_ms)
        return sent.answer

    async def send_message_batch(
        self,
        ctx: RequestContext,
        *,
        queue_url: str = "",
        entries: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        results = batch.Results()
        accepted: list[tuple[batch.Entry, message.Sent]] = []
        total_bytes = 0
        for entry in batch.check(entries, "SendMessageBatchRequestEntry"):
            message.refuse_fifo_members("SendMessageBatch", entry)
            total_bytes += message.size_of(entry)
            try:
                accepted.append((entry, self._prepare_entry(ctx, queue, entry)))
            except AwsError as error:
                results.fail(entry, error)
        if total_bytes > MAX_MESSAGE_BYTES:
            raise errors.batch_too_long(MAX_MESSAGE_BYTES, total_bytes)
        if accepted:
            await self._send(queue, [sent for _, sent in accepted], ctx.now_ms)
        for entry, sent in accepted:
            results.succeed(entry, sent.answer)
        return results.answer()

    def _prepare_entry(self, ctx: RequestContext, queue: Queue, entry: batch.Entry) -> message.Sent:
        return message.prepare(
            queue,
            ctx.now_ms,
            ctx.principal.user_id,
            entry.get("MessageBody") or "",
            entry.get("DelaySeconds"),
            entry.get("MessageAttributes"),
            entry.get("MessageSystemAttributes"),
        )

    async def _send(self, queue: Queue, sent: Sequence[message.Sent], now_ms: int) -> None:
        await self._messages.send(queue.record.messages, [one.row for one in sent], now_ms)
        if self._polls.any(queue.arn):
            for one in sent:
                self._polls.wake_at(queue.arn, one.row.visible_at_ms)

    # -- receiving --------------------------------------------------------------------------------------

    async def receive_message(
        self,
        ctx: RequestContext,
        *,
        queue_url: str = "",
        attribute_names: Sequence[str] | None = None,
        message_system_attribute_names: Sequence[str] | None = None,
        message_attribute_names: Sequence[str] | None = None,
        max_number_of_messages: int = 1,
        visibility_timeout: int | None = None,
        wait_time_seconds: int | None = None,
    ) -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        want = message.wanted(attribute_names, message_system_attribute_names, message_attribute_names)
        if not 1 <= max_number_of_messages <= MAX_RECEIVED_MESSAGES:
            raise errors.invalid_value(
                max_number_of_messages, "MaxNumberOfMessages", "Must be between 1 and 10, if provided."
            )
        _check_range(visibility_timeout, "VisibilityTimeout", MAX_VISIBILITY_TIMEOUT_S)
        _check_range(wait_time_seconds, "WaitTimeSeconds", MAX_WAIT_TIME_S)
        wait_s = queue.record.wait_time_s if wait_time_seconds is None else wait_time_seconds
        if wait_s:
            queue, received = await self._long_poll(
                ctx, queue_url, queue, max_number_of_messages, visibility_timeout, wait_s
            )
        else:
            claimed = await self._claim(queue, max_number_of_messages, visibility_timeout)
            if claimed is None:
                raise errors.over_limit()
            received = claimed
        return {"Messages": [message.render(queue, one, want) for one in received] or None}

    async def _long_poll(
        self,
        ctx: RequestContext,
        queue_url: str,
        queue: Queue,
        limit: int,
        visibility_timeout_s: int | None,
        wait_s: int,
    ) -> tuple[Queue, list[ReceivedMessage]]:
        """The messages, and the queue as it was when they were claimed."""
        deadline_ms = self._clock.now_ms() + wait_s * 1000
        poll = self._polls.open(queue.arn)
        try:
            while True:
                received = await self._claim(queue, limit, visibility_timeout_s)
                # Too many in flight: a long poll waits where a short one fails (developer guide, "Quotas").
                if received or not await poll.wait(deadline_ms, blocked=received is None):
                    return queue, received or []
                queue = await self._queues.find(ctx, queue_url)
        finally:
            poll.close()

    async def _claim(
        self, queue: Queue, limit: int, visibility_timeout_s: int | None
    ) -> list[ReceivedMessage] | None:
        record = queue.record
        now_ms = self._clock.now_ms()
        timeout_s = record.visibility_timeout_s if visibility_timeout_s is None else visibility_timeout_s
        received = await self._messages.receive(
            record.messages,
            limit=limit,
            now_ms=now_ms,
            visibility_timeout_ms=timeout_s * 1000,
            sent_after_ms=now_ms - record.retention_s * 1000,
            in_flight_limit=MAX_IN_FLIGHT,
        )
        if received is not None and self._polls.any(queue.arn):
            next_ms = await self._messages.next_visible_ms(record.messages)
            if next_ms is not None:
                self._polls.wake_at(queue.arn, next_ms)
        return received

    # -- what a consumer does next ----------------------------------------------------------------------

    async def delete_message(
        self, ctx: RequestContext, *, queue_url: str = "", receipt_handle: str = ""
    ) -> None:
        queue = await self._queues.find(ctx, queue_url)
        await self._messages.delete(queue.record.messages, [receipt.parse(queue, receipt_handle)])
        self._polls.freed(queue.arn)

    async def delete_message_batch(
        self,
        ctx: RequestContext,
        *,
        queue_url: str = "",
        entries: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        results = batch.Results()
        accepted = []
        receipts = []
        for entry in batch.check(entries, "DeleteMessageBatchRequestEntry"):
            try:
                receipts.append(receipt.parse(queue, entry.get("ReceiptHandle") or ""))
                accepted.append(entry)
            except AwsError as error:
                results.fail(entry, error)
        if receipts:
            await self._messages.delete(queue.record.messages, receipts)
            self._polls.freed(queue.arn)
        for entry in accepted:
            results.succeed(entry)
        return results.answer()

    async def change_message_visibility(
        self,
        ctx: RequestContext,
        *,
        queue_url: str = "",
        receipt_handle: str = "",
        visibility_timeout: int | None = None,
    ) -> None:
        queue = await self._queues.find(ctx, queue_url)
        await self._change_visibility(ctx, queue, receipt_handle, visibility_timeout)

    async def change_message_visibility_batch(
        self,
        ctx: RequestContext,
        *,
        queue_url: str = "",
        entries: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        results = batch.Results()
        for entry in batch.check(entries, "ChangeMessageVisibilityBatchRequestEntry"):
            try:
                await self._change_visibility(
                    ctx, queue, entry.get("ReceiptHandle") or "", entry.get("VisibilityTimeout")
                )
                results.succeed(entry)
            except AwsError as error:
                results.fail(entry, error)
        return results.answer()

    async def _change_visibility(
        self, ctx: RequestContext, queue: Queue, handle: str, timeout_s: int | None
    ) -> None:
        parsed = receipt.parse(queue, handle)
        if timeout_s is None:
            raise errors.missing_parameter("VisibilityTimeout")
        if not 0 <= timeout_s <= MAX_VISIBILITY_TIMEOUT_S:
            raise errors.invalid_value(
                timeout_s, "VisibilityTimeout", "VisibilityTimeout must be an integer between 0 and 43200."
            )
        changed = await self._messages.change_visibility(
            queue.record.messages,
            parsed,
            now_ms=ctx.now_ms,
            timeout_ms=timeout_s * 1000,
            max_total_ms=MAX_VISIBILITY_TIMEOUT_S * 1000,
        )
        if changed == "gone":
            raise errors.invalid_value(
                handle,
                "ReceiptHandle",
                "Message does not exist or is not available for visibility timeout change.",
            )
        if changed == "too_long":
            raise errors.invalid_value(
                timeout_s,
                "VisibilityTimeout",
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
            )
        self._polls.wake_at(queue.arn, ctx.now_ms + timeout_s * 1000)


def _check_range(value: int | None, parameter: str, greatest: int) -> None:
    if value is not None and not 0 <= value <= greatest:
        raise errors.invalid_value(value, parameter, f"Must be >= 0 and <= {greatest}, if provided.")
