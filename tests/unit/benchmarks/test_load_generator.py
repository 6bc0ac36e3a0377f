from __future__ import annotations

import asyncio

import pytest
from benchmarks.load import generate

from noria.http.server import HttpServer
from noria.http.types import Request, Response

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("status", [200, 400])
async def test_the_generator_counts_every_answer_and_those_that_are_no_success(status: int) -> None:
    answered = 0

    async def handler(request: Request) -> Response:
        nonlocal answered
        assert request.body == b"{}"
        answered += 1
        return Response(status, b"{}")

    server = HttpServer(handler, max_body_bytes=10)
    port = await server.start("127.0.0.1", 0)
    try:
        load = await generate(port, REQUEST, connections=4, seconds=0.05)
    finally:
        await server.stop(1)
    assert load.requests > 4
    assert answered - 4 <= load.requests <= answered  # the last ones are cut off
    assert load.errors == (0 if status == 200 else load.requests)
    assert 0 < load.p50_ms <= load.p99_ms


async def test_a_connection_that_the_server_closes_after_each_answer_is_made_anew() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        load = await generate(server.sockets[0].getsockname()[1], REQUEST, connections=2, seconds=0.1)
    assert load.requests > 2
    assert load.errors == 0


async def test_with_a_rate_no_more_requests_are_sent() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, b"{}")

    server = HttpServer(handler, max_body_bytes=10)
    port = await server.start("127.0.0.1", 0)
    try:
        load = await generate(port, REQUEST, connections=4, seconds=0.2, rate=100)
    finally:
        await server.stop(1)
    assert 0 < load.requests <= 24  # 20, and one that each connection begins with
    assert load.errors == 0
