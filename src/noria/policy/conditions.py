"""The Condition element: every operator of the IAM reference, compiled to one test of the request's context.

Keys and operators are ANDed, values of a key ORed (NORed for the negated operators). A missing key fails a
positive operator and passes a negated one, ``…IfExists`` and ``ForAllValues:``.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from noria.policy.match import Context, Pattern, Style

Test = Callable[[Context], bool]
ValueTest = Callable[[str, Context], bool]
"""Whether one value of the request is what the policy's value says, in this context."""

NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
EPOCH = re.compile(r"[0-9]{1,15}")
MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


class ConditionError(ValueError):
    """A value that its operator cannot read; the text is AWS's, for MalformedPolicyDocument."""


def number(text: str) -> Decimal | None:
    return Decimal(text) if NUMBER.fullmatch(text) else None


def instant(text: str) -> float | None:
    """Seconds since the epoch, from those (so ``2026`` is no year) or from ISO 8601, UTC where no zone is."""
    if EPOCH.fullmatch(text):
        return float(text)
    if MONTH.fullmatch(text):
        text += "-01"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _pattern(style: Style, wildcards: bool, value: str, variables: bool) -> ValueTest:
    pattern = Pattern(value, style, variables=variables, wildcards=wildcards)
    if pattern.fixed is not None:
        fixed = pattern.fixed
        return lambda actual, context: fixed(actual)

    def test(actual: str, context: Context) -> bool:
        match = pattern.resolve(context)
        return match is not None and match(actual)

    return test


def _ignoring_case(value: str, variables: bool) -> ValueTest:
    test = _pattern("text", False, value.lower(), variables)
    return lambda actual, context: test(
        actual.lower(), {key: v.lower() if isinstance(v, str) else v for key, v in context.items()}
    )


def _ordered(
    read: Callable[[str], Any], compare: Callable[[Any, Any], bool], value: str, _: bool
) -> ValueTest:
    wanted = read(value)
    if wanted is None:
        text = "The policy failed legacy parsing" if read is instant else "Syntax errors in policy."
        raise ConditionError(text)

    def test(actual: str, context: Context) -> bool:
        found = read(actual)
        return found is not None and compare(found, wanted)

    return test


def _boolean(value: str, _: bool) -> ValueTest:
    wanted = value.lower()
    return lambda actual, context: actual.lower() == wanted


def _binary(value: str, _: bool) -> ValueTest:
    try:
        wanted = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConditionError("Syntax errors in policy.") from error

    def test(actual: str, context: Context) -> bool:
        try:
            return base64.b64decode(actual, validate=True) == wanted
        except (binascii.Error, ValueError):
            return False

    return test


def _network(value: str, _: bool) -> ValueTest:
    try:
        wanted = ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise ConditionError("Syntax errors in policy.") from error

    def test(actual: str, context: Context) -> bool:
        found = address(actual)
        return found is not None and found in wanted

    return test


_equals = partial(_pattern, "text", False)
_like = partial(_pattern, "text", True)
_arn = partial(_pattern, "arn", True)

# Operator → (the test that a policy's value makes, whether the operator is its negation).
OPERATORS: dict[str, tuple[Callable[[str, bool], ValueTest], bool]] = {
    "StringEquals": (_equals, False),
    "StringNotEquals": (_equals, True),
    "StringEqualsIgnoreCase": (_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_ignoring_case, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "Bool": (_boolean, False),
    "BinaryEquals": (_binary, False),
    "IpAddress": (_network, False),
    "NotIpAddress": (_network, True),
    "ArnEquals": (_arn, False),
    "ArnLike": (_arn, False),
    "ArnNotEquals": (_arn, True),
    "ArnNotLike": (_arn, True),
}
for _prefix, _read in (("Numeric", number), ("Date", instant)):
    OPERATORS |= {
        f"{_prefix}Equals": (partial(_ordered, _read, lambda a, b: a == b), False),
        f"{_prefix}NotEquals": (partial(_ordered, _read, lambda a, b: a == b), True),
        f"{_prefix}LessThan": (partial(_ordered, _read, lambda a, b: a < b), False),
        f"{_prefix}LessThanEquals": (partial(_ordered, _read, lambda a, b: a <= b), False),
        f"{_prefix}GreaterThan": (partial(_ordered, _read, lambda a, b: a > b), False),
        f"{_prefix}GreaterThanEquals": (partial(_ordered, _read, lambda a, b: a >= b), False),
    }


def compile_conditions(block: Mapping[str, Mapping[str, Sequence[str]]], variables: bool) -> Test:
    """One test for a whole Condition element: {operator: {key: values}}.

    Raises ConditionError for an operator that does not exist or a value that its operator cannot read.
    """
    tests = [
        _compile_key(operator, key, values, variables)
        for operator, keys in block.items()
        for key, values in keys.items()
    ]
    return lambda context: all(test(context) for test in tests)


def _compile_key(operator: str, key: str, values: Sequence[str], variables: bool) -> Test:
    name = key.lower()
    if operator == "Null":
        absent = {value.lower() == "true" for value in values}
        return lambda context: _missing(context, name) in absent
    quantifier, _, base = operator.rpartition(":")
    if_exists = base.endswith("IfExists")
    base = base.removesuffix("IfExists")
    if base not in OPERATORS or quantifier not in ("", "ForAnyValue", "ForAllValues"):
        raise ConditionError("Syntax errors in policy.")
    make, negated = OPERATORS[base]
    tests = [make(value, variables) for value in values]
    if_missing = if_exists or quantifier == "ForAllValues" or (negated and not quantifier)

    def holds(actual: str, context: Context) -> bool:
        return any(test(actual, context) for test in tests) is not negated

    # Without a quantifier, a negated operator must hold for every value that the request has.
    combine = all if quantifier == "ForAllValues" or (negated and not quantifier) else any

    def matches(context: Context) -> bool:
        if _missing(context, name):
            return if_missing
        found = context[name]
        actual = (found,) if isinstance(found, str) else found
        return combine(holds(value, context) for value in actual)

    return matches


def _missing(context: Context, name: str) -> bool:
    found = context.get(name)
    return found is None or (not found and not isinstance(found, str))
