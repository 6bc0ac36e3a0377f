"""The functions of expressions. Each is given values and gives one; None where it makes no sense of them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from noria.services.logs.insights.dates import Timestamp
from noria.services.logs.insights.values import LARGEST_EXACT, Number, number, order, text, truth

MANY = 100  # arguments
LARGEST = 2**63  # whole numbers beyond are floating: a query could make them grow without end
MAX_TEXT_CHARS = 1 << 20  # of a text that a function makes: the largest message


class Function(NamedTuple):
    least: int
    most: int
    call: Callable[..., Any]


def numeric(compute: Callable[..., Number]) -> Callable[..., Number | None]:
    """A function of numbers."""

    def call(*arguments: Any) -> Number | None:
        numbers = [number(argument) for argument in arguments]
        if None in numbers:
            return None
        try:
            result = compute(*numbers)
        except (ArithmeticError, ValueError):
            return None
        if result.__class__ is int and abs(result) > LARGEST:
            result = float(result)
        return result if math.isfinite(result) else None

    return call


def textual(compute: Callable[..., Any]) -> Callable[..., Any]:
    """A function of texts."""

    def call(*arguments: Any) -> Any:
        texts = [text(argument) for argument in arguments]
        return None if None in texts else compute(*texts)

    return call


def divide(a: Number, b: Number) -> Number:
    result = a / b
    return int(result) if result.is_integer() and abs(result) < LARGEST_EXACT else result


def power(a: Number, b: Number) -> Number:
    result = math.pow(a, b)
    return int(result) if result.is_integer() and abs(result) < LARGEST_EXACT else result


def _substr(of: Any, start: Any, length: Any = None) -> str | None:
    whole, first = text(of), number(start)
    if whole is None or first is None:
        return None
    at = max(0, int(first))
    if length is None:
        return whole[at:]
    count = number(length)
    return None if count is None else whole[at : at + max(0, int(count))]


def _replace(of: str, old: str, new: str) -> str | None:
    if not old:
        return of
    return of.replace(old, new) if len(of) + of.count(old) * len(new) <= MAX_TEXT_CHARS else None


def _concat(*parts: Any) -> str | None:
    """What is not there adds nothing."""
    joined = "".join(text(part) or "" for part in parts)
    return joined if len(joined) <= MAX_TEXT_CHARS else None


def _trim(strip: Callable[[str, str | None], str]) -> Callable[..., Any]:
    return textual(lambda of, characters=None: strip(of, characters))


def _least(sign: int) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        best = None
        for argument in arguments:
            if argument is not None and (best is None or order(argument, best) == sign):
                best = argument
        return best

    return call


def _from_millis(value: Any) -> Timestamp | None:
    time_ms = number(value)
    return None if time_ms is None or abs(time_ms) > LARGEST else Timestamp(time_ms)


def _coalesce(*arguments: Any) -> Any:
    return next((argument for argument in arguments if argument is not None), None)


def _if(condition: Any, then: Any, otherwise: Any = None) -> Any:
    return then if truth(condition) else otherwise


def _case(*arguments: Any) -> Any:
    """Pairs of a condition and a value; one more value is for all else."""
    for at in range(0, len(arguments) - 1, 2):
        if truth(arguments[at]):
            return arguments[at + 1]
    return arguments[-1] if len(arguments) % 2 else None


def _decoded(of: str) -> str | None:
    try:
        return base64.b64decode(of, validate=True).decode()
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _address(of: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(of)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _network(of: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(of, strict=False)
    except ValueError:
        return None


def _valid_ip(*versions: int) -> Callable[..., Any]:
    return textual(lambda of: (address := _address(of)) is not None and address.version in versions)


def _in_subnet(*versions: int) -> Callable[..., Any]:
    def call(of: str, subnet: str) -> bool:
        address, network = _address(of), _network(subnet)
        if address is None or network is None or address.version != network.version:
            return False
        return address.version in versions and address in network

    return textual(call)


def _address_is(what: str) -> Callable[..., Any]:
    def call(of: str) -> bool:
        address = _address(of)
        return address is not None and bool(getattr(address, what))

    return textual(call)


def _ipv4_number(of: str) -> int | None:
    address = _address(of)
    return int(address) if address is not None and address.version == 4 else None


FUNCTIONS: dict[str, Function] = {
    "abs": Function(1, 1, numeric(abs)),
    "ceil": Function(1, 1, numeric(math.ceil)),
    "floor": Function(1, 1, numeric(math.floor)),
    "greatest": Function(1, MANY, _least(1)),
    "least": Function(1, MANY, _least(-1)),
    "log": Function(1, 1, numeric(math.log)),
    "round": Function(1, 2, numeric(lambda a, digits=0: round(a, int(digits)) if digits else round(a))),
    "sqrt": Function(1, 1, numeric(math.sqrt)),
    "tonumber": Function(1, 1, number),
    "toint": Function(1, 1, numeric(int)),
    "tolong": Function(1, 1, numeric(int)),
    "todouble": Function(1, 1, numeric(float)),
    "frommillis": Function(1, 1, _from_millis),
    "tomillis": Function(1, 1, numeric(int)),
    "ispresent": Function(1, 1, lambda value: value is not None),
    "coalesce": Function(1, MANY, _coalesce),
    "if": Function(2, 3, _if),
    "case": Function(2, MANY, _case),
    "isempty": Function(1, 1, lambda value: value is None or value == ""),
    "isblank": Function(1, 1, lambda value: value is None or not (text(value) or "").strip()),
    "concat": Function(1, MANY, _concat),
    "ltrim": Function(1, 2, _trim(str.lstrip)),
    "rtrim": Function(1, 2, _trim(str.rstrip)),
    "trim": Function(1, 2, _trim(str.strip)),
    "strlen": Function(1, 1, textual(len)),
    "toupper": Function(1, 1, textual(str.upper)),
    "tolower": Function(1, 1, textual(str.lower)),
    "substr": Function(2, 3, _substr),
    "replace": Function(3, 3, textual(_replace)),
    "strcontains": Function(2, 2, textual(lambda of, part: part in of)),
    "startswith": Function(2, 2, textual(str.startswith)),
    "endswith": Function(2, 2, textual(str.endswith)),
    "urlencode": Function(1, 1, textual(lambda of: quote(of, safe=""))),
    "urldecode": Function(1, 1, textual(unquote)),
    "base64encode": Function(1, 1, textual(lambda of: base64.b64encode(of.encode()).decode())),
    "base64decode": Function(1, 1, textual(_decoded)),
    "md5": Function(1, 1, textual(lambda of: hashlib.md5(of.encode(), usedforsecurity=False).hexdigest())),
    "sha256": Function(1, 1, textual(lambda of: hashlib.sha256(of.encode()).hexdigest())),
    "isvalidip": Function(1, 1, _valid_ip(4, 6)),
    "isvalidipv4": Function(1, 1, _valid_ip(4)),
    "isvalidipv6": Function(1, 1, _valid_ip(6)),
    "isipinsubnet": Function(2, 2, _in_subnet(4, 6)),
    "isipv4insubnet": Function(2, 2, _in_subnet(4)),
    "isipv6insubnet": Function(2, 2, _in_subnet(6)),
    "ipv4tonumber": Function(1, 1, textual(_ipv4_number)),
    "isprivateip": Function(1, 1, _address_is("is_private")),
    "ispublicip": Function(1, 1, _address_is("is_global")),
    "isreservedip": Function(1, 1, _address_is("is_reserved")),
}
ARITHMETIC: dict[str, Callable[..., Number | None]] = {
    "+": numeric(lambda a, b: a + b),
    "-": numeric(lambda a, b: a - b),
    "*": numeric(lambda a, b: a * b),
    "/": numeric(divide),
    "%": numeric(math.fmod),
    "^": numeric(power),
}
