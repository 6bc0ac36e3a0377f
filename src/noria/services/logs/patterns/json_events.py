"""Patterns of JSON events: ``{ $.a = 1 && ($.b = "x*" || $.c[0] IS NULL) || $.d.['e.f'] NOT EXISTS }``.

A condition holds of a string, a number or a boolean only: an array, an object, null or a field that is not
there neither equals nor differs from anything. ``<`` and ``>`` hold of numbers only. ``[*]`` and ``.*`` mean
any one of the elements or fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from noria.errors import AwsError
from noria.services.logs.errors import invalid_parameter
from noria.services.logs.patterns.conditions import Condition, read_condition
from noria.services.logs.patterns.reading import Reader, invalid_character, invalid_pattern

MAX_WILDCARDS = 3  # selectors' in one pattern; one in a selector
MAX_DEPTH = 50  # of parentheses: far beyond what a pattern of 1,024 characters needs, and our stack bears it

STEP = re.compile(
    r"\.(?P<field>[\w-]+)|\.(?P<any_field>\*)|\.\['(?P<quoted>[^']+)'\]"
    r"|\[(?P<index>\d{1,9})\]|\[(?P<any_element>\*)\]"
)
IS = re.compile(r"IS\s+(NULL|TRUE|FALSE)\b")
NOT_EXISTS = re.compile(r"NOT\s+EXISTS\b")
UNQUOTED = re.compile(r"[\w.*+\-:/]+")
NAMED: dict[str, Any] = {"NULL": None, "TRUE": True, "FALSE": False}

Test = Callable[[Any], bool]
EVERY_FIELD, EVERY_ELEMENT = object(), object()


class Selector:
    """``$.users[0].email``: the way from an event to some of its values."""

    def __init__(self, reader: Reader) -> None:
        """Raises AwsError."""
        start = reader.at
        if not reader.text.startswith("$", start):
            raise reader.invalid()
        reader.at += 1
        self.steps: list[Any] = []
        while (step := reader.match(STEP)) is not None:
            if step["index"] is not None:
                self.steps.append(int(step["index"]))
            elif step["any_field"] or step["any_element"]:
                self.steps.append(EVERY_FIELD if step["any_field"] else EVERY_ELEMENT)
            else:
                self.steps.append(step["field"] or step["quoted"])
        self.wildcards = sum(step in (EVERY_FIELD, EVERY_ELEMENT) for step in self.steps)
        if not self.steps or reader.text[reader.at : reader.at + 1] in tuple(".["):
            bad = reader.text[reader.at if self.steps else start : reader.at + 2]
            raise invalid_character(bad.split()[0])
        if self.wildcards > 1:
            raise invalid_parameter("A property selector can have at most one wildcard selector.")

    def values(self, event: Any) -> Iterator[Any]:
        return self._values(event, 0)

    def _values(self, value: Any, first: int) -> Iterator[Any]:
        for number, step in enumerate(self.steps[first:], first + 1):
            if step is EVERY_FIELD or step is EVERY_ELEMENT:
                found: Iterable[Any] = ()
                if step is EVERY_FIELD and isinstance(value, dict):
                    found = value.values()
                elif step is EVERY_ELEMENT and isinstance(value, list):
                    found = value
                for each in found:
                    yield from self._values(each, number)
                return
            if isinstance(step, int):
                if not isinstance(value, list) or step >= len(value):
                    return
            elif not isinstance(value, dict) or step not in value:
                return
            value = value[step]
        yield value


class JsonPattern:
    """See `noria.services.logs.patterns.FilterPattern`."""

    def __init__(self, text: str) -> None:
        """text: with its braces. Raises AwsError."""
        reader = Reader(text)
        reader.take("{")
        self._wildcards = 0
        self._test = self._alternatives(reader, 0)
        if not reader.take("}") or not reader.is_done:
            raise reader.invalid()
        if self._wildcards > MAX_WILDCARDS:
            raise invalid_parameter(f"A filter pattern can have at most {MAX_WILDCARDS} wildcard selectors.")
        self.regexes = reader.regexes

    @property
    def is_everything(self) -> bool:
        return False

    @property
    def has_fields(self) -> bool:
        return True

    def matches(self, message: str) -> bool:
        event = _decode(message)
        return event is not None and self._test(event)

    def values(self, message: str) -> dict[str, str] | None:
        return {} if self.matches(message) else None

    def has(self, selector: str) -> bool:
        try:
            return _parse(selector) is not None
        except AwsError:
            return False

    def value(self, message: str, selector: str) -> str | None:
        found = next(_parse(selector).values(_decode(message)), None)
        return None if (scalar := as_scalar(found)) is None else scalar[0]

    def _alternatives(self, reader: Reader, depth: int) -> Test:
        tests = [self._all(reader, depth)]
        while reader.take("||"):
            tests.append(self._all(reader, depth))
        return tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)

    def _all(self, reader: Reader, depth: int) -> Test:
        tests = [self._one(reader, depth)]
        while reader.take("&&"):
            tests.append(self._one(reader, depth))
        return tests[0] if len(tests) == 1 else lambda event: all(test(event) for test in tests)

    def _one(self, reader: Reader, depth: int) -> Test:
        if depth > MAX_DEPTH:
            raise invalid_pattern()
        if reader.take("("):
            test = self._alternatives(reader, depth + 1)
            if not reader.take(")"):
                raise reader.invalid()
            return test
        selector = Selector(reader)
        self._wildcards += selector.wildcards
        reader.skip_space()
        test = _condition(reader, selector)
        reader.skip_space()
        return test


def _condition(reader: Reader, selector: Selector) -> Test:
    if reader.match(NOT_EXISTS):
        return lambda event: not any(True for _ in selector.values(event))
    if named := reader.match(IS):
        wanted = NAMED[named[1]]
        return lambda event: any(value is wanted for value in selector.values(event))
    condition = read_condition(reader, UNQUOTED)
    return lambda event: any(_holds(condition, value) for value in selector.values(event))


def _holds(condition: Condition, value: Any) -> bool:
    scalar = as_scalar(value)
    return scalar is not None and condition.holds(*scalar)


def as_scalar(value: Any) -> tuple[str, float | None] | None:
    """A string, number or boolean as text, and as a number if it is one; None for anything else."""
    if isinstance(value, str):
        return value, None
    if isinstance(value, bool):
        return "true" if value else "false", None
    if isinstance(value, int | float):
        return str(value), value
    return None


def _parse(text: str) -> Selector:
    reader = Reader(text)
    selector = Selector(reader)
    if not reader.is_done:
        raise reader.invalid()
    return selector


def _decode(message: str) -> Any:
    """The event, or None where the message is no JSON object."""
    if not message.startswith("{") and not message.lstrip().startswith("{"):
        return None
    try:
        return msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError):
        return None
