"""The embedded metric format: log events that carry metrics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from noria.store.metrics import UNITS

MARK = '"_aws"'  # no event without it is in the format

MAX_DIMENSIONS = 30
MAX_METRICS = 100  # of a directive
MAX_VALUES = 100  # of a metric
MAX_PRODUCTS = 1_000  # metrics by dimension sets of an event, ours: 20 ms of the loop
MAX_NAME_CHARS = 255
MAX_DIMENSION_VALUE_CHARS = 1_024
MAX_AGE_MS = 14 * 86_400_000
MAX_LEAD_MS = 2 * 3_600_000

_decode = msgspec.json.Decoder().decode


class InvalidEmf(Exception):
    """An event that wants to be in the format and is not."""


class EmbeddedMetric(NamedTuple):
    """dimension_sets: each makes a metric of these values."""

    namespace: str
    name: str
    unit: str
    dimension_sets: list[dict[str, str]]
    values: list[float]
    timestamp_s: float


def embedded_metrics(message: str, now_ms: int) -> list[EmbeddedMetric]:
    """Those of an event; none for an event that is not in the format.

    Raises InvalidEmf where anything of it is not as the specification says.
    """
    if MARK not in message:
        return []
    try:
        root = _decode(message)
    except (msgspec.DecodeError, RecursionError):
        return []  # a text that happens to have the words
    metadata = root.get("_aws") if isinstance(root, dict) else None
    if not isinstance(metadata, dict) or "CloudWatchMetrics" not in metadata:
        return []
    timestamp_ms = _number(metadata.get("Timestamp"))
    if not now_ms - MAX_AGE_MS <= timestamp_ms <= now_ms + MAX_LEAD_MS:
        raise InvalidEmf
    found: list[EmbeddedMetric] = []
    for directive in _list(metadata["CloudWatchMetrics"]):
        found += _metrics(_dict(directive), root, timestamp_ms / 1000)
        if sum(len(metric.dimension_sets) for metric in found) > MAX_PRODUCTS:
            raise InvalidEmf
    return found


def _metrics(
    directive: Mapping[str, Any], root: Mapping[str, Any], timestamp_s: float
) -> Iterator[EmbeddedMetric]:
    namespace = _text(directive.get("Namespace"))
    if namespace.startswith((":", "AWS/")):
        raise InvalidEmf
    sets = [_dimensions(names, root) for names in _list(directive.get("Dimensions", []))]
    metrics = _list(directive.get("Metrics"))
    if len(metrics) > MAX_METRICS:
        raise InvalidEmf
    for metric in metrics:
        definition = _dict(metric)
        name = _text(definition.get("Name"))
        unit = definition.get("Unit", "None")
        if unit not in UNITS:
            raise InvalidEmf
        yield EmbeddedMetric(namespace, name, unit, sets or [{}], _values(root.get(name)), timestamp_s)


def _dimensions(names: Any, root: Mapping[str, Any]) -> dict[str, str]:
    keys = [_text(name) for name in _list(names)]
    if len(keys) > MAX_DIMENSIONS:
        raise InvalidEmf
    return {key: _text(root.get(key), MAX_DIMENSION_VALUE_CHARS) for key in keys}


def _values(value: Any) -> list[float]:
    values = value if isinstance(value, list) else [value]
    if not 0 < len(values) <= MAX_VALUES:
        raise InvalidEmf
    return [_number(each) for each in values]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidEmf
    return float(value)


def _text(value: Any, most: int = MAX_NAME_CHARS) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise InvalidEmf
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidEmf
    return value


def _dict(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidEmf
    return value
