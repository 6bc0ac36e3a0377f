"""Calls SQS's api as the gateway does, over any store, with a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from noria.clock import ManualClock
from noria.context import Principal, RequestContext, root_principal
from noria.errors import AwsError
from noria.services.sqs.api import SqsApi
from noria.store.sqlite.store import SqliteStore

ACCOUNT = "000000000000"
URL = "http://localhost:4566"


class SqsClient:
    """Every call has a fresh context, at the clock's time."""

    def __init__(self, api: SqsApi, store: SqliteStore, clock: ManualClock) -> None:
        self.api = api
        self.store = store
        self.clock = clock
        self.account = ACCOUNT
        self.region = "us-east-1"
        self.principal: Principal | None = None
        self.via_service = ""

    async def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        """The answer without the members that are not sent."""
        method: Callable[..., Awaitable[dict[str, Any] | None]] = getattr(self.api, operation)
        answer = await method(self._context(operation), **params)
        return {name: value for name, value in (answer or {}).items() if value is not None}

    def _context(self, operation: str) -> RequestContext:
        name = "".join(word.capitalize() for word in operation.split("_"))
        principal = self.principal or root_principal(self.account)
        return RequestContext(
            "r",
            "sqs",
            name,
            self.account,
            self.region,
            principal,
            self.clock.now_ms(),
            base_url=URL,
            via_service=self.via_service,
        )

    async def settle(self) -> None:
        """Let everything that can run do so: in memory and with time standing still that takes some turns."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def queue(self, name: str = "q", **attributes: str) -> str:
        url: str = (await self("create_queue", queue_name=name, attributes=attributes))["QueueUrl"]
        return url

    async def send(self, url: str, *bodies: str, **params: Any) -> None:
        for body in bodies:
            await self("send_message", queue_url=url, message_body=body, **params)

    async def receive(self, url: str, count: int = 10, **params: Any) -> list[dict[str, Any]]:
        answer = await self("receive_message", queue_url=url, max_number_of_messages=count, **params)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    async def attribute(self, url: str, name: str) -> str:
        answer = await self("get_queue_attributes", queue_url=url, attribute_names=[name])
        value: str = answer["Attributes"][name]
        return value

    async def depth(self, url: str) -> tuple[int, int, int]:
        """(visible, in flight, delayed)"""
        prefix = "ApproximateNumberOfMessages"
        names = [prefix, prefix + "NotVisible", prefix + "Delayed"]
        found = (await self("get_queue_attributes", queue_url=url, attribute_names=names))["Attributes"]
        visible, in_flight, delayed = (int(found[name]) for name in names)
        return visible, in_flight, delayed


async def refused(call: Awaitable[Any]) -> tuple[str, str, int, str]:
    """The (code, query code, status, text) that `call` is refused with."""
    with pytest.raises(AwsError) as info:
        await call
    error = info.value
    return error.code, error.query_code, error.status, error.message
