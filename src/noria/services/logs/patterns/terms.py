"""Patterns of unstructured events: words, ``"quoted phrases"`` and ``%regular expressions%``, ``-excluded``
or ``?any`` of them. As AWS documents it, ``?`` terms are ignored where the pattern has other terms too,
matching is case-sensitive, and a phrase of nothing but space matches everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from noria.services.logs.patterns.reading import Reader

WORD = re.compile(r"\w+")
SIGN = re.compile(r"[?-]?")
END = re.compile(r"\s+|$")

Test = Callable[[str], bool]


class Terms:
    """See `noria.services.logs.patterns.FilterPattern`."""

    def __init__(self, text: str) -> None:
        """Raises AwsError."""
        reader = Reader(text)
        terms: dict[str, list[Test]] = {"": [], "-": [], "?": []}
        while not reader.is_done:
            sign = reader.expect(SIGN)
            terms[sign].append(_term(reader))
        self._required, self._excluded, self._any = terms[""], terms["-"], terms["?"]
        self.regexes = reader.regexes

    @property
    def has_fields(self) -> bool:
        return False

    def matches(self, message: str) -> bool:
        if self._required or self._excluded:
            return all(test(message) for test in self._required) and not any(
                test(message) for test in self._excluded
            )
        return not self._any or any(test(message) for test in self._any)

    @property
    def is_everything(self) -> bool:
        return not (self._required or self._excluded or self._any)

    def values(self, message: str) -> dict[str, str] | None:
        return {} if self.matches(message) else None

    def has(self, selector: str) -> bool:
        return False

    def value(self, message: str, selector: str) -> str | None:
        return None


def _term(reader: Reader) -> Test:
    if (regex := reader.regex()) is not None:
        test: Test = regex.search
    elif (phrase := reader.phrase()) is not None:
        test = _contains(phrase if phrase.strip() else "")
    elif (word := reader.match(WORD)) is not None:
        test = _contains(word[0])
    else:
        raise reader.invalid()
    if reader.match(END) is None:
        raise reader.invalid()
    return test


def _contains(text: str) -> Test:
    return lambda message: text in message
