"""CBOR (RFC 8949), as much of it as the Smithy RPC v2 protocol uses: no tags but that of a time.

Values are what JSON has, and bytes. A time (tag 1) is read as its number; `Time` is written as one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from noria.protocol.errors import serialization

MAX_DEPTH = 64  # of lists and maps in each other; the deepest in the models have 8
UNSIGNED, NEGATIVE, BYTES, TEXT, LIST, MAP, TAG, SIMPLE = range(8)
BREAK = 0xFF
INDEFINITE = 31
TIME_TAG = 1
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}


class Time(NamedTuple):
    """Seconds since the epoch."""

    seconds: float


def parse(data: bytes) -> dict[str, Any]:
    """The document of a request; an empty one has no members. Raises AwsError (SerializationException)."""
    if not data:
        return {}
    reader = _Reader(data)
    try:
        document = reader.item(0)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise serialization() from error
    if document.__class__ is not dict or reader.at != len(data):
        raise serialization()
    result: dict[str, Any] = document
    return result


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def item(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise serialization("Too deeply nested")
        first = self._data[self.at]
        self.at += 1
        kind, info = first >> 5, first & 31
        if kind == SIMPLE:
            return self._simple(info)
        if kind in (BYTES, TEXT):
            text = self._string(kind, info)
            return text.decode() if kind == TEXT else text
        if kind in (LIST, MAP) and info == INDEFINITE:
            return self._until_break(kind, depth)
        number = self._number(info)
        if kind == UNSIGNED:
            return number
        if kind == NEGATIVE:
            return -1 - number
        if kind == TAG:
            if number != TIME_TAG:
                raise serialization(f"Unexpected tag {number}")
            return self.item(depth + 1)
        if number > len(self._data) - self.at:  # every element takes a byte at least
            raise IndexError
        if kind == LIST:
            return [self.item(depth + 1) for _ in range(number)]
        return {self._key(): self.item(depth + 1) for _ in range(number)}

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise IndexError
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._data):
            raise IndexError
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def _string(self, kind: int, info: int) -> bytes:
        if info != INDEFINITE:
            return self._take(self._number(info))
        chunks = []
        while not self._at_break():
            first = self._take(1)[0]
            if first >> 5 != kind:
                raise IndexError
            chunks.append(self._take(self._number(first & 31)))
        return b"".join(chunks)

    def _key(self) -> str:
        first = self._take(1)[0]
        if first >> 5 != TEXT:
            raise IndexError
        return self._string(TEXT, first & 31).decode()

    def _until_break(self, kind: int, depth: int) -> Any:
        if kind == LIST:
            elements = []
            while not self._at_break():
                elements.append(self.item(depth + 1))
            return elements
        members = {}
        while not self._at_break():
            key = self._key()
            members[key] = self.item(depth + 1)
        return members

    def _at_break(self) -> bool:
        if self._data[self.at] != BREAK:
            return False
        self.at += 1
        return True

    def _simple(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info not in _FLOATS:
            raise IndexError
        return struct.unpack(_FLOATS[info], self._take(1 << (info - 24)))[0]


def encode(value: Any) -> bytes:
    out = bytearray()
    _WRITERS[value.__class__](out, value)
    return bytes(out)


def _head(out: bytearray, kind: int, number: int) -> None:
    if number < 24:
        out.append(kind << 5 | number)
        return
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            out.append(kind << 5 | info)
            out += number.to_bytes(size, "big")
            return
    raise OverflowError(number)


def _write_int(out: bytearray, value: int) -> None:
    if value < 0:
        _head(out, NEGATIVE, -1 - value)
    else:
        _head(out, UNSIGNED, value)


def _write_float(out: bytearray, value: float) -> None:
    out.append(SIMPLE << 5 | 27)
    out += struct.pack(">d", value)


def _write_simple(out: bytearray, value: bool | None) -> None:
    out.append(SIMPLE << 5 | (22 if value is None else 20 + value))


def _write_bytes(out: bytearray, value: bytes) -> None:
    _head(out, BYTES, len(value))
    out += value


def _write_text(out: bytearray, value: str) -> None:
    encoded = value.encode()
    _head(out, TEXT, len(encoded))
    out += encoded


def _write_list(out: bytearray, value: list[Any]) -> None:
    _head(out, LIST, len(value))
    for element in value:
        _WRITERS[element.__class__](out, element)


def _write_map(out: bytearray, value: dict[str, Any]) -> None:
    _head(out, MAP, len(value))
    for key, item in value.items():
        _write_text(out, key)
        _WRITERS[item.__class__](out, item)


def _write_time(out: bytearray, value: Time) -> None:
    _head(out, TAG, TIME_TAG)
    _write_float(out, float(value.seconds))


_WRITERS: dict[type, Callable[[bytearray, Any], None]] = {
    int: _write_int,
    float: _write_float,
    bool: _write_simple,
    type(None): _write_simple,
    bytes: _write_bytes,
    str: _write_text,
    list: _write_list,
    tuple: _write_list,
    dict: _write_map,
    Time: _write_time,
}
