"""What a shape asks of a scalar, a list's length or a map's size: predicates with AWS's texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from noria.protocol.models import Shape

Constraint = tuple[Callable[[Any], bool], str]

# A pattern that is one repeated class of characters takes time linear in the text. Others may take its
# square: they are tried on texts of this length at most. No member with such a pattern may be longer.
MAX_MATCHED_CHARS = 10_000

_ONE_CLASS = re.compile(r"\^?\(?\[(?:[^\]\\]|\\.)+\][*+]\)?\$?")
_SIZED = frozenset({"string", "blob", "list", "map"})
# The order in which AWS lists a set of values follows its hashes; where it is recorded it is kept here.
_ENUM_ORDERS = {"EventSourcePosition": ("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON")}
_OWN_WORDS = frozenset({"Runtime"})  # sets that the service itself checks, in words of its own
# Java's Unicode classes, of which the models use three, always beside ``_``.
_SEPARATORS = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_UNICODE_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\w", r"\p{Z}": _SEPARATORS}


def scalar_checks(shape: Shape) -> list[Constraint]:
    """In the order in which AWS reports them of one value: pattern, then minimum and maximum."""
    checks: list[Constraint] = []
    if shape.enum and shape.name not in _OWN_WORDS:
        names = _ENUM_ORDERS.get(shape.name, shape.enum)
        allowed = frozenset(names)
        checks.append((allowed.__contains__, f"Member must satisfy enum value set: [{', '.join(names)}]"))
    if shape.pattern is not None:
        checks.append(
            (_matcher(shape.pattern), f"Member must satisfy regular expression pattern: {shape.pattern}")
        )
    if shape.type in _SIZED:
        checks += _bounds(shape, len, "length")
    elif shape.type != "structure":
        checks += _bounds(shape, lambda value: value, "value")
    return checks


def _bounds(shape: Shape, measure: Callable[[Any], Any], what: str) -> list[Constraint]:
    checks: list[Constraint] = []
    least, most = shape.min, shape.max
    if least is not None:
        text = f"Member must have {what} greater than or equal to {least}"
        checks.append((lambda value: bool(measure(value) >= least), text))
    if most is not None:
        text = f"Member must have {what} less than or equal to {most}"
        checks.append((lambda value: bool(measure(value) <= most), text))
    return checks


@cache  # by pattern; the models hold a few hundred
def _matcher(pattern: str) -> Callable[[str], bool]:
    """Whether the whole text matches, as Java's `String.matches` decides."""
    match = _translated(pattern).fullmatch
    if _ONE_CLASS.fullmatch(pattern):
        return lambda text: match(text) is not None
    return lambda text: len(text) <= MAX_MATCHED_CHARS and match(text) is not None


def _translated(pattern: str) -> re.Pattern[str]:
    """A Java pattern as Python writes it. In Java ``\\w``, ``\\d`` and ``\\s`` are ASCII."""
    text = pattern.replace(r"\w-_", r"\w\-_")  # a range to Python, three things to Java
    if r"\p{" not in text:
        return re.compile(text, re.ASCII)
    for java, python in _UNICODE_CLASSES.items():
        text = text.replace(java, python)
    return re.compile(text)
