"""What the server and a query's process tell each other: length-prefixed MessagePack over pipes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

from noria.services.logs.insights.fields import Source

LENGTH = struct.Struct(">I")


class Job(msgspec.Struct, frozen=True):
    """A query to run. path: the database file to read; "" where the server sends the events.

    start_ms, end_ms: the range, both inclusive. limit: the request's own, None for the default.
    since_ms: from when on each source is read: start_ms, or when its retention begins.
    """

    query: str
    sources: list[Source]
    start_ms: int
    end_ms: int
    now_ms: int
    limit: int | None
    path: str
    since_ms: list[int]


class Statistics(msgspec.Struct):
    matched: int = 0
    scanned: int = 0
    scanned_bytes: int = 0


class Progress(msgspec.Struct, tag=True):
    """How far a query is."""

    statistics: Statistics


class Done(msgspec.Struct, tag=True):
    """The results: rows of (name, value). is_cut: there were more than may be kept."""

    statistics: Statistics
    rows: list[list[tuple[str, str]]]
    is_cut: bool = False


class Failed(msgspec.Struct, tag=True):
    """reason: for the server's log."""

    reason: str


Report = Progress | Done | Failed
Events = list[tuple[int, int, str, str, int, int]]  # as `fields.Row` takes them; none: there are no more

encode = msgspec.msgpack.Encoder().encode
decode_job = msgspec.msgpack.Decoder(Job).decode
decode_report: Callable[[bytes], Report] = msgspec.msgpack.Decoder(Report).decode
decode_events = msgspec.msgpack.Decoder(Events).decode


def framed(message: Any) -> bytes:
    body = encode(message)
    return LENGTH.pack(len(body)) + body


def read_frame(stream: BinaryIO) -> bytes:
    """Raises EOFError where the other side is gone."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    body = stream.read(length)
    if len(body) < length:
        raise EOFError
    return body
