"""Times as queries see and show them: milliseconds since the epoch, periods, UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

MAX_MS = 253_402_300_799_999  # the end of the year 9999

_UNITS = {
    1: ("ms", "msec", "millisecond"),
    1_000: ("s", "sec", "second"),
    60_000: ("m", "min", "minute"),
    3_600_000: ("h", "hr", "hour"),
    86_400_000: ("d", "day"),
    7 * 86_400_000: ("w", "week"),
}
_MONTHS = {1: ("mo", "mon", "month"), 3: ("q", "qtr", "quarter"), 12: ("y", "yr", "year")}
_WEEK_MS = 7 * 86_400_000
_MONDAY_MS = 4 * 86_400_000  # the epoch was a Thursday


def _named(table: Mapping[int, tuple[str, ...]]) -> dict[str, int]:
    names = {name: size for size, names in table.items() for name in names}
    return names | {f"{name}s": size for name, size in names.items() if len(name) > 1}


MILLISECONDS = _named(_UNITS)
MONTHS = _named(_MONTHS)
PERIOD = re.compile(r"(\d{1,9})\s*([A-Za-z]+)")


class Timestamp(int):
    """Milliseconds since the epoch that are shown as a time."""

    __slots__ = ()


def shown(time_ms: int) -> str:
    """``2026-11-25 20:58:04.000``."""
    if not 0 <= time_ms <= MAX_MS:
        return str(int(time_ms))
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{time_ms % 1000:03}"


def floor_of(text: str) -> Callable[[float], Timestamp] | None:
    """The start of the period (``5m``, ``2 weeks``) that a time lies in; None for what is no period."""
    match = PERIOD.fullmatch(text)
    if match is None or not int(match[1]):
        return None
    count, unit = int(match[1]), match[2]
    if (size_ms := MILLISECONDS.get(unit)) is not None:
        period_ms = count * size_ms
        offset_ms = _MONDAY_MS if size_ms == _WEEK_MS else 0
        return lambda time_ms: Timestamp((int(time_ms) - offset_ms) // period_ms * period_ms + offset_ms)
    if (months := MONTHS.get(unit)) is not None:
        return lambda time_ms: _month_floor(int(time_ms), count * months)
    return None


def next_after(floor: Callable[[float], Timestamp], text: str, start_ms: int) -> Timestamp:
    """The start of the period after the one that starts at start_ms."""
    match = PERIOD.fullmatch(text)
    assert match is not None
    size_ms = MILLISECONDS.get(match[2], 31 * 86_400_000 * MONTHS.get(match[2], 1))
    return floor(start_ms + int(match[1]) * size_ms)


def _month_floor(time_ms: int, months: int) -> Timestamp:
    moment = datetime.fromtimestamp(min(max(time_ms, 0), MAX_MS) // 1000, UTC)
    number = (moment.year - 1970) * 12 + moment.month - 1
    year, month = divmod(number // months * months, 12)
    return Timestamp(round(datetime(1970 + year, month + 1, 1, tzinfo=UTC).timestamp() * 1000))
