"""What CloudWatch is told of log groups: how much comes in, and the metrics that events carry."""

from __future__ import annotations

from noria.services.logs.emf import MARK, InvalidEmf, embedded_metrics
from noria.services.logs.feed import Events, GroupName
from noria.services.ports import MetricSink
from noria.store.metrics import Minute, Series

NAMESPACE = "AWS/Logs"


class LogMetrics:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html"""

    def __init__(self, sink: MetricSink) -> None:
        self._sink = sink

    def appended(self, group: GroupName, events: Events, now_ms: int) -> None:
        incoming_bytes = sum(
            len(message) if message.isascii() else len(message.encode()) for _, message in events
        )
        for dimensions in ({}, {"LogGroupName": group.name}):
            self._put(group, "IncomingLogEvents", len(events), "Count", dimensions)
            self._put(group, "IncomingBytes", incoming_bytes, "Bytes", dimensions)
        for _, message in events:
            if MARK in message:
                self._take_out(group, message, now_ms)

    def _take_out(self, group: GroupName, message: str, now_ms: int) -> None:
        try:
            metrics = embedded_metrics(message, now_ms)
        except InvalidEmf:
            self._put(group, "EMFValidationErrors", 1, "Count", {"LogGroupName": group.name})
            return
        for metric in metrics:
            minute = Minute(int(metric.timestamp_s // 60), metric.unit)
            for value in metric.values:
                minute.add(value)
            for dimensions in metric.dimension_sets:
                by = tuple(sorted(dimensions.items()))
                series = Series(group.account, group.region, metric.namespace, metric.name, by)
                self._sink.merge(series, minute)

    def _put(self, group: GroupName, name: str, value: float, unit: str, dimensions: dict[str, str]) -> None:
        self._sink.put(group.account, group.region, NAMESPACE, name, dimensions, value, unit)
