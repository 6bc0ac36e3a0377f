"""One HTTP/1.1 connection: bytes to requests, responses to bytes, in order.

Requests of one connection are handled one at a time, pipelined ones wait their turn. llhttp (httptools)
refuses what request smuggling is made of: Content-Length beside Transfer-Encoding or twice, bare line
feeds, folded headers, spaces before the colon.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, cast

import httptools

from noria.http.head import Refused, header_name, origin_form
from noria.http.render import refusal, rendered, stream
from noria.http.types import Pending, Request, Response, StreamedResponse

if TYPE_CHECKING:
    from noria.http.server import HttpServer

log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 << 10  # request line and headers: room for presigned URLs and session tokens, no more
MAX_HEADERS = 128
HEADER_BYTES = MAX_HEAD_BYTES // MAX_HEADERS  # that each counts beside its own: one sum bounds both
MAX_PIPELINED = 16  # requests read ahead of the one that runs; then the socket is not read
FRAMING_FACTOR = 16  # chunked bodies: bytes on the wire per byte of body, at most (a 1-byte chunk takes 6)

HEAD_TIMEOUT_S = 20  # from a request's first byte to the end of its headers
BODY_TIMEOUT_S = 30  # for a body, and another second for each:
BODY_BYTES_PER_S = 16 << 10  # slower than a modem is an attack
IDLE_TIMEOUT_S = 120  # between requests; longer than SDKs keep pooled connections
WRITE_TIMEOUT_S = 60  # a client that does not read its answer
LINGER_S = 3  # reading on after a refusal, so that a client in mid-body sees the answer, not a reset

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def _start(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """From Python 3.12 on the first step runs at once: most requests then never wait for the loop."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(coro, loop=loop, eager_start=True)
    return loop.create_task(coro)


