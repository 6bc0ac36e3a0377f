"""The operations on messages, but for receiving."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.sqs import batch, errors, message, receipt
from noria.services.sqs.core import Core
from noria.services.sqs.limits import (
    MAX_BATCH_ENTRIES,
    MAX_MESSAGE_BYTES,
    MAX_POLLED_MESSAGES,
    MAX_VISIBILITY_TIMEOUT_S,
)
from noria.services.sqs.queue import Queue
from noria.store.messages import NewMessage, Receipt

T = TypeVar("T")

AttributeMap = Mapping[str, Mapping[str, Any]]


class MessageOperations(Core):
    # -- sending ----------------------------------------------------------------------------------------

    def send_message(
        self,
        ctx: RequestContext,
        *,
        queue_url: str = "",
        message_body: str = "",
        delay_seconds: int | None = None,
        message_attributes: AttributeMap | None = None,
        message_system_attributes: AttributeMap | None = None,
        message_deduplication_id: str | None = None,
        message_group_id: str | None = None,
    ) -> Awaitable[dict[str, Any]]:
        entry = {
            "MessageBody": message_body,
            "DelaySeconds": delay_seconds,
            "MessageAttributes": message_attributes,
            "MessageSystemAttributes": message_system_attributes,
            "MessageDeduplicationId": message_deduplication_id,
            "MessageGroupId": message_group_id,
        }
        queue = self._queues.known(ctx, queue_url)
        if queue is None or queue.record.fifo:
            return self._send_one(ctx, queue_url, entry)
        sent = message.prepare(queue, ctx.now_ms, ctx.principal.user_id, entry, ctx.trace_header)
        return self._send_to_standard(queue, [sent.row], ctx.now_ms, sent.answer)

    async def _send_one(self, ctx: RequestContext, queue_url: str, entry: batch.Entry) -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        sent = message.prepare(queue, ctx.now_ms, ctx.principal.user_id, entry, ctx.trace_header)
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
            total_bytes += message.size_of(entry)
            try:
                accepted.append(
                    (
                        entry,
                        message.prepare(queue, ctx.now_ms, ctx.principal.user_id, entry, ctx.trace_header),
                    )
                )
            except AwsError as error:
                results.fail(entry, error)
        if total_bytes > MAX_MESSAGE_BYTES:
            raise errors.batch_too_long(MAX_MESSAGE_BYTES, total_bytes)
        if accepted:
            await self._send(queue, [sent for _, sent in accepted], ctx.now_ms)
        for entry, sent in accepted:
            results.succeed(entry, sent.answer)
        return results.answer()

    async def _send(self, queue: Queue, sent: Sequence[message.Sent], now_ms: int) -> None:
        rows = [one.row for one in sent]
        if not queue.record.fifo:
            await self._send_to_standard(queue, rows, now_ms, None)
            return
        accepted = await self._fifo.send_once(queue.record.messages, rows, now_ms)
        for one, (message_id, sequence) in zip(sent, accepted, strict=True):
            one.answer["MessageId"] = message_id  # of a duplicate, the first one's
            one.answer["SequenceNumber"] = message.sequence_number(sequence)
        self.metrics.sent(queue.arn, rows)
        self._wake(queue, rows)

    def _send_to_standard(
        self, queue: Queue, rows: Sequence[NewMessage], now_ms: int, answer: T
    ) -> Awaitable[T]:
        # Who is woken looks once the messages are in, and needn't wait for them to be durable: to be
        # handled and then sent again, where a power loss comes in between, is what "at least once" says.
        self._wake(queue, rows)
        self.metrics.sent(queue.arn, rows)
        return self._standard.send(queue.record.messages, rows, now_ms, answer)

    def _wake(self, queue: Queue, rows: Sequence[NewMessage]) -> None:
        if self._polls.any(queue.arn):
            for row in rows:
                self._polls.wake_at(queue.arn, row.visible_at_ms)

    # -- what a consumer does next ----------------------------------------------------------------------

    def delete_message(
        self, ctx: RequestContext, *, queue_url: str = "", receipt_handle: str = ""
    ) -> Awaitable[None]:
        queue = self._queues.known(ctx, queue_url)
        if queue is None or queue.record.fifo:
            return self._delete_one(ctx, queue_url, receipt_handle)
        return self._delete_from_standard(queue, [receipt.parse(queue, receipt_handle)], ctx.now_ms)

    async def _delete_one(self, ctx: RequestContext, queue_url: str, handle: str) -> None:
        queue = await self._queues.find(ctx, queue_url)
        if await self._delete(queue, [receipt.parse(queue, handle)], ctx.now_ms):
            raise errors.expired_receipt_handle(handle)

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
        most = MAX_POLLED_MESSAGES if ctx.via_service else MAX_BATCH_ENTRIES
        for entry in batch.check(entries, "DeleteMessageBatchRequestEntry", most):
            try:
                receipts.append(receipt.parse(queue, entry.get("ReceiptHandle") or ""))
                accepted.append(entry)
            except AwsError as error:
                results.fail(entry, error)
        expired = await self._delete(queue, receipts, ctx.now_ms) if receipts else ()
        for entry, one in zip(accepted, receipts, strict=True):
            if one in expired:
                results.fail(entry, errors.expired_receipt_handle(entry["ReceiptHandle"]))
            else:
                results.succeed(entry)
        return results.answer()

    async def _delete(self, queue: Queue, receipts: Sequence[Receipt], now_ms: int) -> Collection[Receipt]:
        """The receipts that a FIFO queue refuses."""
        if not queue.record.fifo:
            await self._delete_from_standard(queue, receipts, now_ms)
            return ()
        expired = await self._fifo.delete_in_flight(queue.record.messages, receipts, now_ms)
        self.metrics.deleted(queue.arn, len(receipts) - len(expired))
        self._polls.freed(queue.arn)
        self._polls.wake_at(queue.arn, now_ms)  # the next one of the group can be received
        return expired

    def _delete_from_standard(
        self, queue: Queue, receipts: Sequence[Receipt], now_ms: int
    ) -> Awaitable[None]:
        deleted = self._standard.delete(queue.record.messages, receipts, now_ms)
        self._polls.freed(queue.arn)
        self.metrics.deleted(queue.arn, len(receipts))
        return deleted

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
        changed = await self._messages(queue).change_visibility(
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
