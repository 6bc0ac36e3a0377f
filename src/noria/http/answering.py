"""One connection's answers: in order, each when it is its request's turn, as far as the client reads them."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from noria.http.render import rendered, stream
from noria.http.types import Pending, Request, Response, StreamedResponse

if TYPE_CHECKING:
    from noria.http.server import HttpServer

log = logging.getLogger(__name__)

MAX_PIPELINED = 16  # requests read ahead of the one that runs; then the socket is not read
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Answering(asyncio.Protocol):
    """Takes what is `_pending` and answers it. `Connection` reads the requests.

    Phases of reading: ``idle`` between requests, ``head``, ``body``, ``closing`` when no more is read.
    """

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._transport: asyncio.Transport
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
        self._chunks = True  # whether the client knows chunked answers

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

    def pause_writing(self) -> None:
        self._blocked_since = self._server.ticks

    def resume_writing(self) -> None:
        self._blocked_since = -1
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        self._next()

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
            self._transport.write(CONTINUE)
        if self._pending and not self._starting:
            self._next()

    async def _stream(self, response: StreamedResponse, request: Request) -> None:
        request.abandonable = True
        self._phase = "closing"
        try:
            if self._open:
                await stream(
                    response, self._server.date, self._transport.write, self._room, chunked=self._chunks
                )
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

    def _write_refusal(self, response: Response) -> None:
        self._since = self._server.ticks
        self._transport.write(rendered(response, "close", self._server.date))
        # Closing now would reset the connection while the client still sends, and lose the answer.
        if self._transport.can_write_eof():
            self._transport.write_eof()


def _start(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """From Python 3.12 on the first step runs at once: most requests then never wait for the loop."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(coro, loop=loop, eager_start=True)
    return loop.create_task(coro)
