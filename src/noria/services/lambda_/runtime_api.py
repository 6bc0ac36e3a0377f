"""The Runtime API of one execution environment (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).

Each environment has a listener of its own, at an address of the loopback network and a port that other
functions cannot guess, and each connection is checked to come from the environment's own processes: the
kernel's table says whose it is. Not `noria.http.server`: an invocation waits in ``/next`` without a task
of its own, and the check has to come before the first byte is read.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, cast

import httptools
import msgspec

from noria.errors import AwsError
from noria.services.lambda_.limits import PROCESSES, RESPONSE_BYTES
from noria.services.lambda_.processes import LINUX, owns_connection
from noria.services.lambda_.response_stream import ResponseStream

log = logging.getLogger(__name__)

PREFIX = b"/2018-06-01/runtime/"
LARGEST_BODY_BYTES = RESPONSE_BYTES + 1  # what is longer is cut: it is refused whatever it says
LARGEST_HEADER_BYTES = 1 << 20  # awslambdaric sends its X-Ray cause in one
CONNECTIONS = 16  # of an environment at a time
ACCEPTED = b'{"status":"OK"}\n'
EXTENSION = b"/2020-01-01/extension/"
CREDENTIALS = "/2021-04-23/credentials"  # as AWS_CONTAINER_CREDENTIALS_FULL_URI has it on AWS

Credentials = Callable[[], Awaitable[bytes]]
"""A document as the SDKs' container credentials provider reads it. Raises AwsError."""


class Runtime(Protocol):
    """The environment's process, as its Runtime API sees it."""

    pid: asyncio.Future[int]
    """The environment's first process."""

    def next(self, answer: Callable[[Sequence[tuple[str, str]], bytes], None]) -> None:
        """The process is ready: call `answer` with an invocation's headers and event once there is one."""

    def withdraw(self, answer: Callable[[Sequence[tuple[str, str]], bytes], None]) -> None:
        """Whoever was ready by that `answer` is no longer there."""

    def stream_of(self, request_id: str) -> ResponseStream | None:
        """Where the answer goes that the invocation streams, if somebody wants it so."""

    def answered(self, request_id: str, body: bytes, error_type: str | None) -> bool:
        """The result, or with `error_type` the error document; False where no such invocation runs."""

    def init_failed(self, body: bytes, error_type: str) -> None: ...

    def registered(self) -> None:
        """It has an extension within itself, which makes its shutdown one that it is told of."""


class RuntimeApi:
    """The listener of one environment."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self.credentials: Credentials | None = None
        self.description = b"{}"  # of the function, for extensions
        self.address = ("", 0)

    async def start(self) -> str:
        """Listen; return ``host:port``."""
        loop = asyncio.get_running_loop()
        host = _loopback_address() if LINUX else "127.0.0.1"
        starting = asyncio.ensure_future(loop.create_server(self._connect, host, 0, backlog=CONNECTIONS))
        try:
            self._server = await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._server = await starting  # whoever cancelled closes it
            raise
        self.address = self._server.sockets[0].getsockname()[:2]
        return f"{self.address[0]}:{self.address[1]}"

    def _connect(self) -> _Connection:
        return _Connection(self, self._runtime)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()

    def admit(self, connection: _Connection) -> bool:
        """Whether there is room for one more."""
        if len(self._connections) >= CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def is_ours(self, peer: tuple[str, int]) -> bool:
        """Whether a connection comes from this environment's processes."""
        if not LINUX or owns_connection(self._runtime.pid.result(), peer, self.address, PROCESSES):
            return True
        log.warning("refused a connection to a function's Runtime API that is not the function's")
        return False

    def forget(self, connection: _Connection) -> None:
        self._connections.discard(connection)


def _loopback_address() -> str:
    """One of 16 million; all of 127/8 is this machine on Linux."""
    return f"127.{secrets.randbelow(255) + 1}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"


def _events(body: bytes | bytearray) -> list[str] | None:
    """That an extension registers for; None where the request is none."""
    try:
        return msgspec.json.decode(body, type=_Registration).events
    except msgspec.MsgspecError:
        return None


