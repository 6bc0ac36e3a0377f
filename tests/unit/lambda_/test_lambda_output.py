"""What a function prints becomes events: lines, framed records, in order, bounded."""

from __future__ import annotations

import asyncio
import os

from tests.unit.lambda_.conftest import FakeStream, until

from noria.clock import ManualClock
from noria.services.lambda_.limits import LOG_LINE_BYTES, PENDING_LOG_BYTES
from noria.services.lambda_.output import FunctionLog, OutputPipe
from noria.store.base import StoreError


def frame(text: str) -> bytes:
    data = text.encode()
    return b"\xa5\x5a\x00\x03" + len(data).to_bytes(4, "big") + (0).to_bytes(8, "big") + data


class Pipe:
    """A pipe with its writer in hand."""

    def __init__(self, stream: FakeStream | None = None) -> None:
        self.stream = stream or FakeStream()
        self.log = FunctionLog(ManualClock(), self._open)
        self.pipe = OutputPipe(self.log)
        self.fd = os.dup(self.pipe.write_fd)
        os.set_blocking(self.fd, False)
        self.pipe.start()

    async def _open(self) -> FakeStream:
        return self.stream

    async def events(self) -> list[str]:
        """After the writer has closed its end."""
        os.close(self.fd)
        self.pipe.close()
        await self.log.close()
        return [text for _, text in self.stream.events]


async def test_lines_and_records_keep_their_order() -> None:
    pipe = Pipe()
    os.write(pipe.fd, b"one\ntwo\n" + frame("[INFO]\tthree\nlines\n") + b"four\n\n" + frame("five"))
    assert await pipe.events() == ["one\n", "two\n", "[INFO]\tthree\nlines\n", "four\n", "\n", "five"]


async def test_output_may_be_cut_anywhere() -> None:
    data = b"one\n" + frame("two\n\xe4") + b"th" + frame("four") + "rée\n".encode()
    for at in range(len(data)):
        pipe = Pipe()
        os.write(pipe.fd, data[:at])
        pipe.pipe._read()
        os.write(pipe.fd, data[at:])
        assert await pipe.events() == ["one\n", "two\n\xe4", "four", "thrée\n"]


async def test_a_character_that_ends_like_a_record_begins_is_not_torn() -> None:
    pipe = Pipe()
    os.write(pipe.fd, "å".encode())
    assert await pipe.events() == ["å"]


async def test_what_only_looks_like_a_record_is_text() -> None:
    pipe = Pipe()
    os.write(pipe.fd, b"\xa5\x5a\x00\x03\xff\xff\xff\xff" + b"x" * 20 + b"\n")
    (event,) = await pipe.events()
    assert event.endswith("x\n")


async def test_a_line_without_end_is_cut_at_256_kb() -> None:
    pipe = Pipe()
    total = 0
    while total < LOG_LINE_BYTES + 1000:
        total += os.write(pipe.fd, b"x" * 16_384)
        pipe.pipe._read()
    events = await pipe.events()
    assert [len(event) for event in events] == [LOG_LINE_BYTES, total - LOG_LINE_BYTES]


class SlowStream(FakeStream):
    def __init__(self) -> None:
        super().__init__()
        self.may_write = asyncio.Event()

    async def put(self, events: list[tuple[int, str]]) -> None:
        await self.may_write.wait()
        await super().put(events)


async def test_a_store_that_is_slower_than_the_function_slows_the_function() -> None:
    stream = SlowStream()
    pipe = Pipe(stream)
    line = b"x" * 999 + b"\n"
    written = 0

    def write() -> bool:
        nonlocal written
        try:
            written += os.write(pipe.fd, line * 16)
        except BlockingIOError:
            return pipe.log.is_full
        return False

    await until(write, "the pipe is full")
    assert written < PENDING_LOG_BYTES + 400_000
    stream.may_write.set()
    await until(lambda: not pipe.log.is_full, "there is room again")
    assert sum(len(event) for event in await pipe.events()) == written


class FailingStream(FakeStream):
    async def put(self, events: list[tuple[int, str]]) -> None:
        raise StoreError("disk full")


async def test_a_store_that_fails_loses_lines_and_nothing_else() -> None:
    pipe = Pipe(FailingStream())
    os.write(pipe.fd, b"one\n")
    assert await pipe.events() == []
    assert not pipe.log.is_full


async def test_the_tail_of_a_log_is_all_that_is_kept_of_it() -> None:
    function_log = Pipe().log
    function_log.start_tail()
    for number in range(100_000):
        function_log.write(f"line {number}\n")
        assert len(function_log._tail or b"") <= 4096
    function_log.write("without an end")
    tail = function_log.take_tail()
    assert len(tail) == 4096
    assert tail.endswith(b"line 99998\nline 99999\nwithout an end\n")
    assert function_log.take_tail() == b""
