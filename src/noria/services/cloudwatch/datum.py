"""A datum of PutMetricData: what is asked of it, and the minute that it makes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from noria.errors import not_implemented
from noria.services.cloudwatch import errors, limits
from noria.services.cloudwatch.checks import check_dimensions, check_text, check_timestamp, check_unit
from noria.store.metrics import Minute, Series

Datum = Mapping[str, Any]
STATISTIC_SET = ("Maximum", "Minimum", "SampleCount", "Sum")


def minutes_of(
    account: str, region: str, namespace: str, data: Sequence[Datum], now_s: float
) -> list[tuple[Series, Minute]]:
    """All of a request's data. Raises AwsError where any is not as it should be."""
    if not data:
        raise errors.missing("MetricData")
    if len(data) > limits.MAX_METRIC_DATA:
        raise errors.too_many("MetricData", limits.MAX_METRIC_DATA)
    made = []
    for number, datum in enumerate(data, 1):
        where = f"MetricData.member.{number}"
        dimensions = check_dimensions(datum.get("Dimensions") or (), f"{where}.Dimensions")
        name = check_text(datum.get("MetricName"), f"{where}.MetricName")
        made.append((Series(account, region, namespace, name, dimensions), _minute(datum, where, now_s)))
    return made


def _minute(datum: Datum, where: str, now_s: float) -> Minute:
    time_s = datum.get("Timestamp")
    if time_s is None:
        time_s = now_s
    check_timestamp(time_s, now_s, f"{where}.Timestamp")
    check_unit(datum.get("Unit"), f"{where}.Unit")
    resolution = datum.get("StorageResolution", 60)
    if resolution not in (1, 60):
        raise errors.not_of(f"{where}.StorageResolution", (1, 60))
    if resolution == 1:
        raise not_implemented("PutMetricData's StorageResolution of 1")
    minute = Minute(int(time_s // 60), datum.get("Unit") or "None")
    _fill(minute, datum, where)
    return minute


def _fill(minute: Minute, datum: Datum, where: str) -> None:
    given = [name for name in ("Value", "Values", "StatisticValues") if datum.get(name) is not None]
    if not given:
        text = f"At least one of the parameters {where}.Value, {where}.Values or {where}.StatisticValues"
        raise errors.invalid_combination(f"{text} must be specified.")
    if len(given) > 1:
        raise errors.exclusive(f"{where}.{given[0]}", f"{where}.{given[1]}")
    if "Counts" in datum and "Values" not in datum:
        raise errors.invalid_combination(f"The parameter {where}.Counts needs {where}.Values.")
    if given == ["Value"]:
        minute.add(_number(datum["Value"], f"{where}.Value"))
    elif given == ["Values"]:
        _fill_values(minute, datum, where)
    else:
        _fill_statistics(minute, datum["StatisticValues"], f"{where}.StatisticValues")


def _fill_values(minute: Minute, datum: Datum, where: str) -> None:
    values, counts = datum["Values"], datum.get("Counts")
    if not values:
        raise errors.missing(f"{where}.Values")
    if len(values) > limits.MAX_VALUES:
        raise errors.too_many(f"{where}.Values", limits.MAX_VALUES)
    if counts is not None and len(counts) != len(values):
        text = f"The parameters {where}.Values and {where}.Counts must be of the same size."
        raise errors.invalid_value(text)
    for value, count in zip(values, counts or [1.0] * len(values), strict=True):
        if _number(count, f"{where}.Counts") <= 0:
            raise errors.bad_value(_java(count), f"{where}.Counts")
        minute.add(_number(value, f"{where}.Values"), count)


def _fill_statistics(minute: Minute, given: Mapping[str, float], where: str) -> None:
    """Percentiles are known of a set only where all of its values are the same (cloudwatch_concepts.html)."""
    absent = [errors.missing(f"{where}.{name}") for name in STATISTIC_SET if given.get(name) is None]
    if absent:
        absent[0].message = "\n".join(error.message for error in absent)
        raise absent[0]
    least, most, count, total = (
        _number(given[name], f"{where}.{name}") for name in ("Minimum", "Maximum", "SampleCount", "Sum")
    )
    if most < least:
        raise errors.invalid_value(f"The parameter {where}.Maximum must be greater than {where}.Minimum.")
    if count < 0:
        raise errors.invalid_value(f"The parameter {where}.SampleCount must be greater than 0.")
    if count == 0:
        raise errors.invalid_value(f"The parameter {where}.SampleCount must not equal 0.")
    minute.add(most, count)
    minute.minimum, minute.sum = least, total
    if least != most:
        minute.buckets = None


def _number(value: float, name: str) -> float:
    if not math.isfinite(value) or abs(value) > limits.MAX_VALUE:
        raise errors.bad_value(_java(value), name)
    return value


def _java(value: float) -> str:
    """As Java prints it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return str(value)
