"""Expressions as closures: each takes a `Row` and gives a value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from noria.errors import not_implemented
from noria.services.logs.insights import dates, regexes
from noria.services.logs.insights.fields import Fields, Getter, Row
from noria.services.logs.insights.functions import ARITHMETIC, FUNCTIONS
from noria.services.logs.insights.syntax import (
    Binary,
    Call,
    Field,
    In,
    Literal,
    MalformedQuery,
    Node,
    Pattern,
    Period,
    Unary,
)
from noria.services.logs.insights.values import number, order, text, truth

# AWS has these, we do not.
OTHER_FUNCTIONS = frozenset(
    {"haversine", "jsonparse", "jsonstringify", "split"}
    | {"count_over_time", "histogram", "rate", "sum_over_time", "values"}
)
COMPARE: dict[str, Callable[[int], bool]] = {
    "=": lambda found: found == 0,
    "!=": lambda found: found != 0,
    "<": lambda found: found < 0,
    "<=": lambda found: found <= 0,
    ">": lambda found: found > 0,
    ">=": lambda found: found >= 0,
}
UNSET = object()


class Scope:
    """What names mean at a place in a query. fields: None after ``stats``, when there are no events."""

    def __init__(self, fields: Fields | None, now_ms: int) -> None:
        self.now_ms = now_ms
        self._fields = fields
        self._defined: dict[str, Getter] = {}
        self._slots = 0

    def get(self, name: str) -> Getter:
        if (defined := self._defined.get(name)) is not None:
            return defined
        return self._fields.getter(name) if self._fields is not None else lambda row: None

    @property
    def has_events(self) -> bool:
        return self._fields is not None

    def column(self, written: str) -> Getter | None:
        """Of ``stats``, by the expression that it was; None where there is none."""
        return None if self.has_events else self._defined.get(written)

    def slot(self, name: str) -> int:
        """A new field, whose value is to be put into the row's values under this number."""
        self._slots += 1
        slot = self._slots
        self._defined[name] = lambda row: row.values.get(slot)
        return slot

    def define(self, name: str, compute: Getter) -> Getter:
        """A new field, computed where it is asked for, once a row."""
        self._slots += 1
        slot = self._slots

        def get(row: Row) -> Any:
            value = row.values.get(slot, UNSET)
            if value is UNSET:
                value = row.values[slot] = compute(row)
            return value

        self._defined[name] = get
        return get


def compile_expression(node: Node, scope: Scope) -> Getter:
    """Raises MalformedQuery, or AwsError (NotImplemented) for what AWS has and we have not."""
    if isinstance(node, Literal):
        value = node.value
        return lambda row: value
    if isinstance(node, Field):
        return scope.get(node.name)
    if isinstance(node, Call):
        # ``stats count(*) by bin(1h) | sort bin(1h)``: a column that has no other name
        return scope.column(node.written) or _call(node, scope)
    if isinstance(node, Unary):
        return _unary(node, scope)
    if isinstance(node, In):
        return _in(node, scope)
    if isinstance(node, Binary):
        return _binary(node, scope)
    raise MalformedQuery("Query cannot be compiled: a value is expected here", node.start, node.end)


def _unary(node: Unary, scope: Scope) -> Getter:
    operand = compile_expression(node.operand, scope)
    if node.operator == "-":
        subtract = ARITHMETIC["-"]
        return lambda row: subtract(0, operand(row))

    def negated(row: Row) -> bool | None:
        found = truth(operand(row))
        return None if found is None else not found

    return negated


def _binary(node: Binary, scope: Scope) -> Getter:
    if node.operator == "like":
        return _like(node, scope)
    left, right = compile_expression(node.left, scope), compile_expression(node.right, scope)
    if node.operator == "and":

        def both(row: Row) -> bool | None:
            one = truth(left(row))
            if one is False:
                return False
            other = truth(right(row))
            return other if one or other is False else None

        return both
    if node.operator == "or":

        def either(row: Row) -> bool | None:
            one = truth(left(row))
            if one:
                return True
            other = truth(right(row))
            return other if one is False or other else None

        return either
    if node.operator in COMPARE:
        return _comparison(left, COMPARE[node.operator], right)
    compute = ARITHMETIC[node.operator]
    return lambda row: compute(left(row), right(row))


