"""Patterns of space-delimited events: ``[ip, ..., request = *.html*, status = 4* && status != 404, bytes]``.

An event's fields are its words; what stands between brackets or quotes is one. They are as many as the
pattern names, but ``...`` stands for any number of them, and without it the last one is all the rest:
``[w1=ERROR, w2]`` finds what begins with that word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from noria.services.logs.patterns.conditions import Condition, parse_number, read_condition
from noria.services.logs.patterns.reading import Reader, invalid_pattern

NAME = re.compile(r"[\w-]+")
UNQUOTED = re.compile(r'(?:(?!&&|\|\|)[^\s,\]"%()])+')
WORD = re.compile(r"\S+")
CLOSING = {"[": "]", '"': '"'}


class Field(NamedTuple):
    """name: "" for one that has none. alternatives: of conditions that must all hold; none: any value."""

    name: str
    alternatives: Sequence[Sequence[Condition]] = ()

    def takes(self, value: str) -> bool:
        if not self.alternatives:
            return True
        number = parse_number(value)
        return any(
            all(condition.holds(value, number) for condition in conditions)
            for conditions in self.alternatives
        )


class FieldsPattern:
    """See `noria.services.logs.patterns.FilterPattern`."""

    def __init__(self, text: str) -> None:
        """text: with its brackets. Raises AwsError."""
        reader = Reader(text)
        reader.take("[")
        self._fields: list[Field] = []
        self._dots: int | None = None  # where the ellipsis is
        while True:
            if reader.take("..."):
                if self._dots is not None:
                    raise invalid_pattern()
                self._dots = len(self._fields)
            else:
                self._fields.append(_field(reader))
            if reader.take("]"):
                break
            if not reader.take(","):
                raise reader.invalid()
        if not reader.is_done:
            raise reader.invalid()
        self.regexes = reader.regexes

    @property
    def is_everything(self) -> bool:
        return False

    @property
    def has_fields(self) -> bool:
        return True

    def matches(self, message: str) -> bool:
        return self._found(message) is not None

    def values(self, message: str) -> dict[str, str] | None:
        """``$name`` → value; of a field without a name ``$position``, from 1."""
        found = self._found(message)
        if found is None:
            return None
        names = [field.name for field in self._fields]
        if self._dots is not None:
            names[self._dots : self._dots] = [""] * (len(found) - len(names))
        return {
            f"${name or number}": value
            for number, (name, value) in enumerate(zip(names, found, strict=True), 1)
        }

    def has(self, selector: str) -> bool:
        return any(selector == f"${field.name}" for field in self._fields if field.name)

    def value(self, message: str, selector: str) -> str | None:
        return (self.values(message) or {}).get(selector)

    def _found(self, message: str) -> list[str] | None:
        """The event's fields; None where it does not match."""
        wanted = self._fields
        found = split(message, None if self._dots is not None else len(wanted))
        if len(found) < len(wanted):
            return None
        if self._dots is None:
            pairs = list(zip(wanted, found, strict=True))
        else:
            behind = len(wanted) - self._dots
            pairs = list(zip(wanted[: self._dots], found[: self._dots], strict=True))
            pairs += zip(wanted[self._dots :], found[len(found) - behind :], strict=True)
        return found if all(field.takes(value) for field, value in pairs) else None


def split(message: str, most: int | None = None) -> list[str]:
    """An event's fields, in one pass; with `most` the last one is the rest of the event."""
    if "[" not in message and '"' not in message:
        return message.rstrip().split(None, -1 if most is None else most - 1)
    fields: list[str] = []
    unclosed = set()  # what is not closed any more, so that it is looked for once
    at = 0
    while (word := WORD.search(message, at)) is not None:
        start, end = word.span()
        field = word[0]
        closing = CLOSING.get(field[0])
        if closing is not None and closing not in unclosed:
            close = message.find(closing, start + 1)
            if close < 0:
                unclosed.add(closing)
            else:
                field, end = message[start + 1 : close], close + 1
        if most is not None and len(fields) == most - 1 and WORD.search(message, end):
            fields.append(message[start:].rstrip())
            break
        fields.append(field)
        at = end
    return fields


def _field(reader: Reader) -> Field:
    name = reader.match(NAME)
    reader.skip_space()
    if name is None:
        if reader.text[reader.at : reader.at + 1] not in (",", "]"):
            raise reader.invalid()
        return Field("")
    if reader.text[reader.at : reader.at + 1] in (",", "]"):
        return Field(name[0])
    return Field(name[0], _alternatives(reader, name[0]))


def _alternatives(reader: Reader, name: str) -> list[list[Condition]]:
    """``= 404 || status = 410 && status != …``, of which ``&&`` binds closer; the field is named in each."""
    alternatives: list[list[Condition]] = [[]]
    while True:
        alternatives[-1].append(read_condition(reader, UNQUOTED))
        reader.skip_space()
        if reader.take("||"):
            alternatives.append([])
        elif not reader.take("&&"):
            return alternatives
        if reader.expect(NAME) != name:
            raise invalid_pattern()
        reader.skip_space()