class _Registration(msgspec.Struct):
    events: list[str] = []


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with one request at a time, which is how a runtime's client talks."""

    def __init__(self, api: RuntimeApi, runtime: Runtime) -> None:
        self._api = api
        self._runtime = runtime
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._url = b""
        self._header_bytes = 0
        self._error_type = ""
        self._error_body = b""
        self._body = bytearray()
        self._is_streaming = False
        self._content_type = ""
        self._stream: ResponseStream | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        if not self._api.admit(self):
            self._transport.abort()
        elif self._runtime.pid.done():
            self._check()
        else:  # the process was quicker than the news of its fork
            self._transport.pause_reading()
            self._runtime.pid.add_done_callback(lambda _: self._check())

    def _check(self) -> None:
        if self._transport.is_closing():
            return
        if self._api.is_ours(self._transport.get_extra_info("peername")[:2]):
            self._transport.resume_reading()
        else:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._api.forget(self)
        self._runtime.withdraw(self._send_event)

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_begin(self) -> None:
        self._url = b""
        self._header_bytes = 0
        self._error_type = ""
        self._error_body = b""
        self._body = bytearray()
        self._is_streaming = False
        self._content_type = ""
        self._stream = None

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > LARGEST_HEADER_BYTES:
            self._transport.abort()
        if name.lower() == b"lambda-runtime-function-error-type":
            self._error_type = value.decode("latin-1")
        if name.lower() == b"lambda-runtime-function-error-body":
            self._error_body = value
        if name.lower() == b"lambda-runtime-function-response-mode":
            self._is_streaming = value.lower() == b"streaming"
        if name.lower() == b"content-type":
            self._content_type = value.decode("latin-1")
        if name.lower() == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_headers_complete(self) -> None:
        path = self._url.removeprefix(PREFIX + b"invocation/")
        if self._is_streaming and path.endswith(b"/response"):
            self._stream = self._runtime.stream_of(path.partition(b"/")[0].decode("latin-1"))
        if self._stream is not None:
            self._stream.begin(self._content_type)

    def on_body(self, body: bytes) -> None:
        if self._stream is not None:
            if not self._stream.write(body, self._transport.resume_reading):
                self._transport.pause_reading()
            return
        room = LARGEST_BODY_BYTES - len(self._body)
        self._body += body[:room]

    def on_message_complete(self) -> None:
        if self._transport.is_closing():
            return
        method, url = self._parser.get_method(), self._url
        if method == b"GET" and url == PREFIX + b"invocation/next":
            self._runtime.next(self._send_event)
        elif method == b"GET" and url == CREDENTIALS.encode() and self._api.credentials is not None:
            asyncio.get_running_loop().create_task(self._give(self._api.credentials))
        elif method == b"POST" and url in {PREFIX + b"init/error", PREFIX + b"restore/error"}:
            self._runtime.init_failed(bytes(self._body), self._error_type)
            self._send(b"202 Accepted", ACCEPTED)
        elif url.startswith(EXTENSION):
            self._extension(method + b" " + url.removeprefix(EXTENSION))
        elif method == b"POST" and url.startswith(PREFIX + b"invocation/"):
            self._invocation(url.removeprefix(PREFIX + b"invocation/").decode("latin-1"))
        else:
            self._send(b"404 Not Found", b'{"errorMessage":"no such path","errorType":"InvalidRequest"}')

    def _extension(self, request: bytes) -> None:
        """Of the Extensions API, what a runtime uses to be told of its shutdown, by SIGTERM.

        It registers itself, without events, and waits for one.
        """
        if request == b"GET event/next":
            return  # there is none
        if request != b"POST register":
            self._send(b"404 Not Found", b'{"errorMessage":"no such path","errorType":"InvalidRequest"}')
        elif (events := _events(self._body)) is None or events:
            text = b"Noria has no events for extensions; they may register within the runtime, without any"
            self._send(b"403 Forbidden", b'{"errorMessage":"%b","errorType":"Extension.NotSupported"}' % text)
        else:
            self._runtime.registered()
            identifier = f"Lambda-Extension-Identifier: {uuid.uuid4()}\r\n".encode()
            self._send(b"200 OK", self._api.description, identifier)

    def _invocation(self, path: str) -> None:
        request_id, _, what = path.partition("/")
        if what == "response" and self._error_type:  # in the trailers of a stream, which was cut short
            too_large = False
            known = self._runtime.answered(request_id, self._stream_error(), self._error_type)
        elif what == "response":
            too_large = len(self._body) > RESPONSE_BYTES
            known = self._runtime.answered(request_id, bytes(self._body), None)
        elif what == "error":
            too_large = False
            known = self._runtime.answered(request_id, bytes(self._body), self._error_type)
        else:
            known = too_large = False
        if not known:
            self._send(
                b"400 Bad Request", b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}'
            )
        elif too_large:
            body = b'{"errorMessage":"Exceeded maximum payload size","errorType":"RequestEntityTooLarge"}'
            self._send(b"413 Request Entity Too Large", body)
        else:
            self._send(b"202 Accepted", ACCEPTED)

    async def _give(self, credentials: Credentials) -> None:
        try:
            status, body = b"200 OK", await credentials()
        except AwsError as error:
            status, body = b"500 Internal Server Error", msgspec.json.encode({"message": error.message})
        if not self._transport.is_closing():
            self._send(status, body)

    def _stream_error(self) -> bytes:
        try:
            return base64.b64decode(self._error_body, validate=True)
        except ValueError:
            return b"{}"

    def _send_event(self, headers: Sequence[tuple[str, str]], event: bytes) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self._send(b"200 OK", event, lines.encode())

    def _send(self, status: bytes, body: bytes, headers: bytes = b"") -> None:
        """With a Content-Type always: awslambdaric's client needs one."""
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
        self._transport.write(head % (status, headers, len(body)) + body)
