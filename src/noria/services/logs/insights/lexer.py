"""A query's words and signs, read one at a time: what ``/`` begins is for the parser to know."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from noria.services.logs.insights.syntax import MalformedQuery

Kind = Literal["name", "quoted", "number", "text", "sign", "period", "end"]


class Token(NamedTuple):
    """text: as written. value: without quotes and escapes."""

    kind: Kind
    text: str
    value: str
    start: int
    end: int

    def is_word(self, word: str) -> bool:
        return self.kind == "name" and self.text.lower() == word

    def is_sign(self, sign: str) -> bool:
        return self.kind == "sign" and self.text == sign


BLANK = re.compile(r"(?:\s+|#[^\n]*)*")
NEXT = re.compile(
    r"(?P<period>\d+(?:ms|[a-zA-Z]+)(?![\w.@]))"
    r"|(?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w@]))"
    r"|(?P<name>[@A-Za-z_$][\w.@$]*)"
    r"|(?P<quoted>`[^`\n]+`)"
    r'|(?P<text>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')'
    r"|(?P<sign>!=|<=|>=|=~|[-=<>+*/^%()\[\],|])",
    re.DOTALL,
)
REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Lexer:
    """`token` is the one to come; `take` goes on to the next."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.token = self._read(0)
        self.last_end = 0  # of the token taken last

    def take(self) -> Token:
        taken = self.token
        self.last_end = taken.end
        self.token = self._read(taken.end)
        return taken

    def take_regex(self) -> tuple[str, int, int] | None:
        """The regular expression that begins here, and where it is; None where none does."""
        match = REGEX.match(self.query, self.token.start)
        if match is None:
            return None
        self.last_end = match.end()
        self.token = self._read(match.end())
        return match[1].replace("\\/", "/"), match.start(), match.end()

    def unexpected(self, token: Token | None = None) -> MalformedQuery:
        """In AWS's words."""
        found = token or self.token
        line = self.query.count("\n", 0, found.start) + 1
        position = found.start - (self.query.rfind("\n", 0, found.start) + 1)
        symbol = found.text or "<EOF>"
        return MalformedQuery(
            f"unexpected symbol found {symbol} at line {line} and position {position}", found.start, found.end
        )

    def _read(self, at: int) -> Token:
        start = BLANK.match(self.query, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        if start == len(self.query):
            return Token("end", "", "", start, start)
        match = NEXT.match(self.query, start)
        if match is None:
            character = self.query[start]
            raise self.unexpected(Token("sign", character, "", start, start + 1))
        kind: Kind = match.lastgroup  # type: ignore[assignment]  # one of the groups is there
        written = match[0]
        if kind == "text":
            value = ESCAPED.sub(r"\1", written[1:-1])
        else:
            value = written[1:-1] if kind == "quoted" else written
        return Token(kind, written, value, start, match.end())
