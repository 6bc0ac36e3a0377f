"""Regular expressions of filter patterns, in the subset that AWS supports, matched in linear time.

No groups, so an expression is alternatives of characters that are repeated. All places in it at which a text
may be are the bits of one number; the numbers that occur are the states of an automaton, made when a text
first leads to them. A text is looked at once, whatever the expression: a backtracking engine would let anyone
who may filter stop the server (``%a*a*a*a*b%``).

See "Supported regular expressions (regex) syntax" in the CloudWatch Logs user guide.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from typing import NamedTuple

OTHER = 128  # the symbol that stands for every character beyond ASCII
EVERY = (1 << OTHER + 1) - 1
MAX_PLACES = 1_000  # a step costs as much as the expression is long, counted repetitions written out
MAX_STATES = 500  # kept; each has up to 129 steps, some 10 KB

ALPHANUMERIC = string.ascii_letters + string.digits
SYMBOLS = ":_#=@/;,- "  # literal; the space is in AWS's examples only
OPERATORS = "^$?[]{}|\\*+."

NON_ASCII = re.compile(r"[^\x00-\x7f]")
COUNTED = re.compile(r"\{(\d{0,4})(,?)(\d{0,4})\}")
HEX = re.compile(r"x([0-9A-Fa-f]{2})")


class InvalidRegex(Exception):
    """Its text is the character that may not be there, or empty where the expression makes no sense."""


class Repeated(NamedTuple):
    """A set of symbols (a bit each), at least `least` and at most `most` (None: any number of) times."""

    symbols: int
    least: int = 1
    most: int | None = 1


def _set(characters: Iterable[str]) -> int:
    return sum(1 << ord(character) for character in set(characters))


CLASSES = {
    "d": _set(string.digits),
    "s": _set(" \t\n\r\f\v"),
    "w": _set(ALPHANUMERIC + "_"),
}
CLASSES |= {name.upper(): EVERY & ~symbols for name, symbols in CLASSES.items()}


class Regex:
    """A compiled expression."""

    def __init__(self, source: str) -> None:
        """source: what stands between the ``%``. Raises InvalidRegex."""
        self._matched: list[int] = [0] * (OTHER + 1)  # symbol → places whose symbols it is one of
        self._optional = self._repeating = self._found = self._found_at_end = 0
        self._anywhere = 0
        first = 0
        places = 0
        for alternative in _Parser(source).alternatives():
            start = 1 << places
            for item in alternative.items:
                places = self._add(item, places)
            if alternative.at_end:
                self._found_at_end |= 1 << places
            else:
                self._found |= 1 << places
            places += 1
            if alternative.at_start:
                first |= start
            else:
                self._anywhere |= start
        self._states: dict[int, _State] = {}
        self._first = self._closure(first | self._anywhere)

    def search(self, text: str) -> bool:
        """Whether the expression matches anywhere in `text`. ``$`` is also before a line's end at its end."""
        if self._search(text):
            return True
        return bool(self._found_at_end) and text.endswith("\n") and self._search(text[:-1])

    def _search(self, text: str) -> bool:
        state = self._state(self._first)
        symbols = text if text.isascii() else NON_ASCII.sub("\x80", text)
        for symbol in symbols.encode("latin-1"):
            state = state[symbol]
        return bool(state.places & (self._found | self._found_at_end))

    def step(self, places: int, symbol: int) -> _State:
        """From these places with a symbol; what has been found stays found."""
        if places & self._found:
            return self._state(places)
        matched = places & self._matched[symbol]
        return self._state(self._closure(matched << 1 | matched & self._repeating | self._anywhere))

    def _add(self, item: Repeated, place: int) -> int:
        copies = item.least if item.most is None else item.most
        copies = max(copies, 1 if item.most is None else 0)
        if place + copies > MAX_PLACES:
            raise InvalidRegex("")
        for number in range(copies):
            bit = 1 << place
            for symbol in range(OTHER + 1):
                if item.symbols >> symbol & 1:
                    self._matched[symbol] |= bit
            if number >= item.least:
                self._optional |= bit
            if item.most is None and number == copies - 1:
                self._repeating |= bit
            place += 1
        return place

    def _closure(self, places: int) -> int:
        """With the places behind what may be left out."""
        while (more := places | (places & self._optional) << 1) != places:
            places = more
        return places

    def _state(self, places: int) -> _State:
        state = self._states.get(places)
        if state is None:
            if len(self._states) >= MAX_STATES:
                self._states.clear()
            state = self._states[places] = _State(self, places)
        return state