class Connection(asyncio.Protocol):
    """Parses, queues, answers.

    Phases of reading: ``idle`` between requests, ``head``, ``body``, ``closing`` when no more is read.
    """

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._peer = ""
        self._phase = "idle"
        self._since = server.ticks  # when the phase began
        self._blocked_since = -1  # when the client stopped reading, -1 while it reads
        self._resumed: asyncio.Future[None] | None = None  # what a streamed answer waits for meanwhile
        self._reading = True
        self._open = False
        self._task: asyncio.Future[Any] | None = None  # what is being waited for
        self._request: Request | None = None  # the one that `_task` answers
        self._held_bytes = 0  # of bodies that are being read, wait or are being answered
        self._starting = False
        self._pending: deque[tuple[Request | Response, str]] = deque()
        self._continue_due = False
        self._upgrading = False  # the parser stopped before the body, see _ignore_upgrade
        self._replaying = False
        self._clear()

    def _clear(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._wire_bytes = 0
        self._connection = ""  # how the answer's Connection header reads, "" to keep HTTP/1.1's default

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else ""
        self._open = True
        if not self._server.opened(self):
            self._write(refusal(503, "Too many connections."), "GET", "close")
        elif self._server.stopping:
            transport.close()
        self._since = self._server.ticks

    def connection_lost(self, error: Exception | None) -> None:
        self._open = False
        self._pending.clear()
        if self._task is None:
            self._closed()
            return
        self._task.add_done_callback(lambda _: self._closed())
        if self._request is not None and self._request.abandonable:
            self._task.cancel()

    def _closed(self) -> None:
        self._release(self._held_bytes)
        self._server.closed(self)

    def _release(self, body_bytes: int) -> None:
        self._held_bytes -= body_bytes
        self._server.held_bytes -= body_bytes

    def eof_received(self) -> None:
        """The client is gone, as far as can be told: returning None closes.

        (Half-closing clients lose their answer; a vanished receiver must not take messages.)
        """

    def pause_writing(self) -> None:
        self._blocked_since = self._server.ticks

    def resume_writing(self) -> None:
        self._blocked_since = -1
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        self._next()

    def data_received(self, data: bytes) -> None:
        if self._phase == "closing":
            return
        self._wire_bytes += len(data)
        try:
            self._feed(data)
            if self._wire_bytes > MAX_HEAD_BYTES:
                self._check_framing()
        except Refused as refused:
            self._refuse(refused.response)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, Refused):
                raise
            self._refuse(error.__context__.response)
        except httptools.HttpParserError:
            self._refuse(refusal(400, "The request is not valid HTTP/1.1."))
        if self._pending and self._task is None:
            self._next()

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._ignore_upgrade()

    def _ignore_upgrade(self) -> None:
        """Go on in HTTP/1.1, as a server may that knows no ``h2c`` or ``TLS/1.2`` (Java clients offer them).

        The parser stopped before the body: a new one is put into the middle of the request.
        """
        self._parser = httptools.HttpRequestParser(self)
        if self._upgrading:
            self._upgrading = False
            self._replaying = True
            coding = self._headers.get("transfer-encoding")
            length = self._headers.get("content-length")
            framing = f"transfer-encoding: {coding}" if coding else f"content-length: {length}"
            self._parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode("latin-1"))

    def _check_framing(self) -> None:
        if self._phase == "head" and self._wire_bytes > MAX_HEAD_BYTES:
            raise Refused(431, "The request's headers are too long.")
        allowed = FRAMING_FACTOR * self._body_bytes + 2 * MAX_HEAD_BYTES
        if self._phase == "body" and self._wire_bytes > allowed:
            raise Refused(400, "The chunks are too small.")

    # The parser's calls

    def on_message_begin(self) -> None:
        if not self._replaying:
            self._phase = "head"
            self._since = self._server.ticks

    def on_url(self, url: bytes) -> None:
        if not self._replaying:
            self._url += url
            if len(self._url) > MAX_HEAD_BYTES:
                raise Refused(431, "The request's address is too long.")

    def on_header(self, raw_name: bytes, raw_value: bytes) -> None:
        if self._phase != "head":  # a replay, or the trailers of a chunked body: they may not add headers
            return
        self._head_bytes += HEADER_BYTES + len(raw_name) + len(raw_value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise Refused(431, "The request's headers are too many or too long.")
        name = header_name(raw_name)
        value = raw_value.decode("latin-1").rstrip(" \t")
        headers = self._headers
        if name in headers:
            if name == "host":
                raise Refused(400, "The request has more than one Host header.")
            value = f"{headers[name]},{value}"
        headers[name] = value

    def on_headers_complete(self) -> None:
        if self._replaying:
            self._replaying = False
            return
        headers, parser = self._headers, self._parser
        version = parser.get_http_version()
        keep_alive = parser.should_keep_alive()
        if version == "1.1":
            if "host" not in headers:
                raise Refused(400, "The request has no Host header.")
            self._connection = "" if keep_alive else "close"
        elif version == "1.0":
            self._connection = "keep-alive" if keep_alive else "close"
        else:
            raise Refused(400, "Only HTTP/1.1 is spoken here.")
        length = int(headers.get("content-length", 0))
        if length > self._server.max_body_bytes:
            raise self._too_large()
        has_body = length > 0 or "transfer-encoding" in headers
        if "expect" in headers:
            self._expect(headers["expect"], has_body)
        if "upgrade" in headers and parser.should_upgrade():
            self._upgrading = has_body
        self._phase = "body"
        self._since = self._server.ticks

    def _expect(self, expectation: str, has_body: bool) -> None:
        if expectation.lower() != "100-continue":
            raise Refused(417, "Only 100-continue can be expected.")
        if has_body:
            if self._task is None and not self._pending:
                self._transport.write(_CONTINUE)
            else:  # answers keep their order
                self._continue_due = True

    def on_body(self, body: bytes) -> None:
        server = self._server
        size = len(body)
        self._body_bytes += size
        self._held_bytes += size
        server.held_bytes += size
        if self._body_bytes > server.max_body_bytes:
            raise self._too_large()
        if server.held_bytes > server.max_held_bytes:
            raise Refused(503, "Too much is being sent at once, try again.")
        self._body.append(body)

    def _too_large(self) -> Refused:
        limit = self._server.max_body_bytes
        return Refused(413, f"The request's body must be smaller than {limit} bytes.")

    def on_message_complete(self) -> None:
        if self._upgrading:
            return
        url = self._url
        if not url.startswith(b"/"):
            url = origin_form(url)
        path, _, query = url.decode("latin-1").partition("?")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        method = self._parser.get_method().decode("ascii")
        request = Request(method, path, query, self._headers, body, self._peer)
        connection = self._connection
        self._pending.append((request, connection))
        self._clear()
        self._continue_due = False
        self._since = self._server.ticks
        self._phase = "closing" if connection == "close" else "idle"
        if len(self._pending) > MAX_PIPELINED and self._reading:
            self._reading = False
            self._transport.pause_reading()

    # Answers

    def _next(self) -> None:
        """Start the next request, if its turn has come."""
        while self._pending and self._task is None and self._blocked_since < 0:
            item, connection = self._pending.popleft()
            if not self._reading and len(self._pending) <= MAX_PIPELINED // 2:
                self._reading = True
                self._since = self._server.ticks
                self._transport.resume_reading()
            if isinstance(item, Response):
                self._write_refusal(item)
                return
            self._request = item
            self._start(item, connection)

    def _start(self, request: Request, connection: str) -> None:
        try:
            answer = self._server.handler(request)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            answer = Response(500)
        self._starting = True
        if isinstance(answer, Pending):
            self._task, response = answer
            self._task.add_done_callback(lambda done: self._answer(request, response(done), connection))
        elif isinstance(answer, Response):
            self._answer(request, answer, connection)
        else:
            task = _start(self._server.loop, self._handle(request, answer, connection))
            if not task.done():
                self._task = task
        self._starting = False

    async def _handle(self, request: Request, answer: Awaitable[Response], connection: str) -> None:
        try:
            response = await answer
            if isinstance(response, StreamedResponse):
                await self._stream(response, request)
        except asyncio.CancelledError:
            if self._open and not self._transport.is_closing():
                log.error("%s %s was cancelled from within", request.method, request.path)
                self._transport.abort()
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = Response(500)
        self._answer(request, response, connection)

    def _answer(self, request: Request, response: Response, connection: str) -> None:
        self._task = self._request = None
        self._release(len(request.body))
        if not self._open or isinstance(response, StreamedResponse):
            return
        self._write(response, request.method, connection)
        if self._continue_due and not self._pending:
            self._continue_due = False
            self._transport.write(_CONTINUE)
        if self._pending and not self._starting:
            self._next()

    async def _stream(self, response: StreamedResponse, request: Request) -> None:
        request.abandonable = True
        self._phase = "closing"
        chunked = self._parser.get_http_version() == "1.1"
        try:
            if self._open:
                await stream(response, self._server.date, self._transport.write, self._room, chunked=chunked)
        except Exception:  # too late for another answer
            log.exception("%s %s broke off", request.method, request.path)
            self._transport.abort()
        self._since = self._server.ticks
        self._transport.close()

    async def _room(self) -> None:
        """Return when the client reads. Whose client never does is cut off by `check_time`."""
        if self._blocked_since >= 0:
            self._resumed = self._server.loop.create_future()
            await self._resumed

    def _write(self, response: Response, method: str, connection: str) -> None:
        if self._server.stopping and self._phase == "idle" and not self._pending:
            connection = "close"
        self._since = self._server.ticks
        self._transport.write(
            rendered(response, connection, self._server.date, headers_only=method == "HEAD")
        )
        if connection == "close":
            self._phase = "closing"
            self._transport.close()

    def _refuse(self, response: Response) -> None:
        """Answer `response` once the requests before it are answered, then close; read nothing more."""
        if self._phase == "closing":  # after ``Connection: close``, or after a refusal
            return
        self._phase = "closing"
        self._since = self._server.ticks
        self._release(self._body_bytes)
        self._clear()
        self._pending.append((response, "close"))

    def _write_refusal(self, response: Response) -> None:
        self._since = self._server.ticks
        self._transport.write(rendered(response, "close", self._server.date))
        # Closing now would reset the connection while the client still sends, and lose the answer.
        if self._transport.can_write_eof():
            self._transport.write_eof()

    # The server's calls

    def check_time(self, now: int) -> None:
        """Called every second."""
        age = now - self._since
        if self._blocked_since >= 0:
            if now - self._blocked_since > WRITE_TIMEOUT_S:
                self._transport.abort()
        elif self._task is not None or self._pending or not self._reading:
            return
        elif self._phase == "idle":
            if age > IDLE_TIMEOUT_S:
                self._transport.close()
        elif self._phase == "closing":
            if age > LINGER_S:
                self._transport.abort()
        elif age > (
            HEAD_TIMEOUT_S if self._phase == "head" else BODY_TIMEOUT_S + self._body_bytes // BODY_BYTES_PER_S
        ):
            self._refuse(refusal(408, "The request took too long."))
            self._next()

    def shut_down(self) -> None:
        """Close as soon as nothing is being asked or answered."""
        if self._phase == "idle" and self._task is None and not self._pending:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection and what runs for it."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()
