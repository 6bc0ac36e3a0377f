"""A client's connection: one request at a time, made anew where the server closes it after every answer."""

from __future__ import annotations

import asyncio
from typing import cast

import httptools

from benchmarks.contenders import HOST


class Connection(asyncio.Protocol):
    """Subclasses say what is done with an answer, by `answered`, and when all is over, by `lost`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pending = b""  # sent as soon as there is a connection
        self._transport: asyncio.Transport | None = None
        self._closing = False
        self._connecting: asyncio.Task[object] | None = None

    async def open(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, HOST, self._port)

    def send(self, request: bytes) -> None:
        if self._transport is None:
            self._pending = request
        else:
            self._transport.write(request)

    async def close(self) -> None:
        self._closing = True
        if self._connecting is not None:
            await self._connecting
        if self._transport is not None:
            self._transport.close()

    def answered(self, status: int, body: bytes) -> None:
        raise NotImplementedError

    def lost(self, why: str) -> None:
        """The connection broke before an answer was complete."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        if self._closing:
            self._transport.close()
        elif self._pending:
            pending, self._pending = self._pending, b""
            self._transport.write(pending)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status, body = self._parser.get_status_code(), b"".join(self._body)
        self._body.clear()
        if not self._parser.should_keep_alive() and self._transport is not None:
            self._transport.close()
            self._transport = None
            self._connecting = asyncio.get_running_loop().create_task(self._open_again())
        self.answered(status, body)

    async def _open_again(self) -> None:
        try:
            await self.open()
        except OSError as error:
            self.lost(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closing and self._transport is not None and self._transport.is_closing():
            self.lost(str(exc))
