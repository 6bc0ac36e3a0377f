"""JSON values to members and back, compiled from the shapes into closures.

Reading gives AWS's SerializationException texts, as measured from JSON services: ``STRING_VALUE can not be
converted to an Integer``. Members that the model has not are ignored, as are nulls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from noria.errors import AwsError
from noria.protocol.errors import serialization
from noria.protocol.models import Member, Shape

Convert = Callable[[Any], Any]

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode  # bytes become base64

_TOKENS = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE"}
_NO_NUMBERS = {"NaN", "Infinity", "-Infinity"}  # which JSON has no numbers for
_NUMBERS = {"integer": "an Integer", "long": "a Long", "float": "a Float", "double": "a Double"}


def parse(body: bytes) -> dict[str, Any]:
    """The document of a JSON request. Raises AwsError."""
    try:
        document = decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise serialization() from error
    if document.__class__ is not dict:
        raise serialization("Start of list found where not expected" if document.__class__ is list else "")
    result: dict[str, Any] = document
    return result


def _mismatch(value: Any, wanted: str) -> AwsError:
    if value.__class__ is dict:
        return serialization("Start of structure or map found where not expected.")
    if value.__class__ is list:
        return serialization("Start of list found where not expected")
    if value.__class__ is bool:
        return serialization(f"{str(value).upper()}_VALUE can not be converted to {wanted}")
    return serialization(f"{_TOKENS[value.__class__]} can not be converted to {wanted}")


def _string(value: Any) -> Any:
    if value.__class__ is not str:
        raise _mismatch(value, "a String")
    return value


def _whole(wanted: str) -> Convert:
    def read(value: Any) -> Any:
        if value.__class__ is int:
            return value
        if value.__class__ is float and math.isfinite(value):
            return int(value)  # AWS cuts fractions off
        raise _mismatch(value, wanted)

    return read


def _floating(wanted: str) -> Convert:
    def read(value: Any) -> Any:
        if value.__class__ is float or value.__class__ is int:
            try:
                return float(value)
            except OverflowError:
                pass
        if value.__class__ is str and value in _NO_NUMBERS:
            return float(value)
        raise _mismatch(value, wanted)

    return read


def _boolean(value: Any) -> Any:
    if value.__class__ is not bool:
        raise _mismatch(value, "a Boolean")
    return value


def _timestamp(value: Any) -> Any:
    if (value.__class__ is float and math.isfinite(value)) or value.__class__ is int:
        return float(value)
    raise _mismatch(value, "milliseconds since epoch")


def _blob(value: Any) -> Any:
    if value.__class__ is not str:
        raise _mismatch(value, "a Blob")
    try:
        return msgspec.convert(value, bytes)  # base64, as strictly as binascii and three times as fast
    except msgspec.ValidationError as error:
        raise serialization(f"'{value[:64]}' can not be converted to a Blob") from error


class Readers:
    """Closures for one service's shapes, made when first asked for."""

    def __init__(self) -> None:
        self._structures: dict[str, Convert] = {}

    def reader(self, shape: Shape) -> Convert:
        kind = shape.type
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        if kind in _NUMBERS:
            return _whole(_NUMBERS[kind]) if kind in {"integer", "long"} else _floating(_NUMBERS[kind])
        return {"string": _string, "boolean": _boolean, "timestamp": _timestamp, "blob": _blob}[kind]

    def members(self, members: Iterable[tuple[str, Member]]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """A reader of the members given, each under the name it is to have."""
        fields = {member.wire_name: (name, self.reader(member.shape)) for name, member in members}

        def read(document: Mapping[str, Any]) -> dict[str, Any]:
            result = {}
            for wire_name, value in document.items():
                field = fields.get(wire_name)
                if field is not None and value is not None:
                    result[field[0]] = field[1](value)
            return result

        return read

    def _structure(self, shape: Shape) -> Convert:
        if shape.name in self._structures:
            return self._structures[shape.name]
        read_members: Callable[[Mapping[str, Any]], dict[str, Any]]

        def read(value: Any) -> Any:
            if value.__class__ is not dict:
                raise serialization("Expected null") if value.__class__ is not list else _mismatch(value, "")
            return read_members(value)

        self._structures[shape.name] = read  # before the members, which may hold the shape itself
        read_members = self.members(shape.members.items())
        return read

    def _list(self, shape: Shape) -> Convert:
        assert shape.element is not None
        read_element = self.reader(shape.element.shape)

        def read(value: Any) -> Any:
            if value.__class__ is not list:
                raise (
                    _mismatch(value, "")
                    if value.__class__ is dict
                    else serialization("Expected list or null")
                )
            return [read_element(element) for element in value if element is not None]

        return read

    def _map(self, shape: Shape) -> Convert:
        assert shape.value is not None
        read_value = self.reader(shape.value.shape)

        def read(value: Any) -> Any:
            if value.__class__ is not dict:
                raise (
                    _mismatch(value, "") if value.__class__ is list else serialization("Expected map or null")
                )
            return {key: read_value(item) for key, item in value.items() if item is not None}

        return read


def _without_none(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if None not in value.values():
        return value
    return {name: item for name, item in value.items() if item is not None}


class Writers:
    """Closures that make a result ready for `encode`: what is None is left out, wire names are put in.

    Blobs and timestamps need nothing: msgspec writes bytes as base64 and epoch seconds are what JSON has.
    """

    def __init__(self) -> None:
        self._structures: dict[str, Convert] = {}

    def writer(self, shape: Shape) -> Convert | None:
        """None for shapes that are written as they are."""
        if shape.type == "structure":
            return self._structure(shape)
        if shape.type == "list":
            assert shape.element is not None
            write_element = self.writer(shape.element.shape)
            if write_element is None:
                return None
            return lambda value: [write_element(element) for element in value]
        if shape.type == "map":
            assert shape.value is not None
            write_value = self.writer(shape.value.shape)
            if write_value is None:
                return None
            return lambda value: {key: write_value(item) for key, item in value.items()}
        return None

    def members(self, members: Iterable[Member]) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
        members = list(members)
        renamed = {m.name: m.wire_name for m in members if m.wire_name != m.name}
        nested = [(m.wire_name, write) for m in members if (write := self.writer(m.shape)) is not None]
        if not renamed and not nested:
            return _without_none

        def write_members(value: Mapping[str, Any]) -> dict[str, Any]:
            result = {name: item for name, item in value.items() if item is not None}
            for name, wire_name in renamed.items():
                if name in result:
                    result[wire_name] = result.pop(name)
            for name, write in nested:
                if name in result:
                    result[name] = write(result[name])
            return result

        return write_members

    def _structure(self, shape: Shape) -> Convert:
        if shape.name in self._structures:
            return self._structures[shape.name]
        write_members: Callable[[Mapping[str, Any]], Mapping[str, Any]]

        def write(value: Any) -> Any:
            return write_members(value)

        self._structures[shape.name] = write
        write_members = self.members(shape.members.values())
        return write
