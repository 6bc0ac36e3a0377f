"""What CloudWatch is told of a mapping that asks for it (MetricsConfig ``EventCount``).

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from typing import Any

from noria.services.ports import MetricSink
from noria.services.triggers import errors
from noria.services.triggers.mapping import Mapping

NAMESPACE = "AWS/Lambda"
EVENT_COUNT = "EventCount"


class EventCounts:
    """Events are messages. A mapping that does not ask counts nothing."""

    def __init__(self, mapping: Mapping, sink: MetricSink) -> None:
        self._mapping = mapping
        self._sink = sink
        self._counts = EVENT_COUNT in mapping.metrics

    def polled(self, events: int, filtered_out: int) -> None:
        if events:
            self._put("PolledEventCount", events)
            self._put("FilteredOutEventCount", filtered_out)

    def invoked(self, events: int) -> None:
        self._put("InvokedEventCount", events)

    def failed(self, events: int) -> None:
        """Those of a failed invocation, or that the function reports as failed."""
        self._put("FailedInvokeEventCount", events)

    def deleted(self, events: int) -> None:
        self._put("DeletedEventCount", events)

    def _put(self, name: str, events: int) -> None:
        if self._counts:
            mapping = self._mapping
            by = {"EventSourceMappingUUID": mapping.uuid}
            self._sink.put(mapping.account, mapping.region, NAMESPACE, name, by, events, "Count")


def metrics_of(config: Dict[str, Any]) -> tuple[str, ...]:
    """Of a request's MetricsConfig. Raises AwsError."""
    metrics = tuple(config.get("Metrics") or ())
    for name in metrics:
        if name != EVENT_COUNT:  # the others are for Kafka
            raise errors.unfit_metric(name)
    return metrics
