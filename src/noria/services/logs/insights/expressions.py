"""Expressions: which binds tighter, from ``or`` to a name."""

from __future__ import annotations

from noria.services.logs.insights.lexer import Lexer, Token
from noria.services.logs.insights.limits import MAX_DEPTH, MAX_OPERATORS
from noria.services.logs.insights.syntax import (
    Binary,
    Call,
    Column,
    Field,
    In,
    Literal,
    MalformedQuery,
    Node,
    Pattern,
    Period,
    Star,
    Unary,
)
from noria.services.logs.insights.values import MAX_DIGITS

COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
LEVELS = ({"+", "-"}, {"*", "/", "%"}, {"^"})
RESERVED = frozenset({"and", "or", "not", "like", "in", "as", "by", "asc", "desc"})


class Expressions:
    """Reads expressions off a lexer."""

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._depth = self._operators = 0

    def column(self) -> Column:
        """An expression, perhaps with ``as name``; else it is called as it is written."""
        expression = self.expression()
        if self._lexer.token.is_word("as"):
            self._lexer.take()
            return Column(expression.start, self._lexer.last_end, expression, self.name())
        start, end = expression.start, self._lexer.last_end
        written = expression.name if isinstance(expression, Field) else self._lexer.query[start:end]
        return Column(start, end, expression, written)

    def name(self) -> str:
        token = self._lexer.token
        if token.kind == "quoted" or (token.kind == "name" and token.text.lower() not in RESERVED):
            return self._lexer.take().value
        raise self._lexer.unexpected()

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            token = self._lexer.token
            raise MalformedQuery("The expression is nested too deeply", token.start, token.end)
        left = self._both()
        while self._lexer.token.is_word("or"):
            self._lexer.take()
            left = self._binary("or", left, self._both())
        self._depth -= 1
        return left

    def _both(self) -> Node:
        left = self._negated()
        while self._lexer.token.is_word("and"):
            self._lexer.take()
            left = self._binary("and", left, self._negated())
        return left

    def _negated(self) -> Node:
        start = self._lexer.token.start
        negated = False
        while self._lexer.token.is_word("not"):
            self._lexer.take()
            negated = not negated
        node = self._comparison()
        return Unary(start, self._lexer.last_end, "not", node) if negated else node

    def _comparison(self) -> Node:
        left = self._arithmetic(0)
        while True:
            token = self._lexer.token
            if token.kind == "sign" and token.text in COMPARISONS:
                self._lexer.take()
                left = self._binary(token.text, left, self._arithmetic(0))
            elif token.is_sign("=~"):
                self._lexer.take()
                left = self._binary("like", left, self._pattern())
            elif token.is_word("like") or token.is_word("in") or token.is_word("not"):
                left = self._word_comparison(left)
            else:
                return left

    def _word_comparison(self, left: Node) -> Node:
        negated = self._lexer.token.is_word("not")
        if negated:
            self._lexer.take()
        node: Node
        if self._lexer.token.is_word("like"):
            self._lexer.take()
            is_regex = self._lexer.token.is_sign("/")
            node = self._binary("like", left, self._pattern() if is_regex else self._arithmetic(0))
        elif self._lexer.token.is_word("in"):
            self._lexer.take()
            self._expect("[")
            items = self.several("]")
            node = In(left.start, self._lexer.last_end, left, items)
        else:
            raise self._lexer.unexpected()
        return Unary(left.start, self._lexer.last_end, "not", node) if negated else node

    def _pattern(self) -> Node:
        found = self._lexer.take_regex()
        if found is not None:
            regex, start, end = found
            return Pattern(start, end, regex)
        token = self._lexer.token
        if token.kind == "text":  # AWS takes a quoted one, too
            self._lexer.take()
            return Pattern(
                token.start, token.end, token.text[1:-1].replace(f"\\{token.text[0]}", token.text[0])
            )
        raise self._lexer.unexpected()

    def _arithmetic(self, level: int) -> Node:
        if level == len(LEVELS):
            return self._signed()
        left = self._arithmetic(level + 1)
        while self._lexer.token.kind == "sign" and self._lexer.token.text in LEVELS[level]:
            operator = self._lexer.take().text
            left = self._binary(operator, left, self._arithmetic(level + 1))
        return left

    def _signed(self) -> Node:
        token = self._lexer.token
        if not token.is_sign("-"):
            return self.operand()
        self._lexer.take()
        return Unary(token.start, self._lexer.last_end, "-", self.operand())

    def operand(self) -> Node:
        """What no operator is in, but within brackets."""
        lexer, token = self._lexer, self._lexer.token
        if token.is_sign("("):
            lexer.take()
            inside = self.expression()
            self._expect(")")
            return inside
        if token.kind == "quoted":
            lexer.take()
            return Field(token.start, token.end, token.value)
        if token.kind == "text":
            lexer.take()
            return Literal(token.start, token.end, token.value)
        if token.kind == "number":
            lexer.take()
            is_whole = token.text.isdecimal() and len(token.text) <= MAX_DIGITS
            return Literal(token.start, token.end, int(token.text) if is_whole else float(token.text))
        if token.kind == "period":
            lexer.take()
            return Period(token.start, token.end, token.text)
        if found := lexer.take_regex():  # an argument of regex_replace
            return Pattern(found[1], found[2], found[0])
        if token.kind == "name" and token.text.lower() not in RESERVED:
            lexer.take()
            if lexer.token.is_sign("("):
                return self._call(token)
            return Field(token.start, token.end, token.text)
        raise lexer.unexpected()

    def _call(self, name: Token) -> Node:
        lexer = self._lexer
        lexer.take()
        arguments: tuple[Node, ...]
        if lexer.token.is_sign("*"):
            star = lexer.take()
            self._expect(")")
            arguments = (Star(star.start, star.end),)
        elif lexer.token.is_sign(")"):
            lexer.take()
            arguments = ()
        else:
            arguments = self.several(")")
        written = lexer.query[name.start : lexer.last_end]
        return Call(name.start, lexer.last_end, name.text.lower(), arguments, written)

    def several(self, closing: str) -> tuple[Node, ...]:
        """Expressions with commas between them, up to `closing`."""
        found = [self.expression()]
        while self._lexer.token.is_sign(","):
            self._lexer.take()
            found.append(self.expression())
        self._expect(closing)
        return tuple(found)

    def _expect(self, sign: str) -> None:
        if not self._lexer.token.is_sign(sign):
            raise self._lexer.unexpected()
        self._lexer.take()

    def _binary(self, operator: str, left: Node, right: Node) -> Binary:
        self._operators += operator not in COMPARISONS and operator != "like"  # those are not nested
        if self._operators > MAX_OPERATORS:
            raise MalformedQuery("The query has too many operators", left.start, self._lexer.last_end)
        return Binary(left.start, self._lexer.last_end, operator, left, right)
