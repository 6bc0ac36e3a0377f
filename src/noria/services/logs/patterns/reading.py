"""Going through a filter pattern from left to right, with AWS's texts for what may not be there."""

from __future__ import annotations

import re

from noria.errors import AwsError
from noria.services.logs.errors import invalid_parameter
from noria.services.logs.patterns.regex import InvalidRegex, Regex

MAX_REGEXES = 2  # in one pattern
INVALID_PATTERN = "Invalid filter pattern"

SPACE = re.compile(r"\s*")
PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
REGEX = re.compile(r"%((?:[^%\\]|\\.)*)%", re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Reader:
    """A pattern and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.regexes = 0

    @property
    def is_done(self) -> bool:
        return self.at == len(self.text)

    def skip_space(self) -> None:
        self.at = SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches nothing, too

    def take(self, expected: str) -> bool:
        """Read `expected` and the space behind it, if it is next."""
        found = self.text.startswith(expected, self.at)
        if found:
            self.at += len(expected)
            self.skip_space()
        return found

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def expect(self, pattern: re.Pattern[str]) -> str:
        match = self.match(pattern)
        if match is None:
            raise self.invalid()
        return match[0]

    def phrase(self) -> str | None:
        """A quoted text that is next, without its quotes and escapes."""
        match = self.match(PHRASE)
        return None if match is None else ESCAPED.sub(r"\1", match[1])

    def regex(self) -> Regex | None:
        match = self.match(REGEX)
        if match is None:
            return None
        self.regexes += 1
        if self.regexes > MAX_REGEXES:
            raise invalid_parameter(f"A filter pattern can have at most {MAX_REGEXES} regular expressions.")
        try:
            return Regex(match[1])
        except InvalidRegex as error:
            raise invalid_character(str(error)) if str(error) else invalid_pattern() from error

    def invalid(self) -> AwsError:
        """The error about what is next."""
        rest = self.text[self.at : self.at + 1]
        if not rest or rest.isalnum() or rest.isspace() or rest in '"%_':
            return invalid_pattern()
        return invalid_character(rest)


def invalid_pattern() -> AwsError:
    return invalid_parameter(INVALID_PATTERN)


def invalid_character(characters: str) -> AwsError:
    return invalid_parameter(f"Invalid character(s) in term '{characters}'")
