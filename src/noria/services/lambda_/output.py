"""What a function prints: read from its pipe, cut into events, written to its log stream as its role."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

from noria.clock import Clock
from noria.errors import AwsError
from noria.services.lambda_ import log_levels
from noria.services.lambda_.limits import LOG_LINE_BYTES, PENDING_LOG_BYTES, TAIL_BYTES
from noria.services.ports import LogStream
from noria.store.base import StoreError

log = logging.getLogger(__name__)

FRAME_MAGIC = b"\xa5\x5a\x00"  # then the level, 4 bytes of length, 8 of time; see awslambdaric's log sink
FRAME_HEADER_BYTES = 16
LARGEST_FRAME_BYTES = 8 << 20  # a longer one is no frame of awslambdaric's: an error message has 6 MB at most
READ_BYTES = 1 << 13  # if these are all line ends, they are events of some 10 ms; a pipe holds 64 KB
EVENT_BYTES = 100  # that an event costs beside its text: an empty line is not for nothing
DRAIN_BYTES = 1 << 20  # a thread that prints on must not hold up the end of an invocation
FLUSH_DELAY_S = 0.02  # events of a running invocation are gathered this long


class FunctionLog:
    """The log of one environment: events in their order, at most `PENDING_LOG_BYTES` waiting for the store.

    What does not fit waits in the function's pipe (`is_full`, `on_room`), and then the function waits.
    """

    def __init__(
        self, clock: Clock, open_stream: Callable[[], Awaitable[LogStream | None]], level: str = ""
    ) -> None:
        """open_stream: called once, when there is something to write; None where the role may not.

        level: of what the function prints, the lowest that is kept; "" keeps all.
        """
        self._clock = clock
        self._open_stream = open_stream
        self._level = level
        self._stream: LogStream | None = None
        self._opened = False
        self._events: list[tuple[int, str]] = []
        self._pending_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._tail: bytearray | None = None
        self.on_room: Callable[[], None] = lambda: None

    @property
    def is_full(self) -> bool:
        return self._pending_bytes > PENDING_LOG_BYTES

    def print(self, text: str) -> None:
        """What the function itself has to say."""
        if not self._level or log_levels.keeps(text, self._level):
            self.write(text)

    def write(self, text: str) -> None:
        self._events.append((self._clock.now_ms(), text))
        self._pending_bytes += len(text) + EVENT_BYTES
        if self._tail is not None:
            self._tail += (text if text.endswith("\n") else text + "\n").encode()
            del self._tail[:-TAIL_BYTES]
        if self._flushing is None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_DELAY_S, self.flush)

    def start_tail(self) -> None:
        """Collect the last 4 KB of what is written from here on."""
        self._tail = bytearray()

    def take_tail(self) -> bytes:
        tail, self._tail = self._tail or b"", None
        return bytes(tail)

    def flush(self) -> None:
        """Hand what is there to the store, without waiting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flushing is None and self._events:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self) -> None:
        try:
            if not self._opened:
                self._stream = await self._open_stream()
                self._opened = True
            while self._events:
                events, self._events = self._events, []
                if self._stream is not None:
                    await self._stream.put(events)
                self._pending_bytes = sum(len(text) + EVENT_BYTES for _, text in self._events)
                self.on_room()
        except (AwsError, StoreError) as error:
            log.warning("a function's log lines are lost: %s", error)
            self._events.clear()
            self._pending_bytes = 0
            self.on_room()
        finally:
            self._flushing = None

    async def close(self) -> None:
        """Write what is left."""
        self.flush()
        while self._flushing is not None:
            await asyncio.wait([self._flushing])
            self.flush()


def _begun_magic(data: bytes) -> int:
    """How many bytes at the end may be the beginning of a record."""
    return next((n for n in (2, 1) if data.endswith(FRAME_MAGIC[:n])), 0)


class OutputPipe:
    """Stdout, stderr and awslambdaric's framed records, in the order in which they were written.

    One pipe carries all of them, so that a print and a log record keep their order. A line is an event, and
    so is a record, however many lines it has.
    """

    def __init__(self, function_log: FunctionLog) -> None:
        self._log = function_log
        self._read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        os.set_blocking(self._read_fd, False)
        self._unparsed = b""
        self._line = bytearray()
        self._reading = False
        self._log.on_room = self._resume

    def start(self) -> None:
        """Once the process has its end: from here on, the pipe ends with the process."""
        os.close(self.write_fd)
        self.write_fd = -1
        self._resume()

    def _resume(self) -> None:
        if self._read_fd >= 0 and not self._reading and self.write_fd < 0 and not self._log.is_full:
            asyncio.get_running_loop().add_reader(self._read_fd, self._readable)
            self._reading = True

    def _pause(self) -> None:
        if self._reading:
            asyncio.get_running_loop().remove_reader(self._read_fd)
            self._reading = False

    def _readable(self) -> None:
        self._read()
        if self._log.is_full:
            self._pause()

    def _read(self) -> int:
        """Read once; the number of bytes."""
        if self._read_fd < 0:
            return 0
        try:
            data = os.read(self._read_fd, READ_BYTES)
        except BlockingIOError:
            return 0
        if data:
            self._parse(data)
        else:
            self._pause()
            os.close(self._read_fd)
            self._read_fd = -1
        return len(data)

    def drain(self) -> None:
        """Take in what was printed until now, an unfinished line too."""
        total = 0
        while total < DRAIN_BYTES and (count := self._read()):
            total += count
        if len(self._unparsed) < len(FRAME_MAGIC):  # it only looked like the beginning of a record
            self._text(self._unparsed)
            self._unparsed = b""
        self._end_line()

    def close(self) -> None:
        self.drain()
        self._pause()
        for fd in (self._read_fd, self.write_fd):
            if fd >= 0:
                os.close(fd)
        self._read_fd = self.write_fd = -1

    def _parse(self, data: bytes) -> None:
        data = self._unparsed + data
        at = 0
        while at < len(data):
            magic = data.find(FRAME_MAGIC, at)
            if magic < 0:
                magic = len(data) - _begun_magic(data)
                self._text(data[at:magic])
                at = magic
                break
            self._text(data[at:magic])
            at = magic
            size = int.from_bytes(data[at + 4 : at + 8], "big")
            if len(data) - at >= FRAME_HEADER_BYTES and size > LARGEST_FRAME_BYTES:
                self._text(FRAME_MAGIC)
                at += len(FRAME_MAGIC)
                continue
            end = at + FRAME_HEADER_BYTES + size
            if len(data) < at + FRAME_HEADER_BYTES or len(data) < end:
                break  # the rest is to come
            self._event(data[at + FRAME_HEADER_BYTES : end])
            at = end
        self._unparsed = data[at:]

    def _text(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._line += line + b"\n"
            self._end_line()
        self._line += rest
        while len(self._line) > LOG_LINE_BYTES:
            self._event(bytes(self._line[:LOG_LINE_BYTES]))
            del self._line[:LOG_LINE_BYTES]

    def _end_line(self) -> None:
        if self._line:
            self._event(bytes(self._line))
            self._line.clear()

    def _event(self, data: bytes) -> None:
        for at in range(0, len(data), LOG_LINE_BYTES):
            self._log.print(data[at : at + LOG_LINE_BYTES].decode(errors="replace"))
