"""Between a debugger and a function: bytes of the Debug Adapter Protocol, to and fro.

A debugger may do with a function what it likes, so no other function may be one: what connects from outside
is checked not to be of this server's functions, and what connects as the function to be it. Neither can be
seen from an address alone, as all of them share the machine's loopback network; the kernel's table says
whose a connection is.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable

from noria.services.lambda_.limits import PROCESSES
from noria.services.lambda_.processes import LINUX, belongs_to_child, owns_connection

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
CHUNK_BYTES = 1 << 16
GO_ON = b"\1"  # to the function that waits: a debugger is there
# With these two a debugger says that it has no more to configure; until then debugpy lets nothing run.
FIRST_REQUESTS = ("attach", "configurationDone")

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class DebugRelay:
    """One debugger, one function. is_waiting: the function waits for the debugger."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        """pids: the first processes of the environments that may be debugged."""
        self._pids = pids
        self._gate: Stream | None = None
        self._debugger: Stream | None = None
        self._function: Stream | None = None
        self._servers: list[asyncio.Server] = []
        self._streams: list[Stream] = []

    async def start(self, port: int) -> tuple[tuple[str, int], tuple[str, int]]:
        """The debugger's address, at that port if it is not 0, and the function's. Raises OSError."""
        try:
            for accept, wanted in ((self._from_debugger, port), (self._from_function, 0)):
                self._servers.append(await asyncio.start_server(accept, HOST, wanted))
        except OSError:
            self.close()
            raise
        outside, inside = (server.sockets[0].getsockname()[:2] for server in self._servers)
        return outside, inside

    @property
    def is_waiting(self) -> bool:
        return self._gate is not None and self._function is None

    @property
    def is_attached(self) -> bool:
        return self._function is not None

    async def _from_debugger(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer, here = writer.get_extra_info("peername")[:2], writer.get_extra_info("sockname")[:2]
        if self._debugger is not None or (LINUX and belongs_to_child(os.getpid(), peer, here)):
            log.warning("refused a connection to a debugger's port: one has connected, or it is a function's")
            writer.close()
            return
        self._debugger = self._keep(reader, writer)
        self._open_gate()

    async def _from_function(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer, here = writer.get_extra_info("peername")[:2], writer.get_extra_info("sockname")[:2]
        if LINUX and not any(owns_connection(pid, peer, here, PROCESSES) for pid in self._pids()):
            log.warning("refused a connection to a debugger that is not the debugged function's")
            writer.close()
        elif self._gate is None:
            self._gate = self._keep(reader, writer)
            self._open_gate()
        elif self._function is None and self._debugger is not None:
            self._function = self._keep(reader, writer)
            await self._pass_on(self._debugger, self._function)
        else:
            writer.close()

    def _keep(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Stream:
        self._streams.append((reader, writer))
        return reader, writer

    def _open_gate(self) -> None:
        if self._gate is not None and self._debugger is not None:
            self._gate[1].write(GO_ON)

    async def _pass_on(self, debugger: Stream, function: Stream) -> None:
        """Until either closes; then so does the other, and the function goes on."""
        ways = [
            asyncio.create_task(_copy(debugger[0], function[1], at_end=_nothing_to_configure())),
            asyncio.create_task(_copy(function[0], debugger[1])),
        ]
        try:
            await asyncio.wait(ways)
        finally:
            for way in ways:
                way.cancel()

    def close(self) -> None:
        """A function that waits goes on without a debugger; one that has stopped, too."""
        for server in self._servers:
            server.close()
        for _, writer in self._streams:
            writer.close()


def _nothing_to_configure() -> bytes:
    requests = [
        json.dumps({"seq": number, "type": "request", "command": command, "arguments": {}}).encode()
        for number, command in enumerate(FIRST_REQUESTS, 1)
    ]
    return b"".join(b"Content-Length: %d\r\n\r\n%b" % (len(each), each) for each in requests)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, at_end: bytes = b"") -> None:
    try:
        while data := await source.read(CHUNK_BYTES):
            target.write(data)
            await target.drain()
        target.write(at_end)
        await target.drain()
    except OSError as error:
        log.debug("a debugger's connection broke: %s", error)
    finally:
        target.close()
