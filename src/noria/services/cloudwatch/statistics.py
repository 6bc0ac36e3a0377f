"""Statistics of a metric over periods, from its minutes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from noria.store.metrics import Minute, bucket_value


class Window(NamedTuple):
    """Whole minutes: from the first one until before `end`, in steps of `period`.

    A period begins where the request's time does, as AWS's do (rounded down to the minute).
    """

    first: int
    end: int
    period: int

    @classmethod
    def of(cls, start_s: float, end_s: float, period_s: int) -> Window:
        return cls(int(start_s // 60), int(-(-end_s // 60)), max(1, period_s // 60))

    def begin_s(self, minute: int) -> int:
        """When the period begins that the minute is in."""
        return 60 * (minute - (minute - self.first) % self.period)


def periods(minutes: Iterable[Minute], window: Window) -> dict[str, dict[int, Minute]]:
    """Of each unit, alphabetically: seconds at which a period begins → all of its values."""
    units: dict[str, dict[int, Minute]] = {}
    for minute in minutes:
        begun = units.setdefault(minute.unit, {})
        begin_s = window.begin_s(minute.minute)
        if begin_s in begun:
            begun[begin_s].merge(minute)
        else:
            begun[begin_s] = msgspec.structs.replace(minute, buckets=_copied(minute.buckets))
    return dict(sorted(units.items()))


def _copied(buckets: dict[int, float] | None) -> dict[int, float] | None:
    return None if buckets is None else dict(buckets)


def statistic(name: str, of: Minute) -> float | None:
    """``Average``, …, ``p99.9``; None where a percentile is not known."""
    if name == "Average":
        return of.sum / of.count
    if name == "Sum":
        return of.sum
    if name == "Minimum":
        return of.minimum
    if name == "Maximum":
        return of.maximum
    if name == "SampleCount":
        return of.count
    return _percentile(of, float(name[1:]) / 100)


def _percentile(of: Minute, share: float) -> float | None:
    if of.buckets is None:
        return None
    if share <= 0 or share >= 1:  # known exactly
        return of.minimum if share <= 0 else of.maximum
    rank = share * of.count
    seen = 0.0
    value = of.maximum
    for index, count in sorted(of.buckets.items()):
        seen += count
        if seen >= rank:
            value = bucket_value(index)
            break
    return min(max(value, of.minimum), of.maximum)


def statistics(names: Sequence[str], of: Minute) -> dict[str, float]:
    """Those that are known."""
    found = ((name, statistic(name, of)) for name in names)
    return {name: value for name, value in found if value is not None}
