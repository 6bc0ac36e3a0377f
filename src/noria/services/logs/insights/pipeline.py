"""A compiled query: events go in, one by one; rows of (name, value) come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from noria.services.logs.insights.compiler import Scope, compile_expression
from noria.services.logs.insights.fields import Fields, Getter, Row, Source
from noria.services.logs.insights.grouping import Grouping
from noria.services.logs.insights.limits import DEFAULT_RESULTS
from noria.services.logs.insights.syntax import (
    Column,
    Command,
    Dedup,
    Display,
    Field,
    Filter,
    Limit,
    Parse,
    Sort,
    Stats,
)
from noria.services.logs.insights.syntax import Fields as FieldsCommand
from noria.services.logs.insights.values import display, sort_key, text, truth

Step = Callable[[Row], bool]
"""What a command does to a row; False where the row goes no further."""


class _Descending:
    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.key == other.key

    __hash__ = None  # type: ignore[assignment]  # nothing looks one up


class Kept:
    """The first rows in the order asked for, no two with the same `distinct` fields."""

    def __init__(self, count: int, is_sorted: bool, distinct: list[Getter], takes_any: bool) -> None:
        self._count = count
        self._sorted = is_sorted
        self._distinct = distinct
        self._takes_any = takes_any
        self._rows: list[Row] = []
        self._seen: set[tuple[Any, ...]] = set()  # while rows come in the order that they are kept in

    @property
    def is_enough(self) -> bool:
        return self._takes_any and len(self._rows) >= self._count

    def add(self, row: Row) -> None:
        if self._sorted:
            self._rows.append(row)
            if len(self._rows) >= 2 * self._count + 1000:
                self._prune()
        elif len(self._rows) < self._count and self._is_new(row):
            self._rows.append(row)

    def rows(self) -> list[Row]:
        if self._sorted:
            self._prune()
        return self._rows

    def _prune(self) -> None:
        """Sorting is stable, so that rows pruned now are those that would be pruned at the end."""
        self._rows.sort(key=lambda row: row.key)
        if self._distinct:
            self._seen.clear()
            self._rows = [row for row in self._rows if self._is_new(row)]
        del self._rows[self._count :]

    def _is_new(self, row: Row) -> bool:
        if not self._distinct:
            return True
        key = tuple(text(get(row)) for get in self._distinct)
        if None in key:  # what is not there is like nothing else
            return True
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


def _by_time(row: Row) -> bool:
    row.key = (-row.time_ms, -row.seq)
    return True


class Stage:
    """Commands up to where all rows are needed before any goes on."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.sink: Kept | Grouping

    def add(self, row: Row) -> bool:
        """Whether it came to the end."""
        for step in self.steps:
            if not step(row):
                return False
        self.sink.add(row)
        return True


