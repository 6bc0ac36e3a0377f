"""Event patterns: the language of filters (docs.aws.amazon.com/eventbridge, "Event pattern operators").

A pattern is a JSON object like the events that it matches, with an array of rules at each leaf: a field
matches where one rule does, an object where all of its fields do, an array in the event where one of its
elements does. Compiled once; pure.
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Sequence
from typing import Any

MAX_DEPTH = 64  # of a pattern; deeper than any event that AWS documents

Rule = Callable[[Any], bool]  # of one value that is no object and no array
Matcher = Callable[[Any, Any], bool]  # (the value at the matcher's path, the whole event)

OR = "$or"
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class InvalidPattern(ValueError):
    """The text says what is wrong; AWS doesn't."""


class _Missing:
    """What an event does not have."""


MISSING = _Missing()


class Pattern:
    """A compiled pattern."""

    def __init__(self, tree: Any) -> None:
        """tree: decoded JSON. Raises InvalidPattern."""
        if not isinstance(tree, dict):
            raise InvalidPattern("a pattern is an object")
        self._matches = _object(tree, ())

    def matches(self, event: Any) -> bool:
        return self._matches(event, event)


# -- objects and fields -----------------------------------------------------------------------------------


def _object(tree: dict[str, Any], path: tuple[str, ...]) -> Matcher:
    if not tree:
        raise InvalidPattern("an object without fields")
    if len(path) > MAX_DEPTH:
        raise InvalidPattern("nested too deeply")
    fields: list[tuple[str, Matcher]] = []
    alternatives: list[list[Matcher]] = []
    for name, value in tree.items():
        if name == OR and _is_alternative(value):
            alternatives.append([_object(each, path) for each in value])
        elif isinstance(value, dict):
            fields.append((name, _object(value, (*path, name))))
        elif isinstance(value, list):
            fields.append((name, _leaf(value, (*path, name))))
        else:
            raise InvalidPattern(f'"{name}" must be an object or an array')

    def matches(value: Any, event: Any) -> bool:
        if isinstance(value, list):  # of objects: all fields are of the same one
            return any(matches(each, event) for each in value)
        if not isinstance(value, dict):
            value = {}  # nothing of it is there, which a pattern may ask for
        return all(field(value.get(name, MISSING), event) for name, field in fields) and all(
            any(each(value, event) for each in choice) for choice in alternatives
        )

    return matches


def _is_alternative(value: Any) -> bool:
    """Whether a ``$or`` means that; otherwise it is a field of that name, as events may have."""
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(each, dict) and not each.keys() & OPERATORS.keys() for each in value)
    )


def _leaf(rules: Sequence[Any], path: tuple[str, ...]) -> Matcher:
    if not rules:
        raise InvalidPattern("an array without rules")
    may_be_missing = {"exists": False} in rules
    tests = [_rule(rule) for rule in rules if rule != {"exists": False}]

    def matches(value: Any, event: Any) -> bool:
        if may_be_missing and not any(_leaves(event, path)):
            return True
        return any(test(each) for each in _flat(value) for test in tests)

    return matches


def _flat(value: Any) -> list[Any]:
    """The values that rules look at: of an array, its elements; none of an object."""
    if isinstance(value, list):
        return [leaf for each in value for leaf in _flat(each)]
    return [] if value is MISSING or isinstance(value, dict) else [value]


def _leaves(event: Any, path: tuple[str, ...]) -> list[bool]:
    """True for each value there is at `path`, in whatever element of an array."""
    if isinstance(event, list):
        return [found for each in event for found in _leaves(each, path)]
    if not path:
        return [not isinstance(event, dict)]
    if isinstance(event, dict) and path[0] in event:
        return _leaves(event[path[0]], path[1:])
    return []


# -- rules ------------------------------------------------------------------------------------------------


def _rule(rule: Any) -> Rule:
    if isinstance(rule, dict):
        if len(rule) != 1:
            raise InvalidPattern("a rule has one key")
        ((name, operand),) = rule.items()
        if name not in OPERATORS:
            raise InvalidPattern(f"unrecognized match type {name}")
        return OPERATORS[name](operand)
    if isinstance(rule, list):
        raise InvalidPattern("a rule is a string, a number, true, false, null or an object")
    return _equals(rule)


def _equals(wanted: Any) -> Rule:
    if _is_number(wanted):
        return lambda value: _is_number(value) and bool(value == wanted)
    if isinstance(wanted, str):
        return lambda value: isinstance(value, str) and value == wanted
    return lambda value: value is wanted  # true, false, null


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_text(test: Callable[[str], bool]) -> Rule:
    return lambda value: isinstance(value, str) and test(value)


