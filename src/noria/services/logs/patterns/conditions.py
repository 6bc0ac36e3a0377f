"""What JSON and space-delimited patterns say of a value: ``= "x*"``, ``!= %re%``, ``>= 1e3``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from noria.services.logs.patterns.reading import Reader, invalid_pattern

OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Condition:
    """An operator and what stands to the right of it."""

    def __init__(self, sign: str, number: float | None, equals: Callable[[str], bool]) -> None:
        self._order = ORDERS.get(sign)
        self._negated = sign == "!="
        self._number = number
        self._equals = equals

    def holds(self, text: str, number: float | None) -> bool:
        """Of a value as text, and as the number that it is or None."""
        if self._number is not None and number is not None:
            if self._order is not None:
                return self._order(number, self._number)
            return (number == self._number) != self._negated
        return self._order is None and self._equals(text) != self._negated


def read_condition(reader: Reader, unquoted: re.Pattern[str]) -> Condition:
    """unquoted: how a value without quotes may look. Raises AwsError."""
    sign = reader.expect(OPERATOR)
    reader.skip_space()
    number = None
    if (regex := reader.regex()) is not None:
        equals: Callable[[str], bool] = regex.search
    elif (phrase := reader.phrase()) is not None:
        equals = like(phrase)
    else:
        literal = reader.expect(unquoted)
        number = parse_number(literal)
        equals = like(literal)
    if sign in ORDERS and number is None:
        raise invalid_pattern()
    return Condition(sign, number, equals)


def parse_number(text: str) -> float | None:
    return float(text) if NUMBER.fullmatch(text) else None


def like(text: str) -> Callable[[str], bool]:
    """Equality with a text that may begin or end with ``*``; elsewhere the asterisk is itself."""
    if text == "*":
        return lambda _: True
    begins, ends = text.startswith("*"), text.endswith("*")
    core = text[begins : len(text) - ends]
    if begins and ends:
        return lambda value: core in value
    if begins:
        return lambda value: value.endswith(core)
    if ends:
        return lambda value: value.startswith(core)
    return lambda value: value == core
