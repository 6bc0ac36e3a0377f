"""Results to XML, compiled from the shapes into closures (the Query protocol's answers)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from noria.protocol.models import Member, Shape

# Appends the element(s) of one member to a document in the making.
Write = Callable[[list[str], Any], None]

_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("\r"): "&#xD;"}
# What XML cannot hold at all, so that an echo of it does not make the answer unreadable.
_ESCAPES |= dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF], "\ufffd")


def escape(text: str) -> str:
    return text.translate(_ESCAPES)


def iso8601(time_s: float) -> str:
    """``2015-01-01T00:00:00Z``: whole seconds, as IAM and STS write them."""
    return datetime.fromtimestamp(int(time_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _boolean(value: Any) -> str:
    return "true" if value else "false"


_TEXTS: dict[str, Callable[[Any], str]] = {
    "string": escape,
    "boolean": _boolean,
    "timestamp": iso8601,
    "blob": lambda value: base64.b64encode(value).decode("ascii"),
}


class XmlWriters:
    """Closures for one service's shapes, made when first asked for."""

    def __init__(self) -> None:
        self._structures: dict[str, Write] = {}

    def members(self, shape: Shape) -> Write:
        """The content of a structure, in the model's order; what is None or absent is not written."""
        if shape.name in self._structures:
            return self._structures[shape.name]
        fields: list[tuple[str, Write]] = []

        def write(out: list[str], value: Any) -> None:
            for name, write_field in fields:
                item = value.get(name)
                if item is not None:
                    write_field(out, item)

        self._structures[shape.name] = write  # before the fields, which may hold the shape itself
        fields.extend((name, self._element(m.wire_name, m)) for name, m in shape.members.items())
        return write

    def _element(self, tag: str, member: Member) -> Write:
        shape = member.shape
        if shape.type == "list":
            return self._list(tag, shape)
        if shape.type == "map":
            return self._map(tag, shape)
        if shape.type == "structure":
            return _wrapped(tag, self.members(shape))
        text = _TEXTS.get(shape.type, str)
        return lambda out, value: out.append(f"<{tag}>{text(value)}</{tag}>")

    def _list(self, tag: str, shape: Shape) -> Write:
        assert shape.element is not None
        name = shape.element.location_name
        write_element = self._element(name or (tag if shape.flattened else "member"), shape.element)

        def write(out: list[str], value: Any) -> None:
            for element in value:
                write_element(out, element)

        return write if shape.flattened else _wrapped(tag, write)

    def _map(self, tag: str, shape: Shape) -> Write:
        assert shape.key is not None
        assert shape.value is not None
        write_key = self._element(shape.key.location_name or "key", shape.key)
        write_value = self._element(shape.value.location_name or "value", shape.value)
        entry = tag if shape.flattened else "entry"

        def write(out: list[str], value: Any) -> None:
            for key, item in value.items():
                out.append(f"<{entry}>")
                write_key(out, key)
                write_value(out, item)
                out.append(f"</{entry}>")

        return write if shape.flattened else _wrapped(tag, write)


def _wrapped(tag: str, write_content: Write) -> Write:
    def write(out: list[str], value: Any) -> None:
        out.append(f"<{tag}>")
        write_content(out, value)
        out.append(f"</{tag}>")

    return write
