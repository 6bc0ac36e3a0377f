"""What a query consists of, as the parser finds it. start and end: where in the query, in characters."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.errors import AwsError


class MalformedQuery(Exception):
    """The query does not compile. The text says why, as AWS does; start and end say where."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end

    def as_aws_error(self) -> AwsError:
        location = {"startCharOffset": self.start, "endCharOffset": self.end}
        members = {"queryCompileError": {"location": location, "message": self.message}}
        return AwsError("MalformedQueryException", self.message, members=members)


class Node(msgspec.Struct, frozen=True):
    start: int
    end: int


class Literal(Node, frozen=True):
    """A text or a number."""

    value: str | int | float


class Pattern(Node, frozen=True):
    """``/regular expression/``, without the slashes."""

    regex: str


class Period(Node, frozen=True):
    """``5m``."""

    text: str


class Field(Node, frozen=True):
    name: str


class Star(Node, frozen=True):
    """The argument of ``count(*)``."""


class Call(Node, frozen=True):
    """name: in lower case. written: the whole call, as it is in the query."""

    name: str
    arguments: tuple[Node, ...]
    written: str


class Unary(Node, frozen=True):
    """operator: ``-`` or ``not``."""

    operator: str
    operand: Node


class Binary(Node, frozen=True):
    """operator: of arithmetic or a comparison, ``and``, ``or``, ``like``."""

    operator: str
    left: Node
    right: Node


class In(Node, frozen=True):
    operand: Node
    items: tuple[Node, ...]


class Column(Node, frozen=True):
    """An expression and how its value is called."""

    expression: Node
    name: str


class Command(Node, frozen=True):
    """start and end: of its first word."""


class Fields(Command, frozen=True):
    columns: tuple[Column, ...]


class Display(Command, frozen=True):
    columns: tuple[Column, ...]


class Filter(Command, frozen=True):
    condition: Node


class Parse(Command, frozen=True):
    """regex: Python's, one group for each name."""

    source: Node
    regex: Any
    names: tuple[str, ...]


class Stats(Command, frozen=True):
    columns: tuple[Column, ...]
    by: tuple[Column, ...]


class Sort(Command, frozen=True):
    """keys: (expression, whether it descends)."""

    keys: tuple[tuple[Node, bool], ...]


class Limit(Command, frozen=True):
    """takes_any: the first that are found will do, so that the search ends there."""

    count: int
    takes_any: bool


class Dedup(Command, frozen=True):
    fields: tuple[Node, ...]


def field_names(node: Node) -> set[str]:
    """Of the fields in an expression."""
    if isinstance(node, Field):
        return {node.name}
    parts: tuple[Node, ...] = ()
    if isinstance(node, Call):
        parts = node.arguments
    elif isinstance(node, Unary):
        parts = (node.operand,)
    elif isinstance(node, Binary):
        parts = (node.left, node.right)
    elif isinstance(node, In):
        parts = (node.operand, *node.items)
    return set().union(*(field_names(part) for part in parts))
