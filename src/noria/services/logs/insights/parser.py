"""Commands, with ``|`` between them."""

from __future__ import annotations

from collections.abc import Callable

from noria.errors import not_implemented
from noria.services.logs.insights import regexes
from noria.services.logs.insights.expressions import Expressions
from noria.services.logs.insights.lexer import Lexer, Token
from noria.services.logs.insights.limits import MAX_RESULTS, MAX_STATS
from noria.services.logs.insights.syntax import (
    Column,
    Command,
    Dedup,
    Display,
    Fields,
    Filter,
    Limit,
    MalformedQuery,
    Node,
    Parse,
    Sort,
    Stats,
)

# AWS has these, we do not.
OTHER_COMMANDS = frozenset(
    {"addtotals", "anomaly", "diff", "expand", "filterindex", "join", "lookup"}
    | {"pattern", "relevantfields", "source", "unmask", "unnest"}
)


def parse(query: str) -> list[Command]:
    """Raises MalformedQuery, or AwsError (NotImplemented) for a command that is AWS's but not ours."""
    return _Parser(query).query()


class _Parser:
    def __init__(self, query: str) -> None:
        self._lexer = Lexer(query)
        self._expressions = Expressions(self._lexer)
        self._commands: dict[str, Callable[[Token], Command]] = {
            "fields": self._fields,
            "display": self._display,
            "filter": self._filter,
            "parse": self._parse,
            "stats": self._stats,
            "sort": self._sort,
            "limit": self._limit,
            "dedup": self._dedup,
        }

    def query(self) -> list[Command]:
        commands: list[Command] = []
        while True:
            word = self._lexer.token
            after_dedup = any(isinstance(command, Dedup) for command in commands)
            if after_dedup and not word.is_word("limit"):
                raise self._lexer.unexpected()  # so AWS has it
            commands.append(self._command())
            if sum(isinstance(command, Stats) for command in commands) > MAX_STATS:
                raise self._lexer.unexpected(word)
            if self._lexer.token.kind == "end":
                return commands
            if not self._lexer.token.is_sign("|"):
                raise self._lexer.unexpected()
            self._lexer.take()

    def _command(self) -> Command:
        word = self._lexer.token
        name = word.text.lower()
        if word.kind == "name" and name in OTHER_COMMANDS:
            raise not_implemented(f"Insights' command {name}")
        read = self._commands.get(name) if word.kind == "name" else None
        if read is None:
            raise self._lexer.unexpected()
        self._lexer.take()
        return read(word)

    def _fields(self, word: Token) -> Command:
        return Fields(word.start, word.end, self._columns())

    def _display(self, word: Token) -> Command:
        return Display(word.start, word.end, self._columns())

    def _filter(self, word: Token) -> Command:
        return Filter(word.start, word.end, self._expressions.expression())

    def _parse(self, word: Token) -> Command:
        source = self._expressions.operand()
        text = self._lexer.token
        if (found := self._lexer.take_regex()) is not None:
            regex = regexes.compiled(*found)
            named = {number: name for name, number in regex.groupindex.items()}
        elif text.kind == "text":
            self._lexer.take()
            regex, named = regexes.glob(text.value), {}
        else:
            raise self._lexer.unexpected()
        end = self._lexer.last_end
        given = self._names() if self._lexer.token.is_word("as") else []
        if len(named) == regex.groups and named and not given:
            return Parse(word.start, word.end, source, regex, tuple(named[n] for n in sorted(named)))
        if len(given) != regex.groups or not given:
            raise MalformedQuery(
                f"parse has {regex.groups} values to extract and {len(given)} names for them", text.start, end
            )
        return Parse(word.start, word.end, source, regex, tuple(given))

    def _names(self) -> list[str]:
        """After ``as``."""
        self._lexer.take()
        names = [self._expressions.name()]
        while self._lexer.token.is_sign(","):
            self._lexer.take()
            names.append(self._expressions.name())
        return names

    def _stats(self, word: Token) -> Command:
        columns = self._columns()
        by: tuple[Column, ...] = ()
        if self._lexer.token.is_word("by"):
            self._lexer.take()
            by = self._columns()
        return Stats(word.start, word.end, columns, by)

    def _sort(self, word: Token) -> Command:
        keys: list[tuple[Node, bool]] = []
        if self._lexer.token.is_word("by"):  # as the console's samples have it
            self._lexer.take()
        while True:
            key = self._expressions.expression()
            descends = self._lexer.token.is_word("desc")
            if descends or self._lexer.token.is_word("asc"):
                self._lexer.take()
            keys.append((key, descends))
            if not self._lexer.token.is_sign(","):
                return Sort(word.start, word.end, tuple(keys))
            self._lexer.take()

    def _limit(self, word: Token) -> Command:
        takes_any = self._lexer.token.is_word("any")
        if takes_any:
            self._lexer.take()
        count = self._lexer.token
        if count.kind != "number" or not count.text.isdecimal():
            raise self._lexer.unexpected()
        self._lexer.take()
        if not 1 <= float(count.text) <= MAX_RESULTS:
            raise MalformedQuery(f"The limit must be between 1 and {MAX_RESULTS}", count.start, count.end)
        return Limit(word.start, word.end, int(count.text), takes_any)

    def _dedup(self, word: Token) -> Command:
        return Dedup(word.start, word.end, tuple(column.expression for column in self._columns()))

    def _columns(self) -> tuple[Column, ...]:
        columns = [self._expressions.column()]
        while self._lexer.token.is_sign(","):
            self._lexer.take()
            columns.append(self._expressions.column())
        return tuple(columns)
