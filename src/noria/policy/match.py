"""Patterns of policies: ``*``, ``?`` and ``${variables}``, compiled once, matched in time linear in the text.

A pattern becomes an automaton whose states are the bits of one integer, so that no pattern, however many
wildcards it has, costs more than one step a character (no backtracking).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

ContextValue = str | Sequence[str]
Context = Mapping[str, ContextValue]
"""Condition keys in lower case (they are case-insensitive) and what the request has for them."""

Match = Callable[[str], bool]

Style = Literal["text", "resource", "arn"]
"""How wildcards treat an ARN's colons. text: as any character. resource (the Resource element): inside its
segment, except for a ``*`` that ends its segment, which "can expand to match beyond the colon boundaries".
arn (the Arn condition operators): "each of the six colon-delimited components is checked separately". In all
of them a ``*`` that ends the pattern covers the rest, and the sixth segment may itself hold colons.
"""

ARN_SEGMENTS = 6
VARIABLE = re.compile(r"\$\{([^{}]*)\}")
NAMED = re.compile(r"\s*([^\s,']+)\s*(?:,\s*'([^']*)'\s*)?")


class Wildcard(msgspec.Struct, frozen=True):
    """``*`` (many) or ``?``; crosses: also matches a colon."""

    many: bool
    crosses: bool


class Variable(msgspec.Struct, frozen=True):
    """``${key}`` or ``${key, 'default'}``; key in lower case."""

    key: str
    default: str | None


Token = str | Wildcard | Variable


class Pattern:
    """A compiled pattern. `fixed` matches it where it has no variables; else ask `resolve` in a request."""

    __slots__ = ("_tokens", "fixed")

    def __init__(self, text: str, style: Style, *, variables: bool, wildcards: bool = True) -> None:
        """variables: False for documents of version 2008-10-17, where ``${`` is plain text."""
        self._tokens = _tokenize(text, style, variables, wildcards)
        dynamic = any(isinstance(token, Variable) for token in self._tokens)
        self.fixed: Match | None = None if dynamic else _compile(self._tokens)

    def resolve(self, context: Context) -> Match | None:
        """The pattern with the request's values in place; None where the request lacks one of them."""
        if self.fixed is not None:
            return self.fixed
        tokens: list[Token] = []
        for token in self._tokens:
            if isinstance(token, Variable):
                value = context.get(token.key, token.default)
                if not isinstance(value, str):  # absent, or many: AWS substitutes single values only
                    return None
                tokens.append(value)
            else:
                tokens.append(token)
        return _compile(tokens)


def _tokenize(text: str, style: Style, variables: bool, wildcards: bool) -> list[Token]:
    tokens: list[Token] = []
    segment = 1
    position = 0
    while position < len(text):
        found = VARIABLE.match(text, position) if variables and text[position] == "$" else None
        variable = _variable(found[1]) if found else None
        if found and variable is not None:
            tokens.append(variable)
            position = found.end()
            continue
        char = text[position]
        position += 1
        if wildcards and char in "*?":
            tokens.append(
                Wildcard(char == "*", _crosses(style, segment, char, text[position : position + 1]))
            )
        else:
            segment += char == ":"
            if tokens and isinstance(tokens[-1], str):
                tokens[-1] += char
            else:
                tokens.append(char)
    return tokens


def _crosses(style: Style, segment: int, char: str, following: str) -> bool:
    if style == "text" or segment >= ARN_SEGMENTS:
        return True
    return char == "*" and (following == "" or (style == "resource" and following == ":"))


def _variable(body: str) -> Variable | str | None:
    if body in ("*", "?", "$"):
        return body  # ${*}: the character itself
    named = NAMED.fullmatch(body)
    return Variable(named[1].lower(), named[2]) if named else None


def _compile(tokens: Sequence[Token]) -> Match:
    literals = [token for token in tokens if isinstance(token, str)]
    if len(literals) == len(tokens):
        return "".join(literals).__eq__
    last = tokens[-1]
    if isinstance(last, Wildcard) and last.many and last.crosses and len(literals) == len(tokens) - 1:
        prefix = "".join(literals)
        return lambda text: text.startswith(prefix)
    return _automaton(tokens)


def _automaton(tokens: Sequence[Token]) -> Match:
    """Bit i of `states` says: the first i characters that the pattern consumes have been seen."""
    accepts: dict[str, int] = {":": 0}
    anything = anything_but_colon = loops = loops_but_colon = 0
    bit = 1
    for token in tokens:
        if isinstance(token, Wildcard):
            if token.many:
                loops_but_colon |= bit
                loops |= bit if token.crosses else 0
                continue
            anything_but_colon |= bit
            anything |= bit if token.crosses else 0
            bit <<= 1
        elif isinstance(token, str):
            for char in token:
                accepts[char] = accepts.get(char, 0) | bit
                bit <<= 1
    steps = {char: mask | (anything if char == ":" else anything_but_colon) for char, mask in accepts.items()}
    final = bit

    def match(text: str) -> bool:
        states = 1
        for char in text:
            step = steps.get(char, anything_but_colon)
            states = (states & step) << 1 | states & (loops if char == ":" else loops_but_colon)
            if not states:
                return False
        return bool(states & final)

    return match
