"""ListMetrics and GetMetricStatistics."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cloudwatch.conftest import ACCOUNT, NOW, REGION
from tests.unit.cloudwatch.test_put_metric_data import points, put

from noria.clock import ManualClock
from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.cloudwatch import api as module
from noria.services.cloudwatch import limits
from noria.services.cloudwatch.api import CloudWatchApi
from noria.services.cloudwatch.collector import Collector


async def test_periods_begin_where_the_request_does(api: CloudWatchApi, ctx: RequestContext) -> None:
    for minute in range(10):
        await put(api, ctx, Value=float(minute), Timestamp=NOW + 60.0 * minute + 7)
    found = await points(api, ctx, statistics=["Sum"], start_time=NOW + 65.5, end_time=NOW + 600, period=180)
    assert [(point["Timestamp"] - NOW, point["Sum"]) for point in found] == [
        (60, 1.0 + 2 + 3),
        (240, 4.0 + 5 + 6),
        (420, 7.0 + 8 + 9),
    ]


async def test_the_end_is_exclusive(api: CloudWatchApi, ctx: RequestContext) -> None:
    for minute in range(3):
        await put(api, ctx, Value=1.0, Timestamp=NOW + 60.0 * minute)
    assert len(await points(api, ctx, start_time=NOW, end_time=NOW + 120)) == 2


async def test_each_unit_has_points_of_its_own(api: CloudWatchApi, ctx: RequestContext) -> None:
    """As recorded of AWS."""
    for value, unit in ((1.0, "Seconds"), (5.0, "Count"), (10.0, None)):
        await put(api, ctx, Value=value, **({"Unit": unit} if unit else {}))
    found = await points(api, ctx, statistics=["Average"])
    assert sorted((point["Unit"], point["Average"]) for point in found) == [
        ("Count", 5.0),
        ("None", 10.0),
        ("Seconds", 1.0),
    ]
    (only,) = await points(api, ctx, statistics=["Average"], unit="Count")
    assert only["Average"] == 5.0
    assert await points(api, ctx, unit="Bytes") == []


async def test_percentiles_are_within_a_percent(api: CloudWatchApi, ctx: RequestContext) -> None:
    for start in range(0, 1000, 100):
        await put(api, ctx, Values=[float(value) for value in range(start + 1, start + 101)])
    asked = ["p0", "p50", "p90", "p99.9", "p100", "p100.00"]
    (point,) = await points(api, ctx, statistics=(), extended_statistics=asked)
    found = point["ExtendedStatistics"]
    assert found["p0"] == pytest.approx(1, rel=0.01)
    assert found["p50"] == pytest.approx(500, rel=0.01)
    assert found["p90"] == pytest.approx(900, rel=0.01)
    assert found["p99.9"] == pytest.approx(999, rel=0.01)
    assert found["p100"] == found["p100.00"] == 1000.0
    assert "Sum" not in point


async def test_what_was_negative_has_no_percentiles(api: CloudWatchApi, ctx: RequestContext) -> None:
    await put(api, ctx, Values=[-1.0, 1.0])
    assert await points(api, ctx, statistics=(), extended_statistics=["p50"]) == []
    assert (await points(api, ctx))[0]["Minimum"] == -1.0


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ({"start_time": None}, "MissingParameter", "The parameter StartTime is required."),
        ({"end_time": None}, "MissingParameter", "The parameter EndTime is required."),
        ({"period": None}, "MissingParameter", "The parameter Period is required."),
        ({"period": 0}, "InvalidParameterValue", "The parameter Period must be greater than 0."),
        ({"period": 90}, "InvalidParameterValue", "The parameter Period must be a multiple of 60."),
        ({"start_time": -1.0}, "InvalidParameterValue", "The value -1.0 for parameter StartTime is invalid."),
        ({"end_time": 1e300}, "InvalidParameterValue", "The value 1e+300 for parameter EndTime is invalid."),
        (
            {"end_time": NOW - 600},
            "InvalidParameterValue",
            "The parameter StartTime must not equal parameter EndTime.",
        ),
        (
            {"end_time": NOW - 700},
            "InvalidParameterValue",
            "The parameter StartTime must be less than the parameter EndTime.",
        ),
        (
            {"start_time": NOW - 999_999, "end_time": NOW},
            "InvalidParameterCombination",
            "You have requested up to 16,666 datapoints, which exceeds the limit of 1,440. You may reduce the"
            " datapoints requested by increasing Period, or decreasing the time range.",
        ),
        (
            {"statistics": ()},
            "InvalidParameterCombination",
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        ),
        (
            {"statistics": ["Median"]},
            "InvalidParameterValue",
            "The parameter Statistics.member.1 must be a value in the set"
            " [ SampleCount, Average, Sum, Minimum, Maximum ].",
        ),
        (
            {"extended_statistics": ["p50"]},
            "InvalidParameterCombination",
            "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified"
            " both.",
        ),
        (
            {"statistics": (), "extended_statistics": ["tm99"]},
            "NotImplemented",
            "The statistic tm99 is not supported by Noria, see docs/parity.md.",
        ),
        (
            {"statistics": (), "extended_statistics": ["p101"]},
            "NotImplemented",
            "The statistic p101 is not supported by Noria, see docs/parity.md.",
        ),
    ],
)
async def test_what_is_wrong_with_a_question_is_said(
    api: CloudWatchApi, ctx: RequestContext, asked: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(AwsError) as caught:
        await points(api, ctx, **asked)
    assert (caught.value.query_code, caught.value.message) == (code, message)


async def test_1440_points_are_answered(api: CloudWatchApi, ctx: RequestContext) -> None:
    for minute in range(0, 1440, 720):
        await put(api, ctx, Value=1.0, Timestamp=NOW - 60.0 * minute)
    assert len(await points(api, ctx, start_time=NOW - 86_340, end_time=NOW + 60)) == 2


async def test_metrics_are_listed_page_by_page(
    api: CloudWatchApi, ctx: RequestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LISTED", 2)
    for name in ("a", "b", "c"):
        await put(api, ctx, MetricName=name, Value=1.0, Dimensions=[{"Name": "d", "Value": name}])
    first = await api.list_metrics(ctx)
    assert first["Metrics"] == [
        {"Namespace": "N", "MetricName": name, "Dimensions": [{"Name": "d", "Value": name}]} for name in "ab"
    ]
    rest = await api.list_metrics(ctx, next_token=first["NextToken"])
    assert [metric["MetricName"] for metric in rest["Metrics"]] == ["c"]
    assert rest["NextToken"] is None
    with pytest.raises(AwsError, match="Request parameter NextToken is invalid"):
        await api.list_metrics(ctx, next_token="x")


async def test_listed_is_what_was_named(api: CloudWatchApi, ctx: RequestContext) -> None:
    await put(api, ctx, MetricName="a", Value=1.0, Dimensions=[{"Name": "d", "Value": "1"}])
    await put(api, ctx, MetricName="b", Value=1.0, Timestamp=NOW - 4 * 3600.0)

    async def names(**asked: Any) -> list[str]:
        return [metric["MetricName"] for metric in (await api.list_metrics(ctx, **asked))["Metrics"]]

    assert await names() == ["a", "b"]
    assert await names(namespace="N", metric_name="b") == ["b"]
    assert await names(namespace="M") == []
    assert await names(dimensions=[{"Name": "d"}]) == ["a"]
    assert await names(dimensions=[{"Name": "d", "Value": "2"}]) == []
    assert await names(recently_active="PT3H") == ["a"]
    with pytest.raises(AwsError, match="must not have a size greater than 10"):
        await names(dimensions=[{"Name": "d"}] * 11)


async def test_what_others_put_is_seen_at_once(
    api: CloudWatchApi, ctx: RequestContext, collector: Collector
) -> None:
    collector.put(ACCOUNT, REGION, "N", "m", {}, 3.0, "Count", count=2)
    (point,) = await points(api, ctx)
    assert (point["SampleCount"], point["Sum"], point["Unit"]) == (2.0, 6.0, "Count")
    assert (await api.list_metrics(ctx))["Metrics"] == [
        {"Namespace": "N", "MetricName": "m", "Dimensions": []}
    ]


async def test_a_long_time_is_read_in_slices(
    api: CloudWatchApi, ctx: RequestContext, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_MINUTES", 3)
    for minute in range(10):
        await put(api, ctx, Value=1.0, Timestamp=NOW - 60.0 * minute)
    (point,) = await points(api, ctx, period=172_800, start_time=NOW - 86_400, end_time=NOW + 60)
    assert point["SampleCount"] == 10.0


async def test_a_time_without_end_costs_no_more_than_what_is_kept(
    api: CloudWatchApi, ctx: RequestContext
) -> None:
    await put(api, ctx, Value=1.0, Timestamp=NOW + 7_200.0)
    (point,) = await points(api, ctx, start_time=0.0, end_time=253_402_300_799.0, period=60 * 10**12)
    assert point["SampleCount"] == 1.0
