"""A server in the test's own loop, and raw connections to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from noria.http.server import HttpServer
from noria.http.types import Handler, Request, Response

Run = Callable[[Coroutine[Any, Any, None]], None]
GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
LIMIT = 1000


async def echo(request: Request) -> Response:
    headers = [("X-Seen", ",".join(sorted(request.headers)))]
    text = f"{request.method} {request.path}|{request.query}|".encode()
    return Response(200, text + request.body, headers)


class Client:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:-2])
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
            return int(head[0].split()[1]), headers, body

    async def ask(self, data: bytes) -> tuple[int, bytes]:
        self.send(data)
        status, _, body = await self.answer()
        return status, body

    async def closed(self) -> bool:
        """Whether the server closes without another byte."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    async def close(self) -> None:
        self.writer.transport.abort()
        with suppress(OSError):
            await self.writer.wait_closed()


@asynccontextmanager
async def served(
    handler: Handler = echo, **options: Any
) -> AsyncIterator[tuple[HttpServer, Callable[[], Awaitable[Client]]]]:
    server = HttpServer(handler, max_body_bytes=LIMIT, **options)
    port = await server.start("127.0.0.1", 0)
    clients: list[Client] = []

    async def connect() -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", port)))
        return clients[-1]

    try:
        yield server, connect
    finally:
        for client in clients:
            await client.close()
        await server.stop(5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.001)


async def age(server: HttpServer, seconds: int) -> None:
    """Let the server's sweep run, as if so many seconds had passed."""
    for _ in range(seconds):
        sweep = server._sweep
        server._tick()
        if sweep is not None:
            sweep.cancel()


def post(body: bytes, *headers: str, path: str = "/p") -> bytes:
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body
