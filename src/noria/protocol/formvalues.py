"""Form parameters to members, compiled from the shapes into closures (the Query protocol's requests).

``Tags.member.1.Key=a`` is a path. All paths of a request are first put into a tree of dicts, in which ""
holds a node's own text; then the closures walk the tree.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from noria.protocol.errors import malformed_input
from noria.protocol.models import Member, Shape

Tree = dict[str, Any]
Read = Callable[[Tree], Any]

MAX_PARAMETERS = 10_000  # far more than any operation takes
MAX_STEPS = 16  # of a path; the deepest in the models have 8

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_BITS = {"integer": 31, "long": 63}


def parse(text: str) -> dict[str, str]:
    """Names and values, decoded. Of a name that is sent twice the first counts, as in AWS.

    Raises AwsError (MalformedInput).
    """
    found: dict[str, str] = {}
    parts = text.split("&")
    if len(parts) > MAX_PARAMETERS:
        raise malformed_input("Too many parameters")
    try:
        for part in parts:
            name, _, value = part.partition("=")
            found.setdefault(unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict"))
    except UnicodeDecodeError as error:
        raise malformed_input("The parameters are not UTF-8") from error
    return found


def tree(parameters: dict[str, str]) -> Tree:
    root: Tree = {}
    for name, value in parameters.items():
        steps = name.split(".", MAX_STEPS)
        if "" in steps or len(steps) > MAX_STEPS:  # no member's name
            continue
        node = root
        for step in steps:
            node = node.setdefault(step, {})
        node[""] = value
    return root


def _text(node: Tree) -> Any:
    """None where the parameter was only the beginning of longer names: then it was not sent."""
    return node.get("")


def _whole(bits: int) -> Read:
    def read(node: Tree) -> Any:
        text = node.get("")
        if text is None:
            return None
        if text == "":
            raise malformed_input("missing value for decimal type")  # AWS's text, of integers too
        if not _INTEGER.fullmatch(text):
            raise malformed_input()
        number = int(text)
        if not -(1 << bits) <= number < 1 << bits:
            raise malformed_input()
        return number

    return read


def _floating(node: Tree) -> Any:
    try:
        return float(node[""]) if "" in node else None
    except ValueError as error:
        raise malformed_input() from error


def _boolean(node: Tree) -> Any:
    text = node.get("")
    if text is None:
        return None
    if text.lower() not in {"true", "false"}:
        raise malformed_input(f"{text!r} is not a boolean")
    return text.lower() == "true"


def _timestamp(node: Tree) -> Any:
    text = node.get("")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise malformed_input(f"timestamp must follow ISO8601, got {text}") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _blob(node: Tree) -> Any:
    try:
        return base64.b64decode(node[""], validate=True) if "" in node else None
    except (binascii.Error, ValueError) as error:
        raise malformed_input("a blob must be base64") from error


class FormReaders:
    """Closures for one service's shapes, made when first asked for. A reader gives None for: not sent."""

    def __init__(self) -> None:
        self._structures: dict[str, Read] = {}

    def reader(self, shape: Shape) -> Read:
        kind = shape.type
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        if kind in _BITS:
            return _whole(_BITS[kind])
        if kind in {"float", "double"}:
            return _floating
        return {"string": _text, "boolean": _boolean, "timestamp": _timestamp, "blob": _blob}[kind]

    def members(self, members: Iterable[tuple[str, Member]]) -> Callable[[Tree], dict[str, Any]]:
        """A reader of the members given, each under the name it is to have."""
        fields = [(m.wire_name, name, self.reader(m.shape)) for name, m in members]

        def read(node: Tree) -> dict[str, Any]:
            result = {}
            for wire_name, name, read_field in fields:
                if wire_name in node:
                    value = read_field(node[wire_name])
                    if value is not None:
                        result[name] = value
            return result

        return read

    def _structure(self, shape: Shape) -> Read:
        if shape.name in self._structures:
            return self._structures[shape.name]
        read_members: Callable[[Tree], dict[str, Any]]

        def read(node: Tree) -> Any:
            return read_members(node)

        self._structures[shape.name] = read  # before the members, which may hold the shape itself
        read_members = self.members(shape.members.items())
        return read

    def _list(self, shape: Shape) -> Read:
        assert shape.element is not None
        read_element = self.reader(shape.element.shape)
        step = "" if shape.flattened else shape.element.location_name or "member"

        def read(node: Tree) -> Any:
            values = [read_element(element) for element in _numbered(node, step)]
            return [value for value in values if value is not None]

        return read

    def _map(self, shape: Shape) -> Read:
        assert shape.key is not None
        assert shape.value is not None
        key_name = shape.key.location_name or "key"
        value_name = shape.value.location_name or "value"
        read_value = self.reader(shape.value.shape)
        step = "" if shape.flattened else "entry"

        def read(node: Tree) -> Any:
            result = {}
            for entry in _numbered(node, step):
                key = entry.get(key_name, {}).get("")
                if key is not None:
                    result[key] = read_value(entry.get(value_name, {}))
            return result

        return read


def _numbered(node: Tree, step: str) -> list[Tree]:
    """The nodes ``<step>.1``, ``<step>.2``, …, in the order of their numbers; gaps do not matter."""
    entries: Tree = node.get(step, {}) if step else node
    try:
        return [entries[name] for name in sorted((name for name in entries if name), key=int)]
    except ValueError as error:
        raise malformed_input("a list's parameters are numbered") from error
