"""AWS's event streams: messages with headers and checksums, one after the other.

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7  # the type of a header's value


def encoded(events: Iterable[Mapping[str, Mapping[str, Any]]], exceptions: Collection[str] = ()) -> bytes:
    """events: each by its name, with its members. A blob is the message; other members are its JSON.

    exceptions: the names of those that are errors, with which a stream ends.
    """
    return b"".join(_event(name, members, exceptions) for event in events for name, members in event.items())


def initial_response(members: Mapping[str, Any]) -> bytes:
    """What a JSON service's stream begins with: the members of the answer beside the stream itself."""
    return _message({":event-type": "initial-response", ":message-type": "event"}, members)


def _event(name: str, members: Mapping[str, Any], exceptions: Collection[str]) -> bytes:
    if name in exceptions:
        return _message({":exception-type": name, ":message-type": "exception"}, members)
    return _message({":event-type": name, ":message-type": "event"}, members)


def _message(headers: Mapping[str, str], members: Mapping[str, Any]) -> bytes:
    payload = next((value for value in members.values() if isinstance(value, bytes)), None)
    content_type = "application/octet-stream"
    if payload is None:
        content_type = "application/json"
        sent = {member: value for member, value in members.items() if value is not None}
        payload = msgspec.json.encode(sent)
    head = b"".join(_header(*header) for header in {":content-type": content_type, **headers}.items())
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    return (
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", STRING, len(value)) + value.encode()
    )
