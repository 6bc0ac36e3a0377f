"""Invoke, in its forms."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from noria.context import RequestContext
from noria.services.lambda_ import errors
from noria.services.lambda_.async_invoke import AsyncInvoker
from noria.services.lambda_.concurrency import Concurrency, check_tenant
from noria.services.lambda_.core import Core
from noria.services.lambda_.invocation import Outcome, Work
from noria.services.lambda_.models import LATEST, Function, function_arn
from noria.services.lambda_.names import Reference, resolve
from noria.services.lambda_.payload import check_payload, parse_client_context
from noria.services.lambda_.streaming import StreamedInvocation, Streaming

CHUNK_BYTES = 1 << 20  # a client takes messages of up to 16 MB


class InvokeApi:
    """Synchronous and asynchronous invocation."""

    def __init__(
        self, core: Core, concurrency: Concurrency, streaming: Streaming, events: AsyncInvoker
    ) -> None:
        self._core = core
        self._concurrency = concurrency
        self._streaming = streaming
        self._events = events

    async def invoke(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        invocation_type: str = "RequestResponse",
        log_type: str = "None",
        client_context: str | None = None,
        payload: bytes = b"",
        qualifier: str | None = None,
        tenant_id: str = "",
    ) -> dict[str, Any]:
        reference = resolve(ctx, function_name, qualifier)
        is_event = invocation_type == "Event"
        check_payload(payload, is_event=is_event)
        function = await self._invokable(reference)
        check_tenant(function, tenant_id)
        if invocation_type == "DryRun":
            return {"StatusCode": 204}
        work = Work(
            request_id=ctx.request_id,
            arn=reference.arn,
            payload=payload,
            client_context=parse_client_context(client_context),
            wants_tail=log_type == "Tail" and not is_event,
            trace=ctx.trace_header,
            tenant=tenant_id,
        )
        if is_event:
            await self._events.accept(reference, work)
            return {"StatusCode": 202, "Payload": b""}
        outcome = await self._concurrency.invoke(function, work)
        answer: dict[str, Any] = {
            "StatusCode": 200,
            "ExecutedVersion": function.version,
            "Payload": outcome.payload,
        }
        if outcome.function_error:
            answer["FunctionError"] = outcome.function_error
        if work.wants_tail:
            answer["LogResult"] = base64.b64encode(outcome.tail).decode()
        return answer

    async def invoke_with_response_stream(
        self,
        ctx: RequestContext,
        *,
        function_name: str,
        invocation_type: str = "RequestResponse",
        log_type: str = "None",
        client_context: str | None = None,
        payload: bytes = b"",
        qualifier: str | None = None,
        tenant_id: str = "",
    ) -> dict[str, Any]:
        """What the function streams, as it does; what it answers all at once, in as few chunks as fit."""
        reference = resolve(ctx, function_name, qualifier)
        check_payload(payload, is_event=False)
        function = await self._invokable(reference)
        check_tenant(function, tenant_id)
        if invocation_type == "DryRun":
            return {"StatusCode": 204}
        work = Work(
            request_id=ctx.request_id,
            arn=reference.arn,
            payload=payload,
            client_context=parse_client_context(client_context),
            wants_tail=log_type == "Tail",
            trace=ctx.trace_header,
            tenant=tenant_id,
        )
        invocation = await self._streaming.invoke(function, work)
        is_streaming = invocation.is_streaming
        return {
            "StatusCode": 200,
            "ExecutedVersion": function.version,
            "EventStream": _streamed(invocation, work)
            if is_streaming
            else _buffered(invocation.outcome.result(), work),
        }

    async def invoke_async(
        self, ctx: RequestContext, *, function_name: str, invoke_args: bytes
    ) -> dict[str, Any]:
        """The older form of an Event."""
        reference = resolve(ctx, function_name)
        check_payload(invoke_args, is_event=True)
        await self._invokable(reference)
        await self._events.accept(
            reference, Work(ctx.request_id, reference.arn, invoke_args, trace=ctx.trace_header)
        )
        return {"Status": 202}

    async def _invokable(self, reference: Reference) -> Function:
        function = await self._core.functions.route(reference)
        if function is None:
            raise errors.function_not_found(
                function_arn(
                    reference.account, reference.region, reference.name, reference.qualifier or LATEST
                )
            )
        if function.state != "Active":
            raise errors.not_active(function.state)
        return function


def _buffered(outcome: Outcome, work: Work) -> list[dict[str, Any]]:
    body = b"" if outcome.function_error else outcome.payload
    chunks = [body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES)]
    return [*({"PayloadChunk": {"Payload": chunk}} for chunk in chunks), _complete(outcome, work)]


async def _streamed(invocation: StreamedInvocation, work: Work) -> AsyncGenerator[dict[str, Any], None]:
    async with contextlib.aclosing(invocation.stream.parts()) as parts:
        async for part in parts:
            yield {"PayloadChunk": {"Payload": part}}
    yield _complete(await invocation.outcome, work)


def _complete(outcome: Outcome, work: Work) -> dict[str, Any]:
    complete: dict[str, Any] = {}
    if work.wants_tail:
        complete["LogResult"] = base64.b64encode(outcome.tail).decode()
    if outcome.function_error:
        complete["ErrorCode"] = outcome.function_error
        complete["ErrorDetails"] = outcome.payload.decode(errors="replace")
    return {"InvokeComplete": complete}
