"""Answers that come in parts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import pytest

from noria.http.server import HttpServer
from noria.http.types import Request, StreamedResponse

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Source:
    """Parts that the test gives; says whether it was closed."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.given = 0
        self.closed = asyncio.Event()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        try:
            while (part := await self.parts.get()) is not None:
                self.given += 1
                if part == b"fail":
                    raise ValueError("no more")
                yield part
        finally:
            self.closed.set()

    async def handle(self, request: Request) -> StreamedResponse:
        return StreamedResponse(200, self.stream(), [("Content-Type", "text/x")])


async def connect(source: Source) -> tuple[HttpServer, asyncio.StreamReader, asyncio.StreamWriter]:
    server = HttpServer(source.handle, max_body_bytes=1000)
    port = await server.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return server, reader, writer


async def test_parts_are_sent_as_they_come_and_the_end_is_told() -> None:
    source = Source()
    server, reader, writer = await connect(source)
    async with asyncio.timeout(5):
        writer.write(GET)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 200 OK\r\n")
        assert "\r\nTransfer-Encoding: chunked\r\n" in head
        assert "\r\nConnection: close\r\n" in head
        assert "Content-Length" not in head
        source.parts.put_nowait(b"first")
        assert await reader.readexactly(10) == b"5\r\nfirst\r\n"
        source.parts.put_nowait(b"x" * 17)
        assert await reader.readexactly(23) == b"11\r\n" + b"x" * 17 + b"\r\n"
        source.parts.put_nowait(None)
        assert await reader.read() == b"0\r\n\r\n"
    writer.close()
    await server.stop(5)


async def test_http_1_0_has_no_chunks() -> None:
    source = Source()
    server, reader, writer = await connect(source)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    source.parts.put_nowait(b"all")
    source.parts.put_nowait(None)
    async with asyncio.timeout(5):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head
    assert body == b"all"
    writer.close()
    await server.stop(5)


async def test_the_source_is_closed_when_the_client_has_gone() -> None:
    source = Source()
    server, reader, writer = await connect(source)
    async with asyncio.timeout(5):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await source.closed.wait()
    await server.stop(5)


async def test_a_client_that_does_not_read_is_not_written_to() -> None:
    source = Source()
    server, reader, writer = await connect(source)
    for _ in range(400):
        source.parts.put_nowait(b"x" * (1 << 16))
    source.parts.put_nowait(None)
    async with asyncio.timeout(10):
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        before = -1
        while source.given != before:  # until buffers are full
            before = source.given
            await asyncio.sleep(0.05)
        assert source.given < 400
        body = await reader.read()
    assert body.count(b"x") == 400 << 16
    writer.close()
    await server.stop(5)


async def test_a_stream_that_breaks_off_is_not_taken_for_one_that_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Source()
    server, reader, writer = await connect(source)
    source.parts.put_nowait(b"first")
    source.parts.put_nowait(b"fail")
    received = b""
    async with asyncio.timeout(5):
        writer.write(GET)
        with contextlib.suppress(ConnectionResetError):
            received = await reader.read()
    assert not received.endswith(b"0\r\n\r\n")
    assert "broke off" in caplog.text
    writer.close()
    await server.stop(5)
