"""CloudWatch's operations on metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from noria.clock import Clock
from noria.context import RequestContext
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
from noria.services.cloudwatch.collector import Collector
from noria.services.cloudwatch.datum import minutes_of
from noria.services.cloudwatch.evaluation import Evaluation
from noria.services.cloudwatch.queries import labels, page_token, parse_page_token, parse_queries
from noria.services.cloudwatch.statistics import Window, periods, statistics
from noria.store.metrics import MAX_SERIES, Metrics, Minute, Series

READ_MINUTES = 1_440  # in one turn of the loop: 3 ms


class CloudWatchApi:
    """Shapes are those of botocore's ``cloudwatch`` model."""

    def __init__(self, metrics: Metrics, collector: Collector, clock: Clock) -> None:
        self._metrics = metrics
        self._collector = collector
        self._clock = clock

    async def put_metric_data(
        self,
        ctx: RequestContext,
        *,
        namespace: str | None = None,
        metric_data: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """What has been answered is in the store."""
        name = check_namespace(namespace)
        if name.startswith("AWS/"):
            raise errors.bad_value("AWS/", "Namespace")
        minutes = minutes_of(ctx.account, ctx.region, name, metric_data or (), ctx.now_ms / 1000)
        if await self._metrics.add(minutes):
            raise errors.too_many_metrics(MAX_SERIES)

    async def list_metrics(
        self,
        ctx: RequestContext,
        *,
        namespace: str | None = None,
        metric_name: str | None = None,
        dimensions: Sequence[Mapping[str, Any]] = (),
        next_token: str | None = None,
        recently_active: str | None = None,
    ) -> dict[str, Any]:
        """In the order in which they first had values."""
        if namespace is not None:
            check_namespace(namespace)
        if metric_name is not None:
            check_text(metric_name, "MetricName")
        if len(dimensions) > limits.MAX_DIMENSION_FILTERS:
            raise errors.too_many("Dimensions", limits.MAX_DIMENSION_FILTERS)
        if recently_active not in (None, "PT3H"):
            raise errors.not_of("RecentlyActive", ("PT3H",))
        wanted = [
            (check_text(each.get("Name"), f"Dimensions.member.{number}.Name"), each.get("Value"))
            for number, each in enumerate(dimensions, 1)
        ]
        since_s = ctx.now_ms / 1000 - (limits.RECENTLY_S if recently_active else limits.LISTED_FOR_S)
        await self._collector.flush()
        found = await self._metrics.list(
            ctx.account,
            ctx.region,
            namespace=namespace or "",
            name=metric_name or "",
            dimensions=wanted,
            active_since=int(since_s // 60),
            after=_parse_list_token(next_token) if next_token else 0,
            limit=limits.LISTED + 1,
        )
        page = found[: limits.LISTED]
        return {
            "Metrics": [_metric(series) for _, series in page],
            "NextToken": page_token(page[-1][0]) if len(found) > limits.LISTED else None,
        }

    async def get_metric_statistics(
        self,
        ctx: RequestContext,
        *,
        namespace: str | None = None,
        metric_name: str | None = None,
        dimensions: Sequence[Mapping[str, Any]] = (),
        start_time: float | None = None,
        end_time: float | None = None,
        period: int | None = None,
        statistics: Sequence[str] = (),
        extended_statistics: Sequence[str] = (),
        unit: str | None = None,
    ) -> dict[str, Any]:
        """In the order of time; values of several units make several points of one time."""
        series = Series(
            ctx.account,
            ctx.region,
            check_namespace(namespace),
            check_text(metric_name, "MetricName"),
            check_dimensions(dimensions, "Dimensions"),
        )
        _check_statistics(statistics, extended_statistics)
        check_unit(unit, "Unit")
        period_s = check_period(period)
        start_s, end_s = _check_times(start_time, end_time)
        points = int((end_s - start_s) // period_s)
        if points > limits.MAX_POINTS:
            raise errors.invalid_combination(
                f"You have requested up to {points:,} datapoints, which exceeds the limit of"
                f" {limits.MAX_POINTS:,}. You may reduce the datapoints requested by increasing Period, or"
                " decreasing the time range."
            )
        window = Window.of(start_s, end_s, period_s)
        await self._collector.flush()
        found = periods(await self._minutes(series, window), window)
        made = [
            (begin_s, _datapoint(begin_s, its_unit, values, statistics, extended_statistics))
            for its_unit, begun in found.items()
            if unit in (None, its_unit)
            for begin_s, values in begun.items()
        ]
        made.sort(key=lambda point: point[0])
        return {"Label": series.name, "Datapoints": [point for _, point in made if point is not None]}

    async def get_metric_data(
        self,
        ctx: RequestContext,
        *,
        metric_data_queries: Sequence[Mapping[str, Any]] | None = None,
        start_time: float | None = None,
        end_time: float | None = None,
        next_token: str | None = None,
        scan_by: str = "TimestampDescending",
        max_datapoints: int = limits.MAX_DATA_POINTS,
    ) -> dict[str, Any]:
        """A page has `max_datapoints` at most, of one query after the other."""
        queries = parse_queries(ctx.account, ctx.region, metric_data_queries)
        try:
            start_s, end_s = _check_times(start_time, end_time)
        except AwsError as error:
            raise errors.validation(error.message) from error
        if scan_by not in ("TimestampDescending", "TimestampAscending"):
            raise errors.validation(f"The value {scan_by} for parameter ScanBy is invalid.")
        if not 1 <= max_datapoints <= limits.MAX_DATA_POINTS:
            raise errors.validation(
                f"The parameter MaxDatapoints must be between 1 and {limits.MAX_DATA_POINTS}."
            )
        skipped = parse_page_token(next_token) if next_token else 0
        await self._collector.flush()
        evaluation = Evaluation(queries, start_s, end_s, self._minutes)
        found = await evaluation.run()
        names = labels(queries)
        results: list[dict[str, Any]] = []
        before, end = 0, skipped + max_datapoints
        for query in queries:
            if not query.returned:
                continue
            points = sorted(found[query.id].items(), reverse=scan_by == "TimestampDescending")
            page = points[max(0, skipped - before) : max(0, end - before)]
            if page or not skipped:
                is_whole = not points or before + len(points) <= end
                results.append(
                    {
                        "Id": query.id,
                        "Label": names[query.id],
                        "Timestamps": [time_s for time_s, _ in page],
                        "Values": [value for _, value in page],
                        "StatusCode": "Complete" if is_whole else "PartialData",
                        "Messages": evaluation.messages.get(query.id),
                    }
                )
            before += len(points)
        return {
            "MetricDataResults": results,
            "Messages": [],
            "NextToken": page_token(end) if before > end else None,
        }

    async def _minutes(self, series: Series, window: Window) -> list[Minute]:
        """Those that there can be."""
        now = int(self._clock.now_s() // 60)
        end = min(window.end, now + limits.MAX_LEAD_S // 60 + 2)
        found: list[Minute] = []
        for first in range(max(window.first, now - limits.KEPT_MINUTES), end, READ_MINUTES):
            last = min(first + READ_MINUTES, end) - 1
            found += await self._metrics.read(series, first, last)
            await asyncio.sleep(0)  # others have their turn
        return found


def _metric(series: Series) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in series.dimensions]
    return {"Namespace": series.namespace, "MetricName": series.name, "Dimensions": dimensions}


def _parse_list_token(token: str) -> int:
    try:
        return parse_page_token(token)
    except AwsError as error:
        raise errors.invalid_value("Request parameter NextToken is invalid") from error


def _check_times(start_s: float | None, end_s: float | None) -> tuple[float, float]:
    if start_s is None:
        raise errors.missing("StartTime")
    if end_s is None:
        raise errors.missing("EndTime")
    for name, time_s in (("StartTime", start_s), ("EndTime", end_s)):
        if not 0 <= time_s <= limits.MAX_TIME_S:
            raise errors.bad_value(time_s, name)
    if start_s == end_s:
        raise errors.invalid_value("The parameter StartTime must not equal parameter EndTime.")
    if start_s > end_s:
        raise errors.invalid_value("The parameter StartTime must be less than the parameter EndTime.")
    return start_s, end_s


def _check_statistics(names: Sequence[str], extended: Sequence[str]) -> None:
    if not names and not extended:
        raise errors.invalid_combination(
            "At least one of the parameters Statistics and ExtendedStatistics must be specified."
        )
    if names and extended:
        raise errors.exclusive("Statistics", "ExtendedStatistics")
    if len(names) > limits.MAX_STATISTICS:
        raise errors.too_many("Statistics", limits.MAX_STATISTICS)
    if len(extended) > limits.MAX_EXTENDED_STATISTICS:
        raise errors.too_many("ExtendedStatistics", limits.MAX_EXTENDED_STATISTICS)
    for number, name in enumerate(names, 1):
        if name not in limits.STATISTICS:
            raise errors.not_of(f"Statistics.member.{number}", limits.STATISTICS)
    for name in extended:
        if not is_percentile(name):
            raise not_implemented(f"The statistic {name[:64]}")


def _datapoint(
    begin_s: int, unit: str, values: Minute, names: Sequence[str], extended: Sequence[str]
) -> dict[str, Any] | None:
    """None where nothing of it is known."""
    point: dict[str, Any] = {"Timestamp": begin_s, "Unit": unit, **statistics(names, values)}
    if extended:
        percentiles = statistics(extended, values)
        if not percentiles:
            return None
        point["ExtendedStatistics"] = percentiles
    return point