class _State(dict[int, "_State"]):
    """Symbol → state, filled as texts need it."""

    __slots__ = ("places", "regex")

    def __init__(self, regex: Regex, places: int) -> None:
        super().__init__()
        self.regex = regex
        self.places = places

    def __missing__(self, symbol: int) -> _State:
        state = self[symbol] = self.regex.step(self.places, symbol)
        return state


class _Alternative(NamedTuple):
    items: list[Repeated]
    at_start: bool
    at_end: bool


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0

    def alternatives(self) -> list[_Alternative]:
        if not self._source:
            raise InvalidRegex("")
        found = [self._alternative()]
        while self._take("|"):
            found.append(self._alternative())
        return found

    def _alternative(self) -> _Alternative:
        at_start = self._take("^")
        items = []
        while self._at < len(self._source) and self._source[self._at] not in "|$":
            items.append(self._repeated())
        at_end = self._take("$")
        if self._at < len(self._source) and self._source[self._at] != "|":
            raise InvalidRegex("$")  # nothing can follow an end
        return _Alternative(items, at_start, at_end)

    def _repeated(self) -> Repeated:
        symbols = self._symbols()
        if self._take("*"):
            item = Repeated(symbols, 0, None)
        elif self._take("+"):
            item = Repeated(symbols, 1, None)
        elif self._take("?"):
            item = Repeated(symbols, 0, 1)
        elif counted := COUNTED.match(self._source, self._at):
            least, comma, most = counted.groups()
            if not least and not most:
                raise InvalidRegex("{")
            self._at = counted.end()
            item = Repeated(symbols, int(least or 0), int(most) if most else None if comma else int(least))
            if item.most is not None and item.most < item.least:
                raise InvalidRegex("{")
        else:
            return Repeated(symbols)
        self._take("?")  # as few as possible: the same texts match
        return item

    def _symbols(self) -> int:
        character = self._next()
        if character == ".":
            return EVERY & ~(1 << ord("\n"))
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escaped()
        return 1 << self._literal(character)

    def _class(self) -> int:
        negated = self._take("^")
        symbols = 0
        while not self._take("]"):
            character = self._next()
            if character == "\\":
                part = self._escaped()
            else:
                low = self._literal(character, OPERATORS.replace("[", ""))
                part = 1 << low
                if self._source.startswith("-", self._at) and not self._source.startswith("-]", self._at):
                    self._at += 1
                    high = self._literal(self._next())
                    if high < low:
                        raise InvalidRegex("-")
                    part = (1 << high + 1) - (1 << low)
            symbols |= part
        if not symbols:
            raise InvalidRegex("[")
        return EVERY & ~symbols if negated else symbols

    def _escaped(self) -> int:
        if match := HEX.match(self._source, self._at):
            self._at = match.end()
            code = int(match[1], 16)
            return 1 << min(code, OTHER)
        character = self._next()
        if character in CLASSES:
            return CLASSES[character]
        if character not in OPERATORS + SYMBOLS:
            raise InvalidRegex(character)
        return 1 << ord(character)

    def _literal(self, character: str, also: str = "") -> int:
        if character not in ALPHANUMERIC + SYMBOLS + also:
            raise InvalidRegex(character)
        return ord(character)

    def _next(self) -> str:
        if self._at == len(self._source):
            raise InvalidRegex("")
        character = self._source[self._at]
        self._at += 1
        return character

    def _take(self, character: str) -> bool:
        found = self._source.startswith(character, self._at)
        self._at += found
        return found
