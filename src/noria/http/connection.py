"""One HTTP/1.1 connection: bytes to requests, responses to bytes, in order.

Requests of one connection are handled one at a time, pipelined ones wait their turn. llhttp (httptools)
refuses what request smuggling is made of: Content-Length beside Transfer-Encoding or twice, bare line
feeds, folded headers, spaces before the colon.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

import httptools

from noria.http.answering import CONTINUE, MAX_PIPELINED, Answering
from noria.http.head import Refused, header_name, origin_form
from noria.http.render import refusal
from noria.http.types import Request, Response

if TYPE_CHECKING:
    from noria.http.server import HttpServer

log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 << 10  # request line and headers: room for presigned URLs and session tokens, no more
MAX_HEADERS = 128
HEADER_BYTES = MAX_HEAD_BYTES // MAX_HEADERS  # that each counts beside its own: one sum bounds both
FRAMING_FACTOR = 16  # chunked bodies: bytes on the wire per byte of body, at most (a 1-byte chunk takes 6)

HEAD_TIMEOUT_S = 20  # from a request's first byte to the end of its headers
BODY_TIMEOUT_S = 30  # for a body, and another second for each:
BODY_BYTES_PER_S = 16 << 10  # slower than a modem is an attack
IDLE_TIMEOUT_S = 120  # between requests; longer than SDKs keep pooled connections
WRITE_TIMEOUT_S = 60  # a client that does not read its answer
LINGER_S = 3  # reading on after a refusal, so that a client in mid-body sees the answer, not a reset


class Connection(Answering):
    """Parses, queues, answers.

    Phases of reading: ``idle`` between requests, ``head``, ``body``, ``closing`` when no more is read.
    """

    def __init__(self, server: HttpServer) -> None:
        super().__init__(server)
        self._parser = httptools.HttpRequestParser(self)
        self._peer = ""
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

    def eof_received(self) -> None:
        """The client is gone, as far as can be told: returning None closes.

        (Half-closing clients lose their answer; a vanished receiver must not take messages.)
        """

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
        self._chunks = version == "1.1"
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
                self._transport.write(CONTINUE)
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

    # Refusals

    def _refuse(self, response: Response) -> None:
        """Answer `response` once the requests before it are answered, then close; read nothing more."""
        if self._phase == "closing":  # after ``Connection: close``, or after a refusal
            return
        self._phase = "closing"
        self._since = self._server.ticks
        self._release(self._body_bytes)
        self._clear()
        self._pending.append((response, "close"))

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
