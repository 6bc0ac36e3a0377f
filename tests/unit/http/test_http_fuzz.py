"""Whatever bytes arrive: an answer or a closed connection, never an exception, a hang or growth."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.http.connection import Connection
from noria.http.server import HttpServer
from noria.http.types import Request, Response

PARTS = [
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST /x?y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Connection: close\r\n",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"5;ext\r\n",
    b"CONNECT h:1 HTTP/1.1\r\n",
    b"\xff\x00",
]


class Transport:
    """What a connection writes to; never blocks."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1)

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = write_eof = pause_reading = resume_reading = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True


async def feed(chunks: list[bytes]) -> tuple[Transport, list[Request]]:
    seen: list[Request] = []

    async def handler(request: Request) -> Response:
        seen.append(request)
        return Response(200, request.body)

    server = HttpServer(handler, max_body_bytes=100)
    server.loop = asyncio.get_running_loop()
    connection, transport = Connection(server), Transport()
    connection.connection_made(cast(asyncio.Transport, transport))
    for chunk in chunks:
        connection.data_received(chunk)
        for _ in range(2 * len(PARTS)):  # turns of the loop: one starts a request, one ends it
            await asyncio.sleep(0)
    connection.connection_lost(None)
    await server.stop(0)
    return transport, seen


@settings(derandomize=True, max_examples=500, suppress_health_check=list(HealthCheck), deadline=None)
@given(parts=st.lists(st.sampled_from(PARTS) | st.binary(max_size=8), max_size=8), cuts=st.integers(1, 40))
def test_no_bytes_make_the_server_fail(
    parts: list[bytes], cuts: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    caplog.set_level(logging.ERROR)
    data = b"".join(parts)
    transport, seen = asyncio.run(feed([data[at : at + cuts] for at in range(0, len(data), cuts)]))
    assert caplog.records == []
    answered = transport.written.count(b"HTTP/1.1 200 OK")
    assert answered == len(seen)
    assert transport.written.startswith(b"HTTP/1.1") or not transport.written


@settings(derandomize=True, max_examples=300, deadline=None)
@given(parts=st.lists(st.sampled_from(PARTS[:5]), max_size=6), cuts=st.integers(1, 60))
def test_requests_do_not_depend_on_how_their_bytes_arrive(parts: list[bytes], cuts: int) -> None:
    data = b"".join(part + (b"ab" if b"Expect" in part else b"") for part in parts)
    _, whole = asyncio.run(feed([data]))
    _, cut = asyncio.run(feed([data[at : at + cuts] for at in range(0, len(data), cuts)]))
    assert [(r.method, r.path, r.query, r.headers, r.body) for r in cut] == [
        (r.method, r.path, r.query, r.headers, r.body) for r in whole
    ]
