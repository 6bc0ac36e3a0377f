"""The values of a query, which have no declared types.

A value is a text, a number, a `Timestamp`, a truth, or None where a field is not there. What looks like a
number is one wherever numbers are asked for. A comparison with what is not there is neither true nor false:
``!=`` finds no events without the field (AWS does not say; `ispresent` asks).
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from noria.services.logs.insights.dates import Timestamp, shown

Value = str | int | float | None
Number = int | float

_FIRST_OF_NUMBER = frozenset("0123456789+-.")
_CHUNKS = re.compile(r"\d+|\D+")
LARGEST_EXACT = 2**53  # as a floating number
MAX_DIGITS = 18  # of whole numbers: longer ones are floating


def number(value: Any) -> Number | None:
    kind = value.__class__
    if kind is int:
        whole: int = value
        return whole
    if kind is float:
        floating: float = value
        return floating if math.isfinite(floating) else None
    if kind is str:
        return _parsed(value) if value[:1] in _FIRST_OF_NUMBER and value else None
    return int(value) if value is not None else None


@lru_cache(maxsize=4096)  # status codes and durations come again and again
def _parsed(text: str) -> Number | None:
    if "_" in text:  # Python's own
        return None
    if text.isdecimal() and len(text) <= MAX_DIGITS:
        return int(text)
    try:
        result = float(text)
    except ValueError:
        return None
    if not math.isfinite(result):
        return None
    return int(result) if result.is_integer() and abs(result) < LARGEST_EXACT else result


def text(value: Any) -> str | None:
    """A value where a text is asked for."""
    kind = value.__class__
    if kind is str:
        result: str = value
        return result
    if value is None:
        return None
    return _decimal(value) if kind is float else str(int(value))


def display(value: Any) -> str | None:
    """A value in a result."""
    return shown(value) if value.__class__ is Timestamp else text(value)


def truth(value: Any) -> bool | None:
    if value.__class__ is bool or value is None:
        result: bool | None = value
        return result
    as_number = number(value)
    return None if as_number is None else as_number != 0


def order(left: Any, right: Any) -> int | None:
    """-1, 0 or 1: as numbers where both are, as texts otherwise; None where one is not there."""
    if left is None or right is None:
        return None
    a: Any = number(left)
    b: Any = number(right)
    if a is None or b is None:
        a, b = text(left), text(right)
    return int(a > b) - int(a < b)


def sort_key(value: Any) -> tuple[Any, ...]:
    """AWS's natural order: what is not there, then texts (runs of digits by their value), then numbers."""
    if value is None:
        return (0,)
    as_number = number(value)
    if as_number is not None:
        return (2, as_number)
    return (1, [_chunk(part) for part in _CHUNKS.findall(text(value) or "")])


def _chunk(part: str) -> tuple[int, int, str]:
    return (1, len(part), part) if part[0].isdecimal() else (0, 0, part)


def _decimal(value: float) -> str:
    """Four decimals at most, as AWS shows them."""
    if not math.isfinite(value):
        return ""
    return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else str(int(value))
