"""PutMetricData: what is taken, and what is refused in which words."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
from botocore import xform_name
from tests.unit.cloudwatch.conftest import NOW

from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.cloudwatch.actions import ACTIONS
from noria.services.cloudwatch.api import CloudWatchApi
from noria.store.sqlite import metrics as sqlite_metrics

ALL = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]


async def put(api: CloudWatchApi, ctx: RequestContext, **datum: Any) -> None:
    await api.put_metric_data(ctx, namespace="N", metric_data=[{"MetricName": "m", **datum}])


async def points(api: CloudWatchApi, ctx: RequestContext, **asked: Any) -> Any:
    defaults = {"statistics": ALL, "start_time": NOW - 600, "end_time": NOW + 600, "period": 60}
    asked = {**defaults, **asked}
    answer = await api.get_metric_statistics(ctx, namespace="N", metric_name="m", **asked)
    assert answer["Label"] == "m"
    return answer["Datapoints"]


def test_every_operation_has_an_action() -> None:
    methods = {name for name, _ in inspect.getmembers(CloudWatchApi, inspect.iscoroutinefunction)}
    assert {name for name in methods if not name.startswith("_")} == {xform_name(name) for name in ACTIONS}


def test_a_policy_can_look_at_the_namespace(ctx: RequestContext) -> None:
    action = ACTIONS["PutMetricData"]
    assert action.resource(ctx, {}) == "*"
    assert action.conditions is not None
    assert action.conditions(ctx, {"namespace": "N"}) == {"cloudwatch:namespace": "N"}


async def test_values_are_aggregated_as_aws_recorded_it(api: CloudWatchApi, ctx: RequestContext) -> None:
    for value in range(10):
        await put(api, ctx, Value=float(value))
    assert await points(api, ctx) == [
        {
            "Timestamp": NOW,
            "Unit": "None",
            "SampleCount": 10.0,
            "Average": 4.5,
            "Sum": 45.0,
            "Minimum": 0.0,
            "Maximum": 9.0,
        }
    ]


async def test_values_count_as_often_as_is_said(api: CloudWatchApi, ctx: RequestContext) -> None:
    await put(api, ctx, Values=[1.0, 10.0], Counts=[3.0, 1.0], Unit="Count")
    await put(api, ctx, Values=[2.0])
    by_unit = {point["Unit"]: point for point in await points(api, ctx)}
    assert (by_unit["Count"]["SampleCount"], by_unit["Count"]["Sum"]) == (4.0, 13.0)
    assert by_unit["None"]["Sum"] == 2.0


async def test_a_statistic_set_counts_with_all_that_it_says(api: CloudWatchApi, ctx: RequestContext) -> None:
    some = {"SampleCount": 4.0, "Sum": 10.0, "Minimum": 1.0, "Maximum": 4.0}
    await put(api, ctx, StatisticValues=some)
    (point,) = await points(api, ctx)
    assert {name: point[name] for name in some} == some
    extended = {"statistics": (), "extended_statistics": ["p50"]}
    assert await points(api, ctx, **extended) == []  # not known of a set
    same = {"SampleCount": 4.0, "Sum": 8.0, "Minimum": 2.0, "Maximum": 2.0}
    await put(api, ctx, StatisticValues=same, Timestamp=NOW - 60.0)
    (point,) = await points(api, ctx, **extended)
    assert point["ExtendedStatistics"] == {"p50": 2.0}


async def test_a_time_may_be_two_weeks_ago_and_two_hours_to_come(
    api: CloudWatchApi, ctx: RequestContext
) -> None:
    two_weeks_ago = float(NOW - 14 * 86_400)
    for time_s in (two_weeks_ago, float(NOW + 7_200)):
        await put(api, ctx, Value=1.0, Timestamp=time_s)
    found = await points(api, ctx, start_time=two_weeks_ago, end_time=NOW + 8_000, period=86_400)
    assert [point["SampleCount"] for point in found] == [1.0, 1.0]


NAMED = "MetricData.member.1"
SET = {"SampleCount": 1.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0}
UNITS = (
    "[ Seconds, Microseconds, Milliseconds, Bytes, Kilobytes, Megabytes, Gigabytes, Terabytes, Bits,"
    " Kilobits, Megabits, Gigabits, Terabits, Percent, Count, Bytes/Second, Kilobytes/Second,"
    " Megabytes/Second, Gigabytes/Second, Terabytes/Second, Bits/Second, Kilobits/Second, Megabits/Second,"
    " Gigabits/Second, Terabits/Second, Count/Second, None ]."
)


@pytest.mark.parametrize(
    ("datum", "code", "message"),
    [
        ({"MetricName": ""}, "MissingParameter", f"The parameter {NAMED}.MetricName is required."),
        (
            {"MetricName": "m" * 256},
            "InvalidParameterValue",
            f"The parameter {NAMED}.MetricName must be shorter than 256 characters.",
        ),
        (
            {"Unit": "Hours"},
            "InvalidParameterValue",
            f"The parameter {NAMED}.Unit must be a value in the set {UNITS}",
        ),
        (
            {"Value": math.nan},
            "InvalidParameterValue",
            f"The value NaN for parameter {NAMED}.Value is invalid.",
        ),
        (
            {"Value": -math.inf},
            "InvalidParameterValue",
            f"The value -Infinity for parameter {NAMED}.Value is invalid.",
        ),
        (
            {"Value": 1e200},
            "InvalidParameterValue",
            f"The value 1e+200 for parameter {NAMED}.Value is invalid.",
        ),
        (
            {"Values": [1.0]},
            "InvalidParameterCombination",
            f"The parameters {NAMED}.Value and {NAMED}.Values are mutually exclusive and you have specified"
            " both.",
        ),
        (
            {"StatisticValues": SET},
            "InvalidParameterCombination",
            f"The parameters {NAMED}.Value and {NAMED}.StatisticValues are mutually exclusive and you have"
            " specified both.",
        ),
        (
            {"Value": None},
            "InvalidParameterCombination",
            f"At least one of the parameters {NAMED}.Value, {NAMED}.Values or {NAMED}.StatisticValues must be"
            " specified.",
        ),
        (
            {"Value": None, "Values": [1.0, 2.0], "Counts": [1.0]},
            "InvalidParameterValue",
            f"The parameters {NAMED}.Values and {NAMED}.Counts must be of the same size.",
        ),
        (
            {"Value": None, "Values": [1.0] * 151},
            "InvalidParameterValue",
            f"The collection {NAMED}.Values must not have a size greater than 150.",
        ),
        (
            {"Value": None, "Values": [1.0], "Counts": [0.0]},
            "InvalidParameterValue",
            f"The value 0.0 for parameter {NAMED}.Counts is invalid.",
        ),
        (
            {"Value": None, "StatisticValues": {"Sum": 1.0, "Minimum": 1.0}},
            "MissingParameter",
            f"The parameter {NAMED}.StatisticValues.Maximum is required.\n"
            f"The parameter {NAMED}.StatisticValues.SampleCount is required.",
        ),
        (
            {"Value": None, "StatisticValues": {**SET, "Minimum": 2.0}},
            "InvalidParameterValue",
            f"The parameter {NAMED}.StatisticValues.Maximum must be greater than"
            f" {NAMED}.StatisticValues.Minimum.",
        ),
        (
            {"Value": None, "StatisticValues": {**SET, "SampleCount": 0.0}},
            "InvalidParameterValue",
            f"The parameter {NAMED}.StatisticValues.SampleCount must not equal 0.",
        ),
        (
            {"Timestamp": NOW - 14 * 86_400 - 1.0},
            "InvalidParameterValue",
            f"The parameter {NAMED}.Timestamp must specify a time within the past two weeks.",
        ),
        (
            {"Timestamp": NOW + 7_201.0},
            "InvalidParameterValue",
            f"The parameter {NAMED}.Timestamp must specify a time no more than two hours in the future.",
        ),
        (
            {"StorageResolution": 300},
            "InvalidParameterValue",
            f"The parameter {NAMED}.StorageResolution must be a value in the set [ 1, 60 ].",
        ),
        (
            {"StorageResolution": 1},
            "NotImplemented",
            "PutMetricData's StorageResolution of 1 is not supported by Noria, see docs/parity.md.",
        ),
        (
            {"Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]},
            "InvalidParameterValue",
            "No Metric may specify the same dimension twice.",
        ),
        (
            {"Dimensions": [{"Name": f"d{n}", "Value": "1"} for n in range(31)]},
            "InvalidParameterValue",
            f"The collection {NAMED}.Dimensions must not have a size greater than 30.",
        ),
        (
            {"Dimensions": [{"Name": "a", "Value": ""}]},
            "MissingParameter",
            f"The parameter {NAMED}.Dimensions.member.1.Value is required.",
        ),
    ],
)
async def test_what_is_wrong_with_a_datum_is_said_and_nothing_of_it_kept(
    api: CloudWatchApi, ctx: RequestContext, datum: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(AwsError) as caught:
        await put(api, ctx, **{"Value": 1.0, **datum})
    assert (caught.value.query_code, caught.value.message) == (code, message)
    assert (await api.list_metrics(ctx))["Metrics"] == []


@pytest.mark.parametrize(
    ("namespace", "count", "message"),
    [
        (None, 1, "The parameter Namespace is required."),
        ("n" * 256, 1, "The parameter Namespace must be shorter than 256 characters."),
        (":x", 1, "The value :x for parameter Namespace is invalid."),
        ("AWS/SQS", 1, "The value AWS/ for parameter Namespace is invalid."),
        ("N", 0, "The parameter MetricData is required."),
        ("N", 1001, "The collection MetricData must not have a size greater than 1000."),
    ],
)
async def test_what_is_wrong_with_a_request_is_said(
    api: CloudWatchApi, ctx: RequestContext, namespace: str | None, count: int, message: str
) -> None:
    data = [{"MetricName": "m", "Value": 1.0}] * count
    with pytest.raises(AwsError) as caught:
        await api.put_metric_data(ctx, namespace=namespace, metric_data=data)
    assert caught.value.message == message


async def test_an_account_has_only_so_many_metrics(
    api: CloudWatchApi, ctx: RequestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_metrics, "MAX_SERIES", 1)
    await put(api, ctx, Value=1.0)
    await put(api, ctx, Value=1.0)
    with pytest.raises(AwsError, match="LimitExceeded"):
        await put(api, ctx, Value=1.0, MetricName="another")
