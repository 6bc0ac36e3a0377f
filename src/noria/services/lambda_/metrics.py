"""What CloudWatch is told of functions: ``AWS/Lambda``, with AWS's names and dimensions.

Invocations are counted here, a few additions each, and handed on once a minute; the rest is rare.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from noria.services.lambda_.models import Function
from noria.services.lambda_.names import Reference
from noria.services.ports import MetricSink
from noria.store.metrics import Minute, Series

NAMESPACE = "AWS/Lambda"

Dimensions = tuple[tuple[str, str], ...]
_Gauge = tuple[str, str, str, str]  # account, region, metric, the function's name or "" for all


class _Target(NamedTuple):
    """What was invoked. resource: the function's name, with the qualifier that was asked for."""

    account: str
    region: str
    name: str
    resource: str
    version: str

    def dimensions(self) -> list[Dimensions]:
        """All that its values are summed by: all functions, the function, the resource, and of an alias the
        version that it led to."""
        function = (("FunctionName", self.name),)
        of_resource = (*function, ("Resource", self.resource))
        found: list[Dimensions] = [(), function, of_resource]
        qualifier = self.resource.partition(":")[2]
        if qualifier not in ("", self.version):
            found.append((("ExecutedVersion", self.version), *of_resource))
        return found


class _Tally:
    """Of a target since the last minute was over."""

    __slots__ = ("durations", "errors", "invocations", "throttles")

    def __init__(self) -> None:
        self.invocations = self.errors = self.throttles = 0
        self.durations = Minute(0, "Milliseconds")


class FunctionMetrics:
    """One for all functions."""

    def __init__(self, sink: MetricSink) -> None:
        self._sink = sink
        self._tallies: dict[_Target, _Tally] = {}
        self._running: Counter[_Gauge] = Counter()
        self._peaks: dict[_Gauge, int] = {}

    def invoked(self, function: Function, arn: str, duration_ms: float, *, failed: bool) -> None:
        """arn: as it was invoked, with the qualifier that was asked for."""
        tally = self._tally(function, arn)
        tally.invocations += 1
        tally.errors += failed
        tally.durations.add(duration_ms)

    def throttled(self, function: Function, arn: str) -> None:
        self._tally(function, arn).throttles += 1

    def began(self, function: Function, *, reserved: bool) -> None:
        """reserved: of the concurrency that the function keeps for itself."""
        for gauge in _gauges(function, reserved):
            running = self._running[gauge] = self._running[gauge] + 1
            if running > self._peaks.get(gauge, 0):
                self._peaks[gauge] = running

    def ended(self, function: Function, *, reserved: bool) -> None:
        for gauge in _gauges(function, reserved):
            self._running[gauge] -= 1
            if not self._running[gauge]:
                del self._running[gauge]

    def _tally(self, function: Function, arn: str) -> _Tally:
        resource, version = _resource(arn), function.version
        target = _Target(function.account, function.region, function.name, resource, version)
        tally = self._tallies.get(target)
        if tally is None:
            tally = self._tallies[target] = _Tally()
        return tally

    def put(
        self, function: Function | Reference, arn: str, name: str, value: float, unit: str = "Count"
    ) -> None:
        """What is rare, or of an asynchronous event. arn: as for `invoked`."""
        of_function = {"FunctionName": function.name}
        for dimensions in (of_function, {**of_function, "Resource": _resource(arn)}):
            self._sink.put(function.account, function.region, NAMESPACE, name, dimensions, value, unit)

    def collect(self, until_s: float) -> None:
        """Hand on what was counted until then."""
        tallies, self._tallies = self._tallies, {}
        for target, tally in tallies.items():
            for dimensions in target.dimensions():
                self._hand_on(target, dimensions, tally, until_s)
        peaks, self._peaks = self._peaks, dict(self._running)
        for (account, region, metric, name), peak in peaks.items():
            by = {"FunctionName": name} if name else {}
            self._sink.put(account, region, NAMESPACE, metric, by, peak, "Count", until_s)

    def _hand_on(self, target: _Target, dimensions: Dimensions, tally: _Tally, until_s: float) -> None:
        def count(name: str, value: int, of: int) -> None:
            """`value` of so many: as AWS has a 1 or a 0 of each."""
            minute = Minute(int(until_s // 60), "Count")
            for each, times in ((1.0, value), (0.0, of - value)):
                if times:
                    minute.add(each, times)
            if minute.count:
                self._sink.merge(Series(target.account, target.region, NAMESPACE, name, dimensions), minute)

        count("Invocations", tally.invocations, tally.invocations)
        count("Errors", tally.errors, tally.invocations)
        count("Throttles", tally.throttles, tally.invocations + tally.throttles)
        if tally.durations.count:
            values = tally.durations
            values.minute = int(until_s // 60)
            self._sink.merge(Series(target.account, target.region, NAMESPACE, "Duration", dimensions), values)


def _resource(arn: str) -> str:
    """The function's name and, where there is one, its qualifier."""
    return arn.split(":", 6)[6]


def _gauges(function: Function, reserved: bool) -> list[_Gauge]:
    account, region = function.account, function.region
    found = [
        (account, region, "ConcurrentExecutions", function.name),
        (account, region, "ConcurrentExecutions", ""),
    ]
    if not reserved:
        found.append((account, region, "UnreservedConcurrentExecutions", ""))
    return found
