"""GetMetricData's queries: what is asked of them, and their labels."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from noria.errors import AwsError, not_implemented
from noria.services.cloudwatch import errors, limits
from noria.services.cloudwatch.checks import (
    check_dimensions,
    check_namespace,
    check_period,
    check_text,
    check_unit,
    is_percentile,
)
from noria.store.metrics import Series

ID_PATTERN = "^[a-z][a-zA-Z0-9_]*$"


class Query(msgspec.Struct, frozen=True):
    """One of a request's queries. series: None for an expression."""

    id: str
    label: str
    returned: bool
    series: Series | None = None
    period_s: int = 60
    statistic: str = ""
    unit: str = ""
    expression: str = ""


def parse_queries(account: str, region: str, asked: Sequence[Mapping[str, Any]] | None) -> list[Query]:
    """Raises AwsError, ValidationError as GetMetricData says."""
    try:
        queries = _parsed(account, region, asked)
    except AwsError as error:
        if error.status != 400:
            raise
        raise errors.validation(error.message) from error
    return queries


def _parsed(account: str, region: str, asked: Sequence[Mapping[str, Any]] | None) -> list[Query]:
    if not asked:
        raise errors.missing("MetricDataQueries")
    if len(asked) > limits.MAX_QUERIES:
        raise errors.too_many("MetricDataQueries", limits.MAX_QUERIES)
    queries = [
        _query(account, region, query, f"MetricDataQueries.member.{number}")
        for number, query in enumerate(asked, 1)
    ]
    if len({query.id for query in queries}) < len(queries):
        raise errors.validation("The values for parameter id in MetricDataQueries are not unique.")
    return queries


def _query(account: str, region: str, query: Mapping[str, Any], where: str) -> Query:
    identifier = check_text(query.get("Id"), f"{where}.Id")
    if not re.fullmatch(ID_PATTERN, identifier):
        raise errors.validation(
            f"The value {identifier} for parameter {where}.Id is not matching the expected pattern"
            f" {ID_PATTERN}."
        )
    if query.get("AccountId") not in (None, account):
        raise not_implemented("GetMetricData of another account")
    label = query.get("Label") or ""
    if "${" in label:
        raise not_implemented("GetMetricData's dynamic Label")
    returned = query.get("ReturnData", True)
    stat, expression = query.get("MetricStat"), query.get("Expression")
    if stat is not None and expression is not None:
        raise errors.exclusive(f"{where}.Expression", f"{where}.MetricStat")
    if stat is None:
        if not expression:
            raise errors.missing(f"{where}.MetricStat")
        check_text(expression, f"{where}.Expression", limits.MAX_EXPRESSION_CHARS)
        if expression.lstrip()[:7].upper() == "SELECT ":
            raise not_implemented("Metrics Insights")
        period_s = query.get("Period")
        return Query(
            identifier,
            label,
            returned,
            period_s=0 if period_s is None else check_period(period_s),
            expression=expression,
        )
    if query.get("Period") is not None:
        raise errors.exclusive(f"{where}.Period", f"{where}.MetricStat")
    metric = stat.get("Metric") or {}
    stat_where, metric_where = f"{where}.MetricStat", f"{where}.MetricStat.Metric"
    statistic = check_text(stat.get("Stat"), f"{stat_where}.Stat")
    if statistic not in limits.STATISTICS and not is_percentile(statistic):
        raise not_implemented(f"The statistic {statistic[:64]}")
    check_unit(stat.get("Unit"), f"{stat_where}.Unit")
    series = Series(
        account,
        region,
        check_namespace(metric.get("Namespace")),
        check_text(metric.get("MetricName"), f"{metric_where}.MetricName"),
        check_dimensions(metric.get("Dimensions") or (), f"{metric_where}.Dimensions"),
    )
    period_s = check_period(stat.get("Period"))
    return Query(identifier, label, returned, series, period_s, statistic, stat.get("Unit") or "")


def labels(queries: Sequence[Query]) -> dict[str, str]:
    """By the query's id: the metric's name, and of statistic and period what tells the queries apart."""
    metrics = [query for query in queries if query.series is not None]
    several_statistics = len({query.statistic for query in metrics}) > 1
    several_periods = len({query.period_s for query in metrics}) > 1
    found = {}
    for query in queries:
        words = [query.series.name if query.series else query.id]
        if query.series and several_statistics:
            words.append(query.statistic)
        if query.series and several_periods:
            words.append(str(query.period_s))
        found[query.id] = query.label or " ".join(words)
    return found


def page_token(points: int) -> str:
    """points: that the pages until now had."""
    return base64.urlsafe_b64encode(str(points).encode()).decode()


def parse_page_token(token: str) -> int:
    try:
        text = base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise errors.invalid_next_token() from error
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise errors.invalid_next_token()
    return int(text)
