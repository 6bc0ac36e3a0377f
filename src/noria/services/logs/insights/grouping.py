"""``stats``: rows by groups, and what is computed of each group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from noria.services.logs.insights.aggregates import AGGREGATES, Aggregate
from noria.services.logs.insights.compiler import Scope, compile_expression
from noria.services.logs.insights.fields import Getter, Row
from noria.services.logs.insights.syntax import (
    Binary,
    Call,
    Field,
    Filter,
    In,
    Literal,
    MalformedQuery,
    Node,
    Star,
    Stats,
    Unary,
    field_names,
)

Make = Callable[[], Aggregate]


class Grouping:
    """`add` rows; `rows` are the groups, in the order in which they were met."""

    def __init__(self, command: Stats, before: Scope, after: Scope) -> None:
        """before: what names mean to the rows; after: what they mean to the groups, filled here."""
        self.before = before
        self._after = after
        self._plain = {
            column.name
            for column in command.by
            if isinstance(column.expression, Field) and column.expression.name == column.name
        }
        self._made = {column.name for column in (*command.by, *command.columns)} - self._plain
        self._by = [compile_expression(column.expression, before) for column in command.by]
        self._by_slots = [after.slot(column.name) for column in command.by]
        self._makes: list[Make] = []
        self._inputs: list[Getter | None] = []  # None: of count(*)
        self._slots: list[int] = []
        self._computed: list[Getter] = []
        self._groups: dict[Any, tuple[tuple[Any, ...], list[Aggregate]]] = {}
        for column in command.columns:
            expression = self._without_aggregates(column.expression)
            self._computed.append(after.define(column.name, compile_expression(expression, after)))

    def is_about_events(self, command: Filter) -> bool:
        """Whether a filter that follows names what the groups do not have: AWS's own samples have such, and
        mean the events.
        """
        names = field_names(command.condition)
        return names.isdisjoint(self._made) and not names <= self._plain

    def add(self, row: Row) -> None:
        key = tuple([get(row) for get in self._by])
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = (key, [make() for make in self._makes])
        for aggregate, get in zip(group[1], self._inputs, strict=True):
            aggregate.add(None if get is None else get(row), row.time_ms)

    def rows(self) -> list[Row]:
        if not self._groups and not self._by:  # nothing to count is counted, too
            self._groups[()] = ((), [make() for make in self._makes])
        found = []
        for key, aggregates in self._groups.values():
            values = dict(zip(self._by_slots, key, strict=True))
            values |= {
                slot: aggregate.result() for slot, aggregate in zip(self._slots, aggregates, strict=True)
            }
            row = Row.of_group(values)
            for compute in self._computed:
                compute(row)
            found.append(row)
        return found

    def _without_aggregates(self, node: Node) -> Node:
        """The expression, with fields in the place of its aggregates."""
        if isinstance(node, Call):
            if node.name in AGGREGATES:
                return self._aggregate(node)
            arguments = tuple(self._without_aggregates(argument) for argument in node.arguments)
            return msgspec.structs.replace(node, arguments=arguments)
        if isinstance(node, Unary):
            return msgspec.structs.replace(node, operand=self._without_aggregates(node.operand))
        if isinstance(node, Binary):
            left, right = self._without_aggregates(node.left), self._without_aggregates(node.right)
            return msgspec.structs.replace(node, left=left, right=right)
        if isinstance(node, In):
            return msgspec.structs.replace(node, operand=self._without_aggregates(node.operand))
        return node

    def _aggregate(self, node: Call) -> Node:
        function = AGGREGATES[node.name]
        name = f"\0{len(self._makes)}"  # no query can say it
        given = node.arguments
        if node.name == "count" and (not given or isinstance(given[0], Star)):
            self._makes.append(AGGREGATES["count(*)"].make)
            self._inputs.append(None)
        elif len(given) != function.arguments or isinstance(given[0], Star):
            raise MalformedQuery(
                f"Invalid number of arguments for function {node.name}", node.start, node.end
            )
        else:
            constants = [_percent(argument) for argument in given[1:]]
            make = function.make
            self._makes.append(lambda: make(*constants))
            self._inputs.append(compile_expression(given[0], self.before))
        self._slots.append(self._after.slot(name))
        return Field(node.start, node.end, name)


def _percent(node: Node) -> float:
    if isinstance(node, Literal) and not isinstance(node.value, str) and 0 <= node.value <= 100:
        return float(node.value)
    raise MalformedQuery("A percentage between 0 and 100 is expected here", node.start, node.end)
