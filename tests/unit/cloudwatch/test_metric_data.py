"""GetMetricData."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cloudwatch.conftest import NOW
from tests.unit.cloudwatch.test_put_metric_data import put

from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.cloudwatch.api import CloudWatchApi


def query(identifier: str = "q", stat: str = "Sum", period: int = 60, name: str = "m", **more: Any) -> Any:
    unit = {"Unit": more.pop("unit")} if "unit" in more else {}
    metric = {"Namespace": "N", "MetricName": name}
    return {
        "Id": identifier,
        "MetricStat": {"Metric": metric, "Period": period, "Stat": stat, **unit},
        **more,
    }


async def data(api: CloudWatchApi, ctx: RequestContext, *queries: Any, **asked: Any) -> dict[str, Any]:
    asked = {"start_time": NOW - 600, "end_time": NOW + 600} | asked
    return await api.get_metric_data(ctx, metric_data_queries=queries, **asked)


async def test_points_come_latest_first_unless_asked_otherwise(
    api: CloudWatchApi, ctx: RequestContext
) -> None:
    for minute in range(3):
        await put(api, ctx, Value=float(minute), Timestamp=NOW + 60.0 * minute)
    answer = await data(api, ctx, query())
    assert answer == {
        "MetricDataResults": [
            {
                "Id": "q",
                "Label": "m",
                "Timestamps": [NOW + 120, NOW + 60, NOW],
                "Values": [2.0, 1.0, 0.0],
                "StatusCode": "Complete",
                "Messages": None,
            }
        ],
        "Messages": [],
        "NextToken": None,
    }
    answer = await data(api, ctx, query(), scan_by="TimestampAscending")
    assert answer["MetricDataResults"][0]["Values"] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("stat", "value"),
    [
        ("Sum", 66.0),
        ("SampleCount", 11.0),
        ("Minimum", 1.0),
        ("Maximum", 11.0),
        ("Average", 6.0),
        ("p100", 11.0),
    ],
)
async def test_every_statistic_is_as_aws_recorded_it(
    api: CloudWatchApi, ctx: RequestContext, stat: str, value: float
) -> None:
    await put(api, ctx, Values=[float(number) for number in range(1, 12)])
    (result,) = (await data(api, ctx, query(stat=stat)))["MetricDataResults"]
    assert result["Values"] == [value]


@pytest.mark.parametrize(
    ("queries", "expected"),
    [
        ([query("a", "Sum", 60), query("b", "Minimum", 30)], ["m Sum 60", "m Minimum 30"]),
        ([query("a", "Sum", 60), query("b", "Minimum", 60)], ["m Sum", "m Minimum"]),
        ([query("a", "Sum", 60), query("b", "Sum", 30)], ["m 60", "m 30"]),
        ([query("a"), query("b", name="n")], ["m", "n"]),
        ([query("a", Label="mine"), query("b", "Minimum")], ["mine", "m Minimum"]),
    ],
)
async def test_labels_tell_queries_apart_as_aws_recorded_it(
    api: CloudWatchApi, ctx: RequestContext, queries: list[Any], expected: list[str]
) -> None:
    answer = await data(api, ctx, *queries)
    assert [result["Label"] for result in answer["MetricDataResults"]] == expected


@pytest.mark.parametrize(
    ("sent", "text", "value"),
    [
        ([(60.0, "Seconds"), (60_000.0, "Milliseconds")], "[Milliseconds, Seconds]", 60_000.0),
        (
            [(60.0, "Seconds"), (60_000.0, "Milliseconds"), (5.0, "Count")],
            "[Count, Milliseconds, Seconds]",
            5.0,
        ),
    ],
)
async def test_of_several_units_one_is_chosen_and_said_as_aws_recorded_it(
    api: CloudWatchApi, ctx: RequestContext, sent: list[tuple[float, str]], text: str, value: float
) -> None:
    for number, unit in sent:
        await put(api, ctx, Value=number, Unit=unit)
    (result,) = (await data(api, ctx, query()))["MetricDataResults"]
    assert result["Messages"] == [{"Code": "MultipleUnits", "Value": f"Multiple units returned: '{text}'"}]
    assert result["Values"] == [value]
    (result,) = (await data(api, ctx, query(unit="Seconds")))["MetricDataResults"]
    assert (result["Values"], result["Messages"]) == ([60.0], None)


async def test_pages_have_as_many_points_as_asked(api: CloudWatchApi, ctx: RequestContext) -> None:
    for minute in range(3):
        await put(api, ctx, Value=float(minute), Timestamp=NOW + 60.0 * minute)
        await put(api, ctx, MetricName="n", Value=10.0 + minute, Timestamp=NOW + 60.0 * minute)
    queries = (query("a"), query("empty", name="x"), query("b", name="n"))
    pages, token = [], None
    while True:
        answer = await data(api, ctx, *queries, max_datapoints=2, next_token=token)
        pages.append(
            [(each["Id"], each["Values"], each["StatusCode"]) for each in answer["MetricDataResults"]]
        )
        token = answer["NextToken"]
        if token is None:
            break
    assert pages == [
        [("a", [2.0, 1.0], "PartialData"), ("empty", [], "Complete"), ("b", [], "PartialData")],
        [("a", [0.0], "Complete"), ("b", [12.0], "PartialData")],
        [("b", [11.0, 10.0], "Complete")],
    ]
    with pytest.raises(AwsError) as caught:
        await data(api, ctx, query(), next_token="?")
    assert caught.value.code == "InvalidNextToken"


async def test_what_is_not_to_be_returned_is_not(api: CloudWatchApi, ctx: RequestContext) -> None:
    answer = await data(api, ctx, query("a", ReturnData=False), query("b"))
    assert [result["Id"] for result in answer["MetricDataResults"]] == ["b"]


@pytest.mark.parametrize(
    ("queries", "asked", "message"),
    [
        ([], {}, "The parameter MetricDataQueries is required."),
        (
            [query(f"q{number}") for number in range(501)],
            {},
            "The collection MetricDataQueries must not have a size greater than 500.",
        ),
        (
            [query("Q")],
            {},
            "The value Q for parameter MetricDataQueries.member.1.Id is not matching the expected pattern"
            " ^[a-z][a-zA-Z0-9_]*$.",
        ),
        ([query(), query()], {}, "The values for parameter id in MetricDataQueries are not unique."),
        (
            [query(Period=60)],
            {},
            "The parameters MetricDataQueries.member.1.Period and MetricDataQueries.member.1.MetricStat are"
            " mutually exclusive and you have specified both.",
        ),
        (
            [query(Expression="q * 2")],
            {},
            "The parameters MetricDataQueries.member.1.Expression and MetricDataQueries.member.1.MetricStat"
            " are mutually exclusive and you have specified both.",
        ),
        ([query(period=61)], {}, "The parameter Period must be a multiple of 60."),
        ([query()], {"end_time": NOW - 600}, "The parameter StartTime must not equal parameter EndTime."),
        ([query()], {"scan_by": "x"}, "The value x for parameter ScanBy is invalid."),
        ([query()], {"max_datapoints": 0}, "The parameter MaxDatapoints must be between 1 and 100800."),
    ],
)
async def test_what_is_wrong_is_a_validation_error(
    api: CloudWatchApi, ctx: RequestContext, queries: list[Any], asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(AwsError) as caught:
        await data(api, ctx, *queries, **asked)
    assert (caught.value.query_code, caught.value.message) == ("ValidationError", message)


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        (query(AccountId="222222222222"), "GetMetricData of another account"),
        (query(Label="${MAX}"), "GetMetricData's dynamic Label"),
        (query(stat="IQM"), "The statistic IQM"),
        ({"Id": "e", "Expression": "RATE(q)"}, "The function RATE of metric math"),
        ({"Id": "e", "Expression": "SEARCH('{N} m', 'Sum')"}, "The function SEARCH of metric math"),
        ({"Id": "e", "Expression": 'select AVG(m) FROM "N"'}, "Metrics Insights"),
        ({"Id": "e", "Expression": "FILL(METRICS(), 0)", "Label": "${MAX}"}, "GetMetricData's dynamic Label"),
    ],
)
async def test_what_is_left_out_is_refused_by_name(
    api: CloudWatchApi, ctx: RequestContext, asked: Any, what: str
) -> None:
    with pytest.raises(AwsError) as caught:
        await data(api, ctx, asked)
    assert caught.value.code == "NotImplemented"
    assert caught.value.message.startswith(what)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("a", [1.0, 2.0, 4.0]),
        ("a + b", [11.0, 22.0]),
        ("b / a * 100", [1000.0, 1000.0]),
        ("100 * (a - 1) / 2", [0.0, 50.0, 150.0]),
        ("2 ^ a", [2.0, 4.0, 16.0]),
        ("-a + 1.5e1", [14.0, 13.0, 11.0]),
        ("b / (a - 1)", [20.0]),  # what is divided by nothing has no value
        ("SUM([a, b])", [11.0, 22.0, 4.0]),
        ("AVG(METRICS())", [5.5, 11.0, 4.0]),
        ("MAX(METRICS('b'))", [10.0, 20.0]),
        ("a / SUM(a)", [1 / 7, 2 / 7, 4 / 7]),
        ("a - MIN(a)", [0.0, 1.0, 3.0]),
        ("FILL(b, 0)", [10.0, 20.0, 0.0, 0.0]),
        ("FILL(b, REPEAT)", [10.0, 20.0, 20.0, 20.0]),
        ("ABS(FLOOR(a / -3)) + CEIL(a / 3)", [2.0, 2.0, 4.0]),
        ("again * 2", [4.0, 8.0, 16.0]),
        ("SUM([a, b] * 2)", [22.0, 44.0, 8.0]),
    ],
)
async def test_metric_math(
    api: CloudWatchApi, ctx: RequestContext, expression: str, values: list[float]
) -> None:
    for name, numbers in (("a", (1.0, 2.0, 4.0)), ("b", (10.0, 20.0))):
        for minute, number in enumerate(numbers):
            await put(api, ctx, MetricName=name, Value=number, Timestamp=NOW + 60.0 * minute)
    metrics = [query(name, name=name, ReturnData=False) for name in "ab"]
    again = {"Id": "again", "Expression": "a * 2", "ReturnData": False}
    asked = {"Id": "e", "Expression": expression}
    times = {"start_time": NOW, "end_time": NOW + 240, "scan_by": "TimestampAscending"}
    (result,) = (await data(api, ctx, *metrics, asked, again, **times))["MetricDataResults"]
    assert (result["Id"], result["Label"]) == ("e", "e")
    assert result["Values"] == pytest.approx(values)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("q +", "Error in expression 'e': Unexpected end at 3"),
        ("q )", "Error in expression 'e': Unexpected ')' at 3"),
        ("q $ 2", "Error in expression 'e': Unexpected character at 2"),
        ("x", "Error in expression 'e': ID 'x' not found"),
        ("e", "Error in expression 'e': 'e' is part of a circle"),
        ("1 / 0", "Error in expression 'e': The result is no number"),
        ("1 + 2", "The expression 'e' must return a time series, not a number or an array."),
        ("[q]", "The expression 'e' must return a time series, not a number or an array."),
        ("SUM(q)", "Error in expression 'e': There are no values"),
        ("SUM(q, q)", "Error in expression 'e': SUM takes one argument"),
        ("FILL(q, q)", "Error in expression 'e': FILL takes a number or REPEAT"),
        ("(" * 50 + "q" + ")" * 50, "Error in expression 'e': Too deeply nested"),
        ("q" + "^2" * 500, "Error in expression 'e': Too deeply nested"),
        ("-" * 500 + "q", "Error in expression 'e': Too deeply nested"),
    ],
)
async def test_what_is_wrong_with_an_expression_is_said(
    api: CloudWatchApi, ctx: RequestContext, expression: str, message: str
) -> None:
    with pytest.raises(AwsError) as caught:
        await data(api, ctx, query(), {"Id": "e", "Expression": expression})
    assert (caught.value.query_code, caught.value.message) == ("ValidationError", message)


async def test_no_more_is_read_than_fits_into_memory(api: CloudWatchApi, ctx: RequestContext) -> None:
    queries = [query(f"q{number}") for number in range(100)]
    with pytest.raises(AwsError, match="You have requested up to 1,440,000 datapoints"):
        await data(api, ctx, *queries, start_time=NOW - 10 * 86_400, end_time=NOW)
