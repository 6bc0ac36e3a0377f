"""The metrics of services in Prometheus' text format: since the server's start, by what they are about.

AWS's names in Prometheus' way: ``AWS/SQS``'s ``NumberOfMessagesSent`` is
``aws_sqs_number_of_messages_sent_total``.
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from noria.store.metrics import Minute, Series, bucket

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_SHOWN = 20_000  # series; more are left out
GAUGES_LAST_MINUTES = 5  # what is no longer measured is no longer shown

# Of metrics whose distribution is told: boundaries, in the unit told, and what a value is divided by.
SECONDS = ((0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900), 1000)
BYTES = ((64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576), 1)
HISTOGRAMS: dict[str, tuple[str, tuple[tuple[float, ...], int]]] = {
    "AsyncEventAge": ("seconds", SECONDS),
    "Duration": ("seconds", SECONDS),
    "SentMessageSize": ("bytes", BYTES),
}
GAUGES = ("Approximate", "ConcurrentExecutions", "UnreservedConcurrentExecutions")  # what names begin with

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Exposition:
    """Keeps what was put, and writes it down when it is asked."""

    def __init__(self) -> None:
        self._totals: dict[Series, Minute] = {}

    def add(self, series: Series, values: Minute) -> None:
        """Of services only, by one dimension: their other series are sums of these, or parts."""
        if not series.namespace.startswith("AWS/") or len(series.dimensions) != 1:
            return
        if _is_gauge(series.name):
            self._totals[series] = values
            return
        total = self._totals.get(series)
        if total is None:
            if len(self._totals) >= MAX_SHOWN:
                return
            total = self._totals[series] = Minute(0, values.unit)
        total.merge(values)

    def forget(self, account: str) -> None:
        self._totals = {series: total for series, total in self._totals.items() if series.account != account}

    def render(self, version: str, now_minute: int) -> str:
        """version: of Noria."""
        oldest = now_minute - GAUGES_LAST_MINUTES
        stale = [s for s, values in self._totals.items() if _is_gauge(s.name) and values.minute < oldest]
        for series in stale:
            del self._totals[series]
        lines = ["# TYPE noria_info gauge", f'noria_info{{version="{version}"}} 1']
        name = ""
        for series in sorted(self._totals, key=lambda series: (_name(series), series)):
            if _name(series) != name:
                name = _name(series)
                lines.append(f"# TYPE {name} {_type(series.name)}")
            lines += _samples(name, series, self._totals[series])
        return "\n".join(lines) + "\n"


def _samples(name: str, series: Series, values: Minute) -> Iterator[str]:
    labels = ",".join(
        f'{label}="{text.translate(_ESCAPES)}"'
        for label, text in (
            ("account", series.account),
            ("region", series.region),
            *((_snake(key), value) for key, value in series.dimensions),
        )
    )
    if series.name not in HISTOGRAMS:
        value = values.sum / values.count if _is_gauge(series.name) else values.sum
        yield f"{name}{{{labels}}} {value:.17g}"
        return
    _, (boundaries, divisor) = HISTOGRAMS[series.name]
    buckets = values.buckets or {}
    for boundary in boundaries:
        last = bucket(boundary * divisor)
        count = sum(count for index, count in buckets.items() if index <= last)
        yield f'{name}_bucket{{{labels},le="{boundary:g}"}} {count:.17g}'
    yield f'{name}_bucket{{{labels},le="+Inf"}} {values.count:.17g}'
    yield f"{name}_sum{{{labels}}} {values.sum / divisor:.17g}"
    yield f"{name}_count{{{labels}}} {values.count:.17g}"


def _is_gauge(name: str) -> bool:
    return name.startswith(GAUGES)


def _type(name: str) -> str:
    if name in HISTOGRAMS:
        return "histogram"
    return "gauge" if _is_gauge(name) else "counter"


def _name(series: Series) -> str:
    name = f"{_snake(series.namespace.replace('/', '_'))}_{_snake(series.name)}"
    if series.name in HISTOGRAMS:
        return f"{name}_{HISTOGRAMS[series.name][0]}"
    return name if _is_gauge(series.name) else f"{name}_total"


def _snake(name: str) -> str:
    return _WORDS.sub("_", name).replace("__", "_").lower()
