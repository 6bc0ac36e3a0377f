"""Metric math: arithmetic, and the functions that are asked for most. Others are refused by name.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from noria.errors import AwsError, not_implemented
from noria.services.cloudwatch import errors

Points = dict[int, float]  # seconds at which a period begins → value
Value = float | Points | list[Points]

MAX_NESTING = 32
_TOKEN = re.compile(
    r"\s*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_][A-Za-z0-9_]*|[-+*/^()\[\],]|\"[^\"]*\"|'[^']*'|$)"
)
_EACH: dict[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_OVER: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": math.fsum,
    "AVG": lambda values: math.fsum(values) / len(values),
    "MIN": min,
    "MAX": max,
}


class Surroundings(NamedTuple):
    """What an expression can name. metrics: those of the queries that are no expressions, in their order.

    times: at which the periods of the result begin, for FILL.
    """

    find: Callable[[str], Points]
    metrics: Sequence[str]
    times: range


def evaluate(identifier: str, expression: str, surroundings: Surroundings) -> Points:
    """Raises AwsError: ValidationError, or NotImplemented for what is left out."""
    try:
        value = _Parser(expression, surroundings).whole()
    except AwsError as error:
        if error.status != 400:
            raise
        raise errors.validation(f"Error in expression '{identifier}': {error.message}") from error
    if not isinstance(value, dict):
        raise errors.validation(
            f"The expression '{identifier}' must return a time series, not a number or an array."
        )
    return value


class _Parser:
    """Evaluates as it reads; precedence is that of arithmetic."""

    def __init__(self, text: str, surroundings: Surroundings) -> None:
        self._text = text
        self._at = 0
        self._surroundings = surroundings
        self._depth = 0
        self._token = ""
        self._next()

    def whole(self) -> Value:
        value = self._sum()
        if self._token:
            raise self._unexpected()
        return value

    def _next(self) -> str:
        """The token that was the current one."""
        token = self._token
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise errors.validation(f"Unexpected character at {self._at + 1}")
        self._token, self._at = found[1], found.end()
        return token

    def _unexpected(self) -> AwsError:
        what = f"'{self._token}'" if self._token else "end"
        return errors.validation(f"Unexpected {what} at {self._at}")

    def _take(self, token: str) -> None:
        if self._token != token:
            raise self._unexpected()
        self._next()

    def _sum(self) -> Value:
        value = self._product()
        while self._token in ("+", "-"):
            value = combined(self._next(), value, self._product())
        return value

    def _product(self) -> Value:
        value = self._power()
        while self._token in ("*", "/"):
            value = combined(self._next(), value, self._power())
        return value

    def _power(self) -> Value:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise errors.validation("Too deeply nested")
        if self._token == "-":
            self._next()
            value = combined("-", 0.0, self._power())
        else:
            value = self._atom()
            if self._token == "^":
                self._next()
                value = combined("^", value, self._power())
        self._depth -= 1
        return value

    def _atom(self) -> Value:
        token = self._token
        if token == "(":
            self._next()
            value = self._sum()
            self._take(")")
            return value
        if token == "[":
            self._next()
            return [_series(value) for value in self._arguments("]")]
        if token[:1].isdigit():
            return float(self._next())
        if token[:1].isalpha():
            name = self._next()
            return self._function(name) if self._token == "(" else self._surroundings.find(name)
        raise self._unexpected()

    def _arguments(self, end: str) -> list[Value]:
        values = []
        while self._token != end:
            values.append(self._sum())
            if self._token != end:
                self._take(",")
        self._next()
        return values

    def _function(self, name: str) -> Value:
        self._next()
        if name == "METRICS":
            words = "" if self._token == ")" else self._next().strip("\"'")
            self._take(")")
            found = [each for each in self._surroundings.metrics if words in each]
            return [self._surroundings.find(each) for each in found]
        if name == "FILL":
            return self._fill()
        if name not in _EACH and name not in _OVER:
            raise not_implemented(f"The function {name} of metric math")
        arguments = self._arguments(")")
        if len(arguments) != 1:
            raise errors.validation(f"{name} takes one argument")
        if name in _EACH:
            return each(_EACH[name], arguments[0])
        return _over(_OVER[name], arguments[0])

    def _fill(self) -> Value:
        series = _series(self._sum())
        self._take(",")
        times = self._surroundings.times
        if self._token == "REPEAT":
            self._next()
            self._take(")")
            last: float | None = None
            filled: Points = {}
            for time_s in times:
                last = series.get(time_s, last)
                if last is not None:
                    filled[time_s] = last
            return filled
        if self._token == "LINEAR":
            raise not_implemented("The function FILL of metric math with LINEAR")
        value = self._sum()
        self._take(")")
        if not isinstance(value, float):
            raise errors.validation("FILL takes a number or REPEAT")
        return {time_s: series.get(time_s, value) for time_s in times}


def _series(value: Value) -> Points:
    if not isinstance(value, dict):
        raise errors.validation("A time series is expected")
    return value


def combined(operator: str, left: Value, right: Value) -> Value:
    """Of two series at the times that both have; what has no result (x / 0) is left out."""
    if isinstance(left, list):
        return [_series(combined(operator, one, right)) for one in left]
    if isinstance(right, list):
        return [_series(combined(operator, left, one)) for one in right]
    if isinstance(left, dict):
        if isinstance(right, dict):
            pairs: Mapping[int, tuple[float, float]] = {t: (left[t], right[t]) for t in left if t in right}
        else:
            pairs = {time_s: (value, right) for time_s, value in left.items()}
    elif isinstance(right, dict):
        pairs = {time_s: (left, value) for time_s, value in right.items()}
    else:
        result = _computed(operator, left, right)
        if result is None:
            raise errors.validation("The result is no number")
        return result
    results = {time_s: _computed(operator, one, other) for time_s, (one, other) in pairs.items()}
    return {time_s: result for time_s, result in results.items() if result is not None}


def _computed(operator: str, left: float, right: float) -> float | None:
    try:
        if operator == "+":
            result = left + right
        elif operator == "-":
            result = left - right
        elif operator == "*":
            result = left * right
        elif operator == "/":
            result = left / right
        else:
            result = math.pow(left, right)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return result if math.isfinite(result) else None


def each(function: Callable[[float], float], value: Value) -> Value:
    if isinstance(value, list):
        return [{t: float(function(v)) for t, v in one.items()} for one in value]
    if isinstance(value, dict):
        return {time_s: float(function(number)) for time_s, number in value.items()}
    return float(function(value))


def _over(function: Callable[[Sequence[float]], float], value: Value) -> Value:
    """Of an array: at each time over those that have a value then. Of a series: over all of its values."""
    if isinstance(value, list):
        times = sorted({time_s for one in value for time_s in one})
        return {t: float(function([one[t] for one in value if t in one])) for t in times}
    if isinstance(value, dict):
        if not value:
            raise errors.validation("There are no values")
        return float(function(list(value.values())))
    return value
