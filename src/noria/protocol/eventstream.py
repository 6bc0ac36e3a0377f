"""AWS's event streams: messages with headers and checksums, one after the other.

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7  # the type of a header's value


def encoded(events: Iterable[Mapping[str, Mapping[str, Any]]]) -> bytes:
    """events: each by its name, with its members. A blob is the message; other members are its JSON."""
    return b"".join(_event(name, members) for event in events for name, members in event.items())


def _event(name: str, members: Mapping[str, Any]) -> bytes:
    blob = next((value for value in members.values() if isinstance(value, bytes)), None)
    if blob is not None:
        return _message(name, "application/octet-stream", blob)
    sent = {member: value for member, value in members.items() if value is not None}
    return _message(name, "application/json", msgspec.json.encode(sent))


def _message(name: str, content_type: str, payload: bytes) -> bytes:
    headers = b"".join(
        _header(header, value)
        for header, value in (
            (":event-type", name),
            (":content-type", content_type),
            (":message-type", "event"),
        )
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    return (
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", STRING, len(value)) + value.encode()
    )