def _comparison(left: Getter, holds: Callable[[int], bool], right: Getter) -> Getter:
    def compare(row: Row) -> bool | None:
        found = order(left(row), right(row))
        return None if found is None else holds(found)

    return compare


def _like(node: Binary, scope: Scope) -> Getter:
    operand = compile_expression(node.left, scope)
    if isinstance(node.right, Pattern):
        search = regexes.compiled(node.right.regex, node.right.start, node.right.end).search

        def matches(row: Row) -> bool | None:
            value = text(operand(row))
            return None if value is None else search(value) is not None

        return matches
    part = compile_expression(node.right, scope)

    def contains(row: Row) -> bool | None:
        value, wanted = text(operand(row)), text(part(row))
        return None if value is None or wanted is None else wanted in value

    return contains


def _in(node: In, scope: Scope) -> Getter:
    operand = compile_expression(node.operand, scope)
    items = [compile_expression(item, scope) for item in node.items]

    def is_in(row: Row) -> bool | None:
        value = operand(row)
        return None if value is None else any(order(value, item(row)) == 0 for item in items)

    return is_in


def _call(node: Call, scope: Scope) -> Getter:
    if node.name in ("bin", "datefloor", "dateceil"):
        return _date(node, scope)
    if node.name == "now":
        _expect(node, 0, 0)
        now_s = scope.now_ms // 1000
        return lambda row: now_s
    if node.name == "regex_replace":
        return _regex_replace(node, scope)
    if node.name in OTHER_FUNCTIONS:
        raise not_implemented(f"Insights' function {node.name}")
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise MalformedQuery(f"Invalid function: {node.name}", node.start, node.end)
    _expect(node, function.least, function.most)
    call = function.call
    arguments = [compile_expression(argument, scope) for argument in node.arguments]
    if len(arguments) == 1:
        [only] = arguments
        return lambda row: call(only(row))
    if len(arguments) == 2:
        one, two = arguments
        return lambda row: call(one(row), two(row))
    return lambda row: call(*[argument(row) for argument in arguments])


def _date(node: Call, scope: Scope) -> Getter:
    """``bin(5m)``, ``datefloor(@timestamp, 5m)``, ``dateceil(…)``."""
    is_bin = node.name == "bin"
    if is_bin and len(node.arguments) == 2:
        raise not_implemented("Insights' bin of another field than @timestamp")
    _expect(node, 1 if is_bin else 2, 1 if is_bin else 2)
    period = node.arguments[-1]
    floor = dates.floor_of(period.text) if isinstance(period, Period) else None
    if floor is None:
        raise MalformedQuery("Invalid time period", period.start, period.end)
    assert isinstance(period, Period)
    written = period.text
    moment = scope.get("@timestamp") if is_bin else compile_expression(node.arguments[0], scope)
    ceil = node.name == "dateceil"

    def compute(row: Row) -> dates.Timestamp | None:
        time_ms = number(moment(row))
        if time_ms is None or not abs(time_ms) <= dates.MAX_MS:
            return None
        found = floor(time_ms)
        return dates.next_after(floor, written, found) if ceil and found != time_ms else found

    return compute


def _regex_replace(node: Call, scope: Scope) -> Getter:
    _expect(node, 3, 3)
    pattern = node.arguments[1]
    if isinstance(pattern, Literal):
        pattern = Pattern(pattern.start, pattern.end, str(pattern.value))
    if not isinstance(pattern, Pattern):
        raise MalformedQuery("A regular expression is expected here", pattern.start, pattern.end)
    substitute = regexes.compiled(pattern.regex, pattern.start, pattern.end).sub
    source, replacement = (compile_expression(node.arguments[at], scope) for at in (0, 2))

    def replaced(row: Row) -> str | None:
        value, by = text(source(row)), text(replacement(row))
        return None if value is None or by is None else substitute(lambda match: by, value)

    return replaced


def _expect(node: Call, least: int, most: float = math.inf) -> None:
    if not least <= len(node.arguments) <= most:
        raise MalformedQuery(f"Invalid number of arguments for function {node.name}", node.start, node.end)
