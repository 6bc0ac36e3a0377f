"""Patterns of unstructured events: words, ``"quoted phrases"`` and ``%regular expressions%``, ``-excluded``
or ``?any`` of them. As AWS documents it, ``?`` terms are ignored where the pattern has other terms too,
matching is case-sensitive, and a phrase of nothing but space matches everything.
"""

from __future__ import annotations

import re

from noria.services.logs.patterns.reading import Reader
from noria.services.logs.patterns.regex import Regex

WORD = re.compile(r"\w+")
SIGN = re.compile(r"[?-]?")
END = re.compile(r"\s+|$")

Term = str | Regex


class Terms:
    """See `noria.services.logs.patterns.FilterPattern`."""

    def __init__(self, text: str) -> None:
        """Raises AwsError."""
        reader = Reader(text)
        terms: dict[str, list[Term]] = {"": [], "-": [], "?": []}
        while not reader.is_done:
            sign = reader.expect(SIGN)
            terms[sign].append(_term(reader))
        self._required, self._excluded, self._any = terms[""], terms["-"], terms["?"]
        self.regexes = reader.regexes

    def matches(self, message: str) -> bool:
        for term in self._required:
            if not (term in message if isinstance(term, str) else term.search(message)):
                return False
        for term in self._excluded:
            if term in message if isinstance(term, str) else term.search(message):
                return False
        if self._required or self._excluded or not self._any:
            return True
        return any(term in message if isinstance(term, str) else term.search(message) for term in self._any)

    @property
    def has_fields(self) -> bool:
        return False

    @property
    def is_everything(self) -> bool:
        return not (self._required or self._excluded or self._any)

    def values(self, message: str) -> dict[str, str] | None:
        return {} if self.matches(message) else None

    def has(self, selector: str) -> bool:
        return False

    def value(self, message: str, selector: str) -> str | None:
        return None


def _term(reader: Reader) -> Term:
    term: Term
    if (regex := reader.regex()) is not None:
        term = regex
    elif (phrase := reader.phrase()) is not None:
        term = phrase if phrase.strip() else ""
    elif (word := reader.match(WORD)) is not None:
        term = word[0]
    else:
        raise reader.invalid()
    if reader.match(END) is None:
        raise reader.invalid()
    return term
