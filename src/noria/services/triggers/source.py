"""A mapping's queue, as the function's execution role sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any

import msgspec

from noria.clock import Clock
from noria.context import Principal
from noria.errors import AwsError
from noria.services.ports import LAMBDA_SERVICE_PRINCIPAL, Caller, Functions, MetricSink, Roles, RoleSession
from noria.services.triggers import errors, limits
from noria.services.triggers.event import Received, received
from noria.services.triggers.filters import Filters
from noria.services.triggers.mapping import Mapping
from noria.services.triggers.names import parse_queue, unqualified


class Surroundings(msgspec.Struct, frozen=True):
    """What every poller needs."""

    functions: Functions
    roles: Roles
    caller: Caller
    clock: Clock
    metrics: MetricSink


class Source:
    """Receives, filters and deletes. Raises AwsError as SQS answers the role, or where there is no role."""

    def __init__(self, mapping: Mapping, surroundings: Surroundings) -> None:
        self._queue = parse_queue(mapping.source_arn)
        self._function_arn = unqualified(mapping.function_arn)
        self._session_name = f"awslambda_esm_{mapping.uuid}"
        self._filters = Filters(mapping.filters)
        self._functions = surroundings.functions
        self._roles = surroundings.roles
        self._caller = surroundings.caller
        self._clock = surroundings.clock
        self._session: tuple[str, RoleSession] | None = None

    async def receive(self, limit: int, wait_s: int) -> tuple[list[Received], list[Received]]:
        """(messages for the function, messages that its filters don't want); both are in flight now."""
        return await self._receive(await self._principal(), limit, wait_s)

    async def _receive(
        self, principal: Principal, limit: int, wait_s: int
    ) -> tuple[list[Received], list[Received]]:
        answer = await self._call(
            principal,
            "ReceiveMessage",
            max_number_of_messages=limit,
            wait_time_seconds=wait_s,
            message_system_attribute_names=["All"],
            message_attribute_names=["All"],
        )
        now_ms = self._clock.now_ms()
        wanted: list[Received] = []
        unwanted: list[Received] = []
        for message in answer.get("Messages") or ():
            each, matches = received(message, self._queue, self._filters, now_ms)
            (wanted if matches else unwanted).append(each)
        return wanted, unwanted

    async def receive_more(self, sizes: Sequence[int]) -> tuple[list[Received], list[Received]]:
        """Several short receives at once. What some got is kept where others fail, unless all do."""
        principal = await self._principal()
        receives = (self._receive(principal, size, 0) for size in sizes)
        answers = await asyncio.gather(*receives, return_exceptions=True)
        wanted: list[Received] = []
        unwanted: list[Received] = []
        failed: BaseException | None = None
        for answer in answers:
            if isinstance(answer, BaseException):
                failed = answer
                continue
            wanted += answer[0]
            unwanted += answer[1]
        if failed is not None and not wanted and not unwanted:
            raise failed
        return wanted, unwanted

    async def delete(self, messages: Sequence[Received]) -> None:
        size = limits.MAX_RECEIVED_AT_ONCE
        parts = [messages[start : start + size] for start in range(0, len(messages), size)]
        principal = await self._principal()
        for start in range(0, len(parts), limits.REQUESTS_AT_ONCE):
            some = parts[start : start + limits.REQUESTS_AT_ONCE]
            await asyncio.gather(*(self._delete(principal, part) for part in some))

    async def _delete(self, principal: Principal, messages: Sequence[Received]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": message.receipt_handle}
            for number, message in enumerate(messages)
        ]
        answer = await self._call(principal, "DeleteMessageBatch", entries=entries)
        for failure in answer.get("Failed") or ():
            raise AwsError(failure["Code"], failure.get("Message") or failure["Code"])

    async def visibility_timeout_s(self) -> int:
        attributes = ["VisibilityTimeout"]
        answer = await self._call(await self._principal(), "GetQueueAttributes", attribute_names=attributes)
        return int(answer["Attributes"]["VisibilityTimeout"])

    def forget_session(self) -> None:
        """The next request is with a new one."""
        self._session = None

    async def _call(self, principal: Principal, operation: str, **params: Any) -> Dict[str, Any]:
        return await self._caller(
            principal,
            self._queue.region,
            "sqs",
            operation,
            {"queue_url": self._queue.url, **params},
            LAMBDA_SERVICE_PRINCIPAL,
        )

    async def _principal(self) -> Principal:
        role_arn = await self._functions.role_arn(self._function_arn)
        if role_arn is None:
            raise errors.no_such_function()
        if self._session is not None:
            assumed_arn, session = self._session
            left_ms = session.expires_at_ms - self._clock.now_ms()
            lasts = assumed_arn == role_arn and left_ms > limits.SESSION_RENEWAL_MS
            if lasts and not await self._roles.is_outlived(role_arn, session):
                return session.principal
        assumed = await self._roles.assume(
            role_arn, LAMBDA_SERVICE_PRINCIPAL, self._session_name, self._function_arn
        )
        if assumed is None:
            raise errors.role_not_assumable()
        self._session = (role_arn, assumed)
        return assumed.principal
