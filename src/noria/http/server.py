"""The listener: who may connect, how time passes for connections, how it all stops (see connection.py)."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from email.utils import formatdate

from noria.clock import Clock, SystemClock
from noria.http.answering import Answering
from noria.http.connection import Connection
from noria.http.types import Handler

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 10_000  # about 4 KB each while idle; more than any SDK's pools on one machine open
MAX_HELD_BYTES = 256 << 20  # of bodies at one time: three of the largest packages, and room for all others
BACKLOG = 1024  # connections that the kernel holds while the loop is busy
TICK_S = 1  # one periodic sweep serves every timeout of every connection, and the Date header


class HttpServer:
    """Serves `handler` on any number of connections.

    The handler's exceptions are bugs: logged, answered with an empty 500. A client that goes away cancels
    the handler of its request only where that is `abandonable`. `max_body_bytes` bounds a request's body,
    declared or chunked (413), `max_held_bytes` all bodies together (503).
    """

    def __init__(
        self,
        handler: Handler,
        *,
        max_body_bytes: int,
        max_connections: int = MAX_CONNECTIONS,
        max_held_bytes: int = MAX_HELD_BYTES,
        clock: Clock | None = None,
    ) -> None:
        """clock: for the Date header only; timeouts of the wire are real time."""
        self.handler = handler
        self.max_body_bytes = max_body_bytes
        self.max_connections = max_connections
        self.max_held_bytes = max_held_bytes
        self.held_bytes = 0
        self.connections: set[Connection] = set()
        self.stopping = False
        self.ticks = 0  # seconds, while anyone is connected
        self.date = b""
        self.loop: asyncio.AbstractEventLoop
        self._clock = clock or SystemClock()
        self._listeners: list[asyncio.Server] = []
        self._sweep: asyncio.TimerHandle | None = None
        self._all_closed = asyncio.Event()

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port (the one that the system picked, for 0). Raises OSError.

        A name with several addresses (``localhost``) is served on all of them, on the same port.
        """
        self.loop = asyncio.get_running_loop()
        found = await self.loop.getaddrinfo(
            host.strip("[]") or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for address in dict.fromkeys(info[4][0] for info in found):
            try:
                listener = await self.loop.create_server(
                    lambda: Connection(self), str(address), port, backlog=BACKLOG
                )
            except OSError as error:
                # A machine without IPv6 still resolves localhost to ::1.
                if self._listeners and error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    continue
                await self.stop(0)
                raise
            self._listeners.append(listener)
            port = int(listener.sockets[0].getsockname()[1])
        return port

    async def stop(self, grace_s: float) -> None:
        """Stop listening, close idle connections, let running requests finish.

        What still runs after `grace_s` seconds is cancelled and its connection dropped.
        """
        self.stopping = True
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in list(self.connections):
            connection.shut_down()
        if self.connections and grace_s > 0:
            try:
                await asyncio.wait_for(self._all_closed.wait(), grace_s)
            except TimeoutError:
                log.warning("%d connections did not finish in %g s", len(self.connections), grace_s)
        for connection in list(self.connections):
            connection.abort()
        if self.connections:
            await self._all_closed.wait()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def opened(self, connection: Connection) -> bool:
        """Whether there is room for it."""
        if len(self.connections) >= self.max_connections:
            return False
        self.connections.add(connection)
        self._all_closed.clear()
        if self._sweep is None:
            self._tick()
        return True

    def closed(self, connection: Answering) -> None:
        self.connections -= {connection}
        if not self.connections:
            self._all_closed.set()

    def _tick(self) -> None:
        self.ticks += TICK_S
        self.date = f"Date: {formatdate(self._clock.now_s(), usegmt=True)}\r\n".encode("ascii")
        for connection in list(self.connections):
            connection.check_time(self.ticks)
        # An idle server sleeps: the next connection starts the sweep again.
        self._sweep = self.loop.call_later(TICK_S, self._tick) if self.connections else None
