"""A request and its answer. Requests are whole in memory, within the server's limits; so are most answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import msgspec


class Request(msgspec.Struct):
    """One HTTP request.

    path: as sent, percent-encoded. query: the raw text after ``?``, without it, or "".
    headers: names in lower case; values of a repeated name joined by ",". peer: the client's IP address.
    body_sha256: of the body, in hex, where somebody has worked it out already, or "".
    abandonable: set by a handler whose work is for nothing once the client is gone: it is cancelled then.
    Any other handler runs to its end, whoever waits for it.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    peer: str = "127.0.0.1"
    body_sha256: str = ""
    abandonable: bool = False


class Response:
    """One HTTP answer. The server adds Content-Length, Date and Connection."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()) -> None:
        self.status = status
        self.body = body
        self.headers = headers


class StreamedResponse(Response):
    """One HTTP answer whose body comes part by part, for as long as it takes; then the connection is closed.

    parts: asked for the next one when the client has taken those before it; closed when the client is gone.
    """

    __slots__ = ("parts",)

    def __init__(
        self, status: int, parts: AsyncGenerator[bytes, None], headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(status, b"", headers)
        self.parts = parts


class Pending(NamedTuple):
    """An answer that comes with a future: no task has to wait for it.

    response: makes it, of the future when it is done; never raises.
    """

    future: asyncio.Future[Any]
    response: Callable[[asyncio.Future[Any]], Response]


Handler = Callable[[Request], Response | Pending | Awaitable[Response]]
