"""Answers as bytes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from noria.http.types import Response, StreamedResponse

log = logging.getLogger(__name__)

_STATUS = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode("ascii") for s in HTTPStatus}
_BODILESS = frozenset({204, 304})
_CODES = {
    HTTPStatus.BAD_REQUEST: "BadRequestException",
    HTTPStatus.REQUEST_TIMEOUT: "RequestTimeoutException",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "RequestEntityTooLargeException",
    HTTPStatus.EXPECTATION_FAILED: "ExpectationFailedException",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "RequestHeaderFieldsTooLargeException",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailableException",
}


def refusal(status: int, reason: str) -> Response:
    """What is refused before a service is known; in the form that JSON clients can read."""
    code = _CODES[HTTPStatus(status)]
    body = f'{{"__type":"{code}","message":"{reason}"}}'.encode()
    return Response(status, body, [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)])


def rendered(response: Response, connection: str, date: bytes, *, headers_only: bool = False) -> bytes:
    """The answer on the wire. connection: that header's value, "" for none; date: the header's whole line."""
    status, headers, body = response.status, response.headers, response.body
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        log.error("a header with a line break: %r", lines)
        status, lines, body = 500, "", b""
    if connection:
        lines = f"{lines}Connection: {connection}\r\n"
    if status in _BODILESS:
        lines, body = f"{lines}\r\n", b""
    else:
        lines = f"{lines}Content-Length: {len(body)}\r\n\r\n"
    first = _STATUS.get(status) or f"HTTP/1.1 {status} \r\n".encode("ascii")
    return b"".join((first, date, lines.encode(), b"" if headers_only else body))


async def stream(
    response: StreamedResponse,
    date: bytes,
    write: Callable[[bytes], None],
    room: Callable[[], Awaitable[None]],
    *,
    chunked: bool,
) -> None:
    """Write an answer that comes in parts. room: waits until the client has taken what was written.

    chunked: so that a client can tell a stream that ended from one that broke off; HTTP/1.0 has no chunks.
    """
    headers = [*response.headers, ("Connection", "close")]
    if chunked:
        headers.append(("Transfer-Encoding", "chunked"))
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    async with contextlib.aclosing(response.parts) as parts:
        write(b"".join((_STATUS[response.status], date, lines.encode(), b"\r\n")))
        async for part in parts:
            if part:
                write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
                await room()
    if chunked:
        write(b"0\r\n\r\n")
