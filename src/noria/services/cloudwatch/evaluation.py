"""GetMetricData's queries, answered: metrics from their minutes, expressions from those."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from noria.services.cloudwatch import errors, limits
from noria.services.cloudwatch.expressions import Points, Surroundings, evaluate
from noria.services.cloudwatch.queries import Query
from noria.services.cloudwatch.statistics import Window, periods, statistic
from noria.store.metrics import Minute, Series

Read = Callable[[Series, Window], Awaitable[list[Minute]]]
Messages = list[dict[str, str]]


class Evaluation:
    """Of one request."""

    def __init__(self, queries: Sequence[Query], start_s: float, end_s: float, read: Read) -> None:
        self._queries = {query.id: query for query in queries}
        self._start_s = start_s
        self._end_s = end_s
        self._read = read
        metrics = [query for query in queries if query.series is not None]
        self._metrics = [query.id for query in metrics]
        self._period_s = min((query.period_s for query in metrics), default=60)
        self._found: dict[str, Points] = {}
        self._being_found: list[str] = []
        self.messages: dict[str, Messages] = {}

    async def run(self) -> dict[str, Points]:
        """By the queries' ids. Raises AwsError."""
        points = sum(len(self._times(query)) for query in self._queries.values())
        if points > limits.MAX_READ_POINTS:
            raise errors.validation(
                f"You have requested up to {points:,} datapoints, which exceeds the limit of"
                f" {limits.MAX_READ_POINTS:,}. You may reduce the datapoints requested by increasing Period,"
                " or decreasing the time range."
            )
        for each in self._metrics:
            await self._read_metric(self._queries[each])
        if len(self._found) < len(self._queries):
            # Many points take long, and others have their turn meanwhile.
            await asyncio.to_thread(lambda: [self._find(each) for each in self._queries])
        return self._found

    def _window(self, query: Query) -> Window:
        return Window.of(self._start_s, self._end_s, query.period_s or self._period_s)

    def _times(self, query: Query) -> range:
        window = self._window(query)
        return range(60 * window.first, 60 * window.end, 60 * window.period)

    async def _read_metric(self, query: Query) -> None:
        """Of several units, where the query names none, the first in alphabetical order counts."""
        assert query.series is not None
        window = self._window(query)
        units = periods(await self._read(query.series, window), window)
        if not query.unit and len(units) > 1:
            text = f"Multiple units returned: '[{', '.join(units)}]'"
            self.messages[query.id] = [{"Code": "MultipleUnits", "Value": text}]
        unit = query.unit or next(iter(units), "")
        found = {begin_s: statistic(query.statistic, of) for begin_s, of in units.get(unit, {}).items()}
        self._found[query.id] = {begin_s: value for begin_s, value in found.items() if value is not None}

    def _find(self, identifier: str) -> Points:
        """A query's points, or what its expression comes to."""
        found = self._found.get(identifier)
        if found is not None:
            return found
        query = self._queries.get(identifier)
        if query is None:
            raise errors.validation(f"ID '{identifier}' not found")
        if identifier in self._being_found:
            raise errors.validation(f"'{identifier}' is part of a circle")
        self._being_found.append(identifier)
        surroundings = Surroundings(self._find, self._metrics, self._times(query))
        self._found[identifier] = evaluate(identifier, query.expression, surroundings)
        self._being_found.pop()
        return self._found[identifier]