class Pipeline:
    """`add` every event, unless `is_enough`; then ask for the `results`."""

    def __init__(
        self,
        commands: list[Command],
        sources: list[Source],
        now_ms: int,
        limit: int | None,
        *,
        in_order: bool = True,
    ) -> None:
        """limit: the request's own, None for AWS's default. in_order: whether the newest events come first.

        Raises what compiling does.
        """
        self.matched = 0
        self._commands = commands
        self._scope = Scope(Fields(sources), now_ms)
        self._now_ms = now_ms
        self._columns: list[tuple[str, Getter]] = []
        self._displayed: list[tuple[str, Getter]] | None = None
        self._stages: list[Stage] = []
        self._build(limit or DEFAULT_RESULTS, in_order)

    @property
    def is_enough(self) -> bool:
        sink = self._stages[0].sink
        return isinstance(sink, Kept) and sink.is_enough

    def add(self, row: Row) -> None:
        self.matched += self._stages[0].add(row)

    def results(self) -> Iterable[list[tuple[str, str]]]:
        """Rows of (name, value), without the fields that a row has not."""
        rows: list[Row] = self._stages[0].sink.rows()
        for stage in self._stages[1:]:
            for row in rows:
                stage.add(row)
            rows = stage.sink.rows()
        columns = self._selected()
        for row in rows:
            values = [(name, display(get(row))) for name, get in columns]
            yield [(name, value) for name, value in values if value is not None]

    def _selected(self) -> list[tuple[str, Getter]]:
        if self._displayed is not None:
            chosen = self._displayed
        elif self._columns:
            chosen = self._columns
        else:
            chosen = [(name, self._scope.get(name)) for name in ("@timestamp", "@message")]
        columns = dict(chosen)
        if self._scope.has_events:
            columns["@ptr"] = self._scope.get("@ptr")
        return list(columns.items())

    # From commands to stages

    def _build(self, limit: int, in_order: bool) -> None:
        stage = Stage()
        ordered = False
        count: int | None = None
        takes_any = False
        distinct: list[Getter] = []

        def close() -> None:
            """End the stage with what is kept of it."""
            by_time = not (ordered or in_order or self._stages)
            if by_time:
                stage.steps.append(_by_time)
            stage.sink = Kept(limit if count is None else count, ordered or by_time, distinct, takes_any)
            self._stages.append(stage)

        for command in self._commands:
            if count is not None or (distinct and not isinstance(command, Limit)):
                close()
                stage, ordered, count, takes_any, distinct = Stage(), False, None, False, []
            if isinstance(command, Limit):
                count, takes_any = command.count, command.takes_any and not ordered and not distinct
            elif isinstance(command, Dedup):
                distinct = [compile_expression(field, self._scope) for field in command.fields]
            elif isinstance(command, Sort):
                stage.steps.append(self._sort(command))
                ordered = True
            elif isinstance(command, Stats):
                stage.sink = self._group(command)
                self._stages.append(stage)
                stage, ordered = Stage(), False
            else:
                self._row_wise(command, stage)
        close()

    def _row_wise(self, command: Command, stage: Stage) -> None:
        if isinstance(command, Filter):
            grouped = self._stages[-1] if self._stages else None
            if grouped and isinstance(grouped.sink, Grouping) and grouped.sink.is_about_events(command):
                grouped.steps.append(self._filter(command, grouped.sink.before))
            else:
                stage.steps.append(self._filter(command, self._scope))
        elif isinstance(command, Parse):
            stage.steps.append(self._parse(command))
        elif isinstance(command, FieldsCommand):
            self._columns += [self._column(column) for column in command.columns]
        elif isinstance(command, Display):
            self._displayed = [self._column(column) for column in command.columns]

    def _column(self, column: Column) -> tuple[str, Getter]:
        compute = compile_expression(column.expression, self._scope)
        if isinstance(column.expression, Field) and column.expression.name == column.name:
            return column.name, compute
        return column.name, self._scope.define(column.name, compute)

    def _filter(self, command: Filter, scope: Scope) -> Step:
        condition = compile_expression(command.condition, scope)
        return lambda row: truth(condition(row)) is True

    def _parse(self, command: Parse) -> Step:
        source = compile_expression(command.source, self._scope)
        search = command.regex.search
        slots = [self._scope.slot(name) for name in command.names]
        self._columns += [(name, self._scope.get(name)) for name in command.names if self._columns]

        def step(row: Row) -> bool:
            value = text(source(row))
            match = search(value) if value is not None else None
            if match is not None:
                row.values.update(zip(slots, match.groups(), strict=True))
            return True

        return step

    def _sort(self, command: Sort) -> Step:
        keys = [(compile_expression(node, self._scope), descends) for node, descends in command.keys]
        if len(keys) == 1:
            [(only, descends)] = keys

            def step(row: Row) -> bool:
                key = sort_key(only(row))
                row.key = _Descending(key) if descends else key
                return True

            return step

        def step_of_many(row: Row) -> bool:
            found = [(sort_key(get(row)), descends) for get, descends in keys]
            row.key = tuple(_Descending(key) if descends else key for key, descends in found)
            return True

        return step_of_many

    def _group(self, command: Stats) -> Grouping:
        after = Scope(None, self._now_ms)
        grouping = Grouping(command, self._scope, after)
        self._scope = after
        self._columns = [(column.name, after.get(column.name)) for column in (*command.by, *command.columns)]
        self._displayed = None
        return grouping
