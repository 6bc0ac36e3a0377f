"""ReceiveMessage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.sqs import errors, message
from noria.services.sqs.core import Core
from noria.services.sqs.limits import (
    MAX_IN_FLIGHT,
    MAX_POLLED_MESSAGES,
    MAX_RECEIVED_MESSAGES,
    MAX_VISIBILITY_TIMEOUT_S,
    MAX_WAIT_TIME_S,
)
from noria.services.sqs.queue import Queue
from noria.store.messages import DeadLetters, ReceivedMessage


class Asked(msgspec.Struct, frozen=True):
    """timeout_s: None for the queue's own. attempt: ReceiveRequestAttemptId, or ""."""

    limit: int
    timeout_s: int | None
    attempt: str


class ReceiveOperations(Core):
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
        receive_request_attempt_id: str | None = None,
    ) -> dict[str, Any]:
        queue = await self._queues.find(ctx, queue_url)
        want = message.wanted(attribute_names, message_system_attribute_names, message_attribute_names)
        most = MAX_POLLED_MESSAGES if ctx.via_service else MAX_RECEIVED_MESSAGES
        if not 1 <= max_number_of_messages <= most:
            raise errors.invalid_value(
                max_number_of_messages, "MaxNumberOfMessages", "Must be between 1 and 10, if provided."
            )
        _check_range(visibility_timeout, "VisibilityTimeout", MAX_VISIBILITY_TIMEOUT_S)
        _check_range(wait_time_seconds, "WaitTimeSeconds", MAX_WAIT_TIME_S)
        if receive_request_attempt_id is not None:
            message.check_id("ReceiveRequestAttemptId", receive_request_attempt_id)
            if not queue.record.fifo:
                raise errors.not_of_this_type(receive_request_attempt_id, "ReceiveRequestAttemptId")
        asked = Asked(max_number_of_messages, visibility_timeout, receive_request_attempt_id or "")
        wait_s = queue.record.wait_time_s if wait_time_seconds is None else wait_time_seconds
        if wait_s:
            queue, received = await self._long_poll(ctx, queue_url, queue, asked, wait_s)
        else:
            claimed = await self._claim(queue, asked)
            if claimed is None and not queue.record.fifo:  # FIFO queues keep silent about it
                raise errors.over_limit()
            received = claimed or []
        self.metrics.received(queue.arn, len(received))
        return {"Messages": [message.render(queue, one, want) for one in received] or None}

    async def _long_poll(
        self, ctx: RequestContext, queue_url: str, queue: Queue, asked: Asked, wait_s: int
    ) -> tuple[Queue, list[ReceivedMessage]]:
        """The messages, and the queue as it was when they were claimed."""
        deadline_ms = self._clock.now_ms() + wait_s * 1000
        poll = self._polls.open(queue.arn)
        try:
            while True:
                received = await self._claim(queue, asked)
                # Too many in flight: a long poll waits where a short one fails (developer guide, "Quotas").
                if received or not await poll.wait(deadline_ms, blocked=received is None):
                    return queue, received or []
                queue = await self._queues.find(ctx, queue_url)
        finally:
            poll.close()

    async def _claim(self, queue: Queue, asked: Asked) -> list[ReceivedMessage] | None:
        record = queue.record
        now_ms = self._clock.now_ms()
        timeout_s = record.visibility_timeout_s if asked.timeout_s is None else asked.timeout_s
        if asked.attempt:
            received_before = await self._fifo.receive_again(
                record.messages, asked.attempt, now_ms=now_ms, visibility_timeout_ms=timeout_s * 1000
            )
            if received_before:
                return received_before
        target = await self._queues.by_arn(record.dead_letters) if record.dead_letters else None
        received = await self._messages(queue).receive(
            record.messages,
            limit=asked.limit,
            now_ms=now_ms,
            visibility_timeout_ms=timeout_s * 1000,
            sent_after_ms=now_ms - record.retention_s * 1000,
            in_flight_limit=MAX_IN_FLIGHT,
            dead_letters=None
            if target is None
            else DeadLetters(target.record.messages, record.max_receives, queue.arn),
        )
        if target is not None:
            self._polls.wake_at(target.arn, now_ms)
        if received and asked.attempt:
            await self._fifo.remember(record.messages, asked.attempt, received, now_ms)
        if received is not None and self._polls.any(queue.arn):
            next_ms = await self._messages(queue).next_visible_ms(record.messages)
            if next_ms is not None:
                self._polls.wake_at(queue.arn, next_ms)
        return received


def _check_range(value: int | None, parameter: str, greatest: int) -> None:
    if value is not None and not 0 <= value <= greatest:
        raise errors.invalid_value(value, parameter, f"Must be >= 0 and <= {greatest}, if provided.")
