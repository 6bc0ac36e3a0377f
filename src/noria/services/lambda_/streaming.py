"""Invocations whose answers may come as streams, and what a function URL makes of one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from noria.http.types import Response, StreamedResponse
from noria.services.lambda_.concurrency import Concurrency
from noria.services.lambda_.invocation import Outcome, Work
from noria.services.lambda_.models import Function
from noria.services.lambda_.response_stream import ResponseStream
from noria.services.lambda_.url_events import bad_gateway, status_and_headers

# Of a stream that begins with a document (status, headers, cookies), and what ends that.
HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response"
PRELUDE_END = b"\0" * 8
PRELUDE_BYTES = 1 << 20  # ours
OCTETS = "application/octet-stream"


class StreamedInvocation:
    """One that is under way. outcome: known when the stream has ended."""

    def __init__(self, outcome: asyncio.Task[Outcome], stream: ResponseStream) -> None:
        self.outcome = outcome
        self.stream = stream

    @property
    def is_streaming(self) -> bool:
        """Else the function has answered, all at once, or failed."""
        return self.stream.begun.is_set()


class Streaming:
    """Runs invocations to their ends, whether or not the client stays."""

    def __init__(self, concurrency: Concurrency) -> None:
        self._concurrency = concurrency
        self._running: set[asyncio.Task[Outcome]] = set()

    async def invoke(self, function: Function, work: Work) -> StreamedInvocation:
        """Return once the function streams, or has ended. Raises what `Concurrency.invoke` raises."""
        stream = work.stream = ResponseStream()
        task = asyncio.create_task(self._concurrency.invoke(function, work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        task.add_done_callback(lambda _: stream.end())
        begun = asyncio.create_task(stream.begun.wait())
        await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if not stream.begun.is_set():
            task.result()
        return StreamedInvocation(task, stream)

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever streams is told; it may have gone


async def http_answer(invocation: StreamedInvocation) -> Response:
    """A function URL's, in InvokeMode RESPONSE_STREAM."""
    if not invocation.is_streaming:
        outcome = invocation.outcome.result()
        return bad_gateway() if outcome.function_error else _octets(outcome.payload)
    parts = invocation.stream.parts()
    content_type = invocation.stream.content_type
    if content_type != HTTP_INTEGRATION:
        return StreamedResponse(200, parts, [("Content-Type", content_type or OCTETS)])
    begun = b""
    async for part in parts:
        begun += part
        if PRELUDE_END in begun or len(begun) > PRELUDE_BYTES:
            break
    prelude, found, rest = begun.partition(PRELUDE_END)
    answer = _prelude(prelude) if found else None
    if answer is None:
        await parts.aclose()
        return bad_gateway()
    status, headers = answer
    return StreamedResponse(status, _after(rest, parts), headers)


def _octets(payload: bytes) -> Response:
    return Response(200, payload, [("Content-Type", OCTETS)])


def _prelude(data: bytes) -> tuple[int, list[tuple[str, str]]] | None:
    """None where it makes no answer."""
    try:
        document: Any = json.loads(data)
        if not isinstance(document, Mapping):
            return None
        return status_and_headers({"statusCode": 200, **document}, OCTETS)
    except (ValueError, TypeError, AttributeError):
        return None


async def _after(first: bytes, parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(parts):
        if first:
            yield first
        async for part in parts:
            yield part
