"""A place for metrics that tests can look into."""

from __future__ import annotations

from collections.abc import Mapping

from noria.store.metrics import Minute, Series


class FakeMetrics:
    """Implements `ports.MetricSink`; times do not matter."""

    def __init__(self) -> None:
        self._values: dict[Series, Minute] = {}

    def put(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        unit: str = "None",
        timestamp_s: float | None = None,
        count: float = 1.0,
    ) -> None:
        minute = Minute(0, unit)
        minute.add(value, count)
        self.merge(Series(account, region, namespace, name, tuple(sorted(dimensions.items()))), minute)

    def merge(self, series: Series, values: Minute) -> None:
        self._values.setdefault(series, Minute(0, values.unit)).merge(values)

    def of(self, name: str, **dimensions: str) -> Minute | None:
        """All values of a metric; None where it has none."""
        wanted = tuple(sorted(dimensions.items()))
        found = [v for series, v in self._values.items() if series[3:] == (name, wanted)]
        assert len(found) < 2, "in one account and region"
        return found[0] if found else None

    def sums(self, **dimensions: str) -> dict[str, float]:
        """Metric → sum, of those that have these dimensions and no others."""
        wanted = tuple(sorted(dimensions.items()))
        return {
            series.name: values.sum for series, values in self._values.items() if series.dimensions == wanted
        }
