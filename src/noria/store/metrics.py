"""The contract of metrics: aggregates of a minute each (see `noria.store.base`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

# Metrics of an account and region. Each costs up to 21,600 minutes in 15 days, some 1 to 3 MB.
MAX_SERIES = 10_000

UNITS = (
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
)

# Values share a bucket where they differ by less than 2 %: percentiles are off by 1 % at most.
BUCKET_RATIO = 1.02
_LOG_RATIO = math.log(BUCKET_RATIO)
ZERO_BUCKET = -1_000_000
MAX_BUCKETS = 300  # of a minute, 3 KB; 100 of them hold values from 1 to 7


class Series(NamedTuple):
    """A metric. dimensions: (name, value), sorted."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()


class Minute(msgspec.Struct):
    """What a metric's values of one unit were within a minute, or a longer time.

    minute: since the epoch. buckets: how many values there were by `bucket`; None where that is not known,
    because a value was negative or came already aggregated.
    """

    minute: int
    unit: str
    count: float = 0.0
    sum: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    buckets: dict[int, float] | None = {}

    def add(self, value: float, count: float = 1.0) -> None:
        """The value, `count` times."""
        self.count += count
        self.sum += value * count
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)
        if self.buckets is not None:
            if value < 0:
                self.buckets = None
            else:
                _put(self.buckets, bucket(value), count)

    def merge(self, other: Minute) -> None:
        """Add all that `other` holds."""
        self.count += other.count
        self.sum += other.sum
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        if self.buckets is None or other.buckets is None:
            self.buckets = None
        else:
            for index, count in other.buckets.items():
                _put(self.buckets, index, count)


def bucket(value: float) -> int:
    """The index of a value that is not negative."""
    return math.ceil(math.log(value) / _LOG_RATIO) if value > 0 else ZERO_BUCKET


def bucket_value(index: int) -> float:
    """The middle of a bucket."""
    return 0.0 if index == ZERO_BUCKET else math.exp((index - 0.5) * _LOG_RATIO)


def _put(buckets: dict[int, float], index: int, count: float) -> None:
    if index not in buckets and len(buckets) >= MAX_BUCKETS:
        index = min(buckets, key=lambda other: abs(other - index))
    buckets[index] = buckets.get(index, 0.0) + count


class Metrics(Protocol):
    """Metrics of all accounts."""

    async def add(self, minutes: Sequence[tuple[Series, Minute]]) -> list[Series]:
        """Merge into what there is. Returned are the series that were not there and would be too many."""

    async def read(self, series: Series, first: int, last: int) -> list[Minute]:
        """From the first minute to the last one, in their order, each unit on its own."""

    async def list(
        self,
        account: str,
        region: str,
        *,
        namespace: str = "",
        name: str = "",
        dimensions: Sequence[tuple[str, str | None]] = (),
        active_since: int = 0,
        after: int = 0,
        limit: int = 500,
    ) -> list[tuple[int, Series]]:
        """(id, series) of those that have a minute since `active_since`, in the order of their ids.

        dimensions: names, and values or None for any, that a metric must have.
        """

    async def expire(self, before: int) -> None:
        """Delete earlier minutes, and series that have none left, slice by slice."""

    async def delete_account(self, account: str) -> None:
        """Every metric of an account (`noria reset`)."""
