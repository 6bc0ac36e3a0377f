"""Handlers that answer at once, or with a future, and need no task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from noria.http.server import HttpServer
from noria.http.types import Handler, Pending, Request, Response


class Later:
    """Answers each request when the test says so, with what it says."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[bytes]] = []

    def __call__(self, request: Request) -> Pending:
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        return Pending(future, lambda done: Response(200, done.result()))

    async def asked(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.waiting) < count:  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0.001)


@asynccontextmanager
async def served(
    handler: Handler,
) -> AsyncIterator[tuple[HttpServer, asyncio.StreamReader, asyncio.StreamWriter]]:
    server = HttpServer(handler, max_body_bytes=1000)
    reader, writer = await asyncio.open_connection("127.0.0.1", await server.start("127.0.0.1", 0))
    try:
        yield server, reader, writer
    finally:
        writer.transport.abort()
        await server.stop(5)


def post(body: bytes) -> bytes:
    return f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return int(head.split()[1]), await reader.readexactly(length)


async def test_an_answer_at_once_keeps_the_order_of_pipelined_requests() -> None:
    async with served(lambda request: Response(200, request.body)) as (_, reader, writer):
        writer.write(b"".join(post(b"%d" % number) for number in range(50)))
        assert [await answer(reader) for _ in range(50)] == [(200, b"%d" % number) for number in range(50)]


async def test_a_future_answers_when_it_is_done_and_the_next_request_waits_for_it() -> None:
    later = Later()
    async with served(later) as (_, reader, writer):
        writer.write(post(b"a") + post(b"b"))
        await later.asked(1)
        await asyncio.sleep(0)
        assert len(later.waiting) == 1
        later.waiting[0].set_result(b"first")
        assert await answer(reader) == (200, b"first")
        await later.asked(2)
        later.waiting[1].set_result(b"second")
        assert await answer(reader) == (200, b"second")


async def test_a_client_that_leaves_is_not_answered_and_nothing_of_it_stays() -> None:
    later = Later()
    async with served(later) as (server, _, writer):
        writer.write(post(b"body"))
        await later.asked(1)
        writer.transport.abort()
        async with asyncio.timeout(5):
            while next(iter(server.connections))._open:  # noqa: ASYNC110 (the loss has no event)
                await asyncio.sleep(0.001)
        assert server.held_bytes == 4
        later.waiting[0].set_result(b"for nobody")
        async with asyncio.timeout(5):
            while server.connections:  # noqa: ASYNC110 (the end has no event)
                await asyncio.sleep(0.001)
        assert server.held_bytes == 0


async def test_the_server_stops_once_what_is_pending_is_answered() -> None:
    later = Later()
    async with served(later) as (server, reader, writer):
        writer.write(post(b"body"))
        await later.asked(1)
        stopping = asyncio.create_task(server.stop(5))
        await asyncio.sleep(0)
        assert not stopping.done()
        later.waiting[0].set_result(b"the last")
        assert await answer(reader) == (200, b"the last")
        await stopping


async def test_a_handler_that_fails_at_once_is_a_bug_and_an_empty_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(request: Request) -> Any:
        raise LookupError("a bug")

    async with served(broken) as (_, reader, writer):
        writer.write(post(b""))
        assert await answer(reader) == (500, b"")
    assert "LookupError: a bug" in caplog.text