def _text(operand: Any) -> str:
    if not isinstance(operand, str):
        raise InvalidPattern("must be a string")
    return operand


def _prefix(operand: Any) -> Rule:
    if isinstance(operand, dict):
        folded = _ignored_case(operand)
        return _of_text(lambda value: value.lower().startswith(folded))
    text = _text(operand)
    return _of_text(lambda value: value.startswith(text))


def _suffix(operand: Any) -> Rule:
    if isinstance(operand, dict):
        folded = _ignored_case(operand)
        return _of_text(lambda value: value.lower().endswith(folded))
    text = _text(operand)
    return _of_text(lambda value: value.endswith(text))


def _ignored_case(operand: dict[str, Any]) -> str:
    """Of ``{"prefix": {"equals-ignore-case": …}}``."""
    if operand.keys() != {"equals-ignore-case"}:
        raise InvalidPattern("must be a string or equals-ignore-case")
    return _text(operand["equals-ignore-case"]).lower()


def _equals_ignore_case(operand: Any) -> Rule:
    folded = _text(operand).lower()
    return _of_text(lambda value: value.lower() == folded)


def _exists(operand: Any) -> Rule:
    if operand is not True:  # `_leaf` knows what is missing
        raise InvalidPattern("exists is true or false")
    return lambda value: True


def _anything_but(operand: Any) -> Rule:
    if isinstance(operand, dict):
        if len(operand) != 1:
            raise InvalidPattern("a rule has one key")
        ((name, texts),) = operand.items()
        if name not in NEGATABLE:
            raise InvalidPattern(f"unsupported anything-but pattern {name}")
        texts = texts if isinstance(texts, list) else [texts]
        if not texts or "" in texts:
            raise InvalidPattern("empty texts are not allowed here")
        rules = [OPERATORS[name](text) for text in texts]
    else:
        values = operand if isinstance(operand, list) else [operand]
        numbers, texts = [_is_number(v) for v in values], [isinstance(v, str) for v in values]
        if not values or not (all(numbers) or all(texts)):
            raise InvalidPattern("either strings or numbers")
        rules = [_equals(value) for value in values]
    return lambda value: not any(rule(value) for rule in rules)


def _numeric(operand: Any) -> Rule:
    """``["=", 5]``, ``["<", 5]`` or a range: ``[">", 0, "<=", 5]``."""
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise InvalidPattern("numeric needs one comparison or two")
    signs, bounds = operand[::2], operand[1::2]
    if not all(isinstance(s, str) and s in COMPARISONS for s in signs) or not all(map(_is_number, bounds)):
        raise InvalidPattern("numeric needs operators and numbers in turn")
    if len(signs) == 2 and not (
        signs[0] in (">", ">=") and signs[1] in ("<", "<=") and bounds[0] < bounds[1]
    ):
        raise InvalidPattern("a numeric range has its lower bound first")
    tests = [(COMPARISONS[sign], bound) for sign, bound in zip(signs, bounds, strict=True)]
    return lambda value: _is_number(value) and all(test(value, bound) for test, bound in tests)


def _cidr(operand: Any) -> Rule:
    text = _text(operand)
    try:
        if "/" not in text:
            raise ValueError("no prefix length")
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidPattern(f"malformed CIDR: {error}") from error

    def contains(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return _of_text(contains)


def _wildcard(operand: Any) -> Rule:
    """``*`` stands for any text, ``\\*`` for itself. Matched piece by piece: no backtracking."""
    first, *rest = _pieces(_text(operand))
    if not rest:
        return _of_text(lambda value: value == first)
    *between, last = rest

    def matches(value: str) -> bool:
        end = len(value) - len(last)
        position = len(first)
        if not (value.startswith(first) and value.endswith(last) and position <= end):
            return False
        for piece in between:
            found = value.find(piece, position, end)
            if found < 0:
                return False
            position = found + len(piece)
        return True

    return _of_text(matches)


def _pieces(text: str) -> list[str]:
    """The texts between wildcards."""
    pieces = [""]
    characters = iter(text)
    was_wildcard = False
    for character in characters:
        if character == "*":
            if was_wildcard:
                raise InvalidPattern("consecutive wildcard characters")
            pieces.append("")
        elif character == "\\":
            escaped = next(characters, "")
            if escaped not in ("*", "\\"):
                raise InvalidPattern("invalid escape character")
            pieces[-1] += escaped
        else:
            pieces[-1] += character
        was_wildcard = character == "*"
    return pieces


OPERATORS: dict[str, Callable[[Any], Rule]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    "cidr": _cidr,
}
NEGATABLE = ("prefix", "suffix", "equals-ignore-case", "wildcard")
