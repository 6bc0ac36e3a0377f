"""The functions of ``stats``: made for a group, given its values one by one, asked for the result at last."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from noria.services.logs.insights.values import Number, number, sort_key, text


class Aggregate(Protocol):
    def add(self, value: Any, time_ms: int) -> None:
        """time_ms: of the event."""

    def result(self) -> Any: ...


class CountAll:
    def __init__(self) -> None:
        self.count = 0

    def add(self, value: Any, time_ms: int) -> None:
        self.count += 1

    def result(self) -> int:
        return self.count


class Count(CountAll):
    def add(self, value: Any, time_ms: int) -> None:
        if value is not None:
            self.count += 1


class CountDistinct:
    def __init__(self) -> None:
        self.seen: set[str] = set()

    def add(self, value: Any, time_ms: int) -> None:
        if value is not None:
            self.seen.add(text(value) or "")

    def result(self) -> int:
        return len(self.seen)


class Sum:
    def __init__(self) -> None:
        self.total: Number = 0
        self.count = 0

    def add(self, value: Any, time_ms: int) -> None:
        if (found := number(value)) is not None:
            self.total += found
            self.count += 1

    def result(self) -> Number | None:
        return self.total if self.count else None


class Average(Sum):
    def result(self) -> Number | None:
        return self.total / self.count if self.count else None


class Deviation:
    """Welford's way; of the whole population."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = 0.0

    def add(self, value: Any, time_ms: int) -> None:
        if (found := number(value)) is not None:
            self.count += 1
            delta = found - self.mean
            self.mean += delta / self.count
            self.squares += delta * (found - self.mean)

    def result(self) -> float | None:
        return math.sqrt(self.squares / self.count) if self.count else None


class Minimum:
    """Of numbers; of texts where there are no numbers."""

    sign = 1

    def __init__(self) -> None:
        self.best: Number | None = None
        self.text: str | None = None

    def add(self, value: Any, time_ms: int) -> None:
        found = number(value)
        if found is not None:
            if self.best is None or (self.best - found) * self.sign > 0:
                self.best = found
        elif (words := text(value)) is not None and (
            self.text is None or (self.text > words) is (self.sign > 0)
        ):
            self.text = words

    def result(self) -> Any:
        return self.text if self.best is None else self.best


class Maximum(Minimum):
    sign = -1


class Percentile:
    """The nearest rank, of all values."""

    def __init__(self, percent: float) -> None:
        self.percent = percent
        self.values = array("d")

    def add(self, value: Any, time_ms: int) -> None:
        if (found := number(value)) is not None:
            self.values.append(found)

    def result(self) -> Number | None:
        if not self.values:
            return None
        rank = max(1, math.ceil(len(self.values) * self.percent / 100))
        found = sorted(self.values)[rank - 1]
        return int(found) if found.is_integer() else found


class Earliest:
    """The value of the event that has one and comes first, or last."""

    sign = 1

    def __init__(self) -> None:
        self.time_ms: int | None = None
        self.value: Any = None

    def add(self, value: Any, time_ms: int) -> None:
        if value is not None and (self.time_ms is None or (self.time_ms - time_ms) * self.sign > 0):
            self.time_ms, self.value = time_ms, value

    def result(self) -> Any:
        return number(self.value) if isinstance(self.value, int) else self.value  # times come as milliseconds


class Latest(Earliest):
    sign = -1


class SortsFirst:
    sign = 1

    def __init__(self) -> None:
        self.key: Any = None
        self.value: Any = None

    def add(self, value: Any, time_ms: int) -> None:
        if value is None:
            return
        key = sort_key(value)
        if self.key is None or (key < self.key if self.sign > 0 else key > self.key):
            self.key, self.value = key, value

    def result(self) -> Any:
        return self.value


class SortsLast(SortsFirst):
    sign = -1


class AggregateFunction(NamedTuple):
    """arguments: how many; a percentile's second one is a number that is given once."""

    make: Callable[..., Aggregate]
    arguments: int = 1


AGGREGATES: dict[str, AggregateFunction] = {
    "avg": AggregateFunction(Average),
    "count": AggregateFunction(Count),
    "count(*)": AggregateFunction(CountAll),
    "count_distinct": AggregateFunction(CountDistinct),
    "earliest": AggregateFunction(Earliest),
    "latest": AggregateFunction(Latest),
    "max": AggregateFunction(Maximum),
    "min": AggregateFunction(Minimum),
    "pct": AggregateFunction(Percentile, 2),
    "percentile": AggregateFunction(Percentile, 2),
    "sortsfirst": AggregateFunction(SortsFirst),
    "sortslast": AggregateFunction(SortsLast),
    "stddev": AggregateFunction(Deviation),
    "sum": AggregateFunction(Sum),
}
