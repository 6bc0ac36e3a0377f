"""Metric filters, on a store in memory."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.logs import GROUP, NOW, FakeMetrics, Put, intake, logs_api, put, refusal

from noria.clock import ManualClock
from noria.context import RequestContext
from noria.services.logs.api import LogsApi
from noria.store.sqlite.store import SqliteStore

MINUTE = NOW // 60_000
COUNTING = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}


@pytest.fixture
def metrics() -> FakeMetrics:
    return FakeMetrics()


@pytest.fixture
def api(store: SqliteStore, clock: ManualClock, metrics: FakeMetrics) -> LogsApi:
    return logs_api(store, clock, intake(store, metrics=metrics))


async def put_filter(
    api: LogsApi,
    ctx: RequestContext,
    pattern: str,
    name: str = "f",
    group: str = GROUP,
    **transformation: Any,
) -> None:
    await api.put_metric_filter(
        ctx,
        log_group_name=group,
        filter_name=name,
        filter_pattern=pattern,
        metric_transformations=[COUNTING | transformation],
    )


async def names(api: LogsApi, ctx: RequestContext, **options: Any) -> list[tuple[str, str]]:
    found = await api.describe_metric_filters(ctx, **options)
    return [(each["logGroupName"], each["filterName"]) for each in found["metricFilters"]]


async def test_a_pattern_is_tried_on_messages(api: LogsApi, ctx: RequestContext) -> None:
    answer = await api.test_metric_filter(
        ctx, filter_pattern="[first, status=4*]", log_event_messages=["a 200", "b 404", "c 410"]
    )
    assert answer["matches"] == [
        {"eventNumber": 2, "eventMessage": "b 404", "extractedValues": {"$first": "b", "$status": "404"}},
        {"eventNumber": 3, "eventMessage": "c 410", "extractedValues": {"$first": "c", "$status": "410"}},
    ]
    with refusal("InvalidParameterException", "Invalid metric filter pattern"):
        await api.test_metric_filter(ctx, filter_pattern="[a", log_event_messages=["a"])
    with refusal("InvalidParameterException", "Invalid character(s) in term ':'"):
        await api.test_metric_filter(ctx, filter_pattern="a:b", log_event_messages=["a"])


async def test_a_filter_is_described_as_aws_does(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    await put_filter(api, ctx, '{$.message = "test"}', defaultValue=0)
    [described] = (await api.describe_metric_filters(ctx))["metricFilters"]
    assert described == {
        "applyOnTransformedLogs": False,
        "creationTime": NOW,
        "filterName": "f",
        "filterPattern": '{$.message = "test"}',
        "logGroupName": GROUP,
        "metricTransformations": [
            {
                "defaultValue": 0,
                "metricName": "m",
                "metricNamespace": "n",
                "metricValue": "1",
                "dimensions": None,
                "unit": None,
            }
        ],
    }
    [group] = (await api.describe_log_groups(ctx))["logGroups"]
    assert group["metricFilterCount"] == 1


async def test_filters_are_listed_by_group_prefix_and_metric_in_pages(
    api: LogsApi, ctx: RequestContext
) -> None:
    for group in ("a", "b"):
        await api.create_log_group(ctx, log_group_name=group)
        for name in ("x1", "x2", "y"):
            await put_filter(api, ctx, "e", name, group, metricName=f"{group}-{name}")
    assert await names(api, ctx, log_group_name="a") == [("a", "x1"), ("a", "x2"), ("a", "y")]
    assert await names(api, ctx, log_group_name="a", filter_name_prefix="x") == [("a", "x1"), ("a", "x2")]
    assert await names(api, ctx, metric_name="b-y", metric_namespace="n") == [("b", "y")]
    assert await names(api, ctx, metric_name="b-y", metric_namespace="other") == []
    page = await api.describe_metric_filters(ctx, limit=4)
    assert len(page["metricFilters"]) == 4
    assert await names(api, ctx, limit=4, next_token=page["nextToken"]) == [("b", "x2"), ("b", "y")]
    await api.delete_metric_filter(ctx, log_group_name="a", filter_name="x1")
    await api.delete_log_group(ctx, log_group_name="b")
    assert await names(api, ctx) == [("a", "x2"), ("a", "y")]
    with refusal("ResourceNotFoundException", "The specified metric filter does not exist."):
        await api.delete_metric_filter(ctx, log_group_name="a", filter_name="x1")
    with refusal("ResourceNotFoundException", "The specified log group does not exist."):
        await api.describe_metric_filters(ctx, log_group_name="b")
    with refusal("InvalidParameterException", "metricName and metricNamespace must be specified together."):
        await api.describe_metric_filters(ctx, metric_name="m")
    with refusal("InvalidParameterException", "The specified nextToken is invalid."):
        await api.describe_metric_filters(ctx, next_token="x")


@pytest.mark.parametrize(
    ("pattern", "transformation", "text"),
    [
        ("[a", {}, "Invalid metric filter pattern"),
        (
            "ERROR",
            {"dimensions": {"a": "$a"}},
            "The specified filter pattern does not support dimensions",
        ),
        (
            "[a, b]",
            {"dimensions": {"a": "$a"}, "defaultValue": 0},
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
        ),
        (
            "[a, b]",
            {"dimensions": {"c": "$c"}},
            "Invalid metric transformation: $c is no field of the filter pattern.",
        ),
        (
            "{ $.a = * }",
            {"dimensions": {name: f"$.{name}" for name in "abcd"}},
            "Invalid metric transformation: at most 3 dimensions are allowed.",
        ),
        (
            "[a, b]",
            {"metricValue": "$c"},
            "Invalid metric transformation: metricValue must be a number or a field of the filter pattern.",
        ),
    ],
)
async def test_filters_that_make_no_sense_are_refused(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], pattern: str, transformation: Any, text: str
) -> None:
    with refusal("InvalidParameterException", text):
        await put_filter(api, ctx, pattern, **transformation)


async def test_a_group_has_a_hundred_filters_and_five_with_regular_expressions(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    for number in range(100):
        await put_filter(api, ctx, f"%a{number}%" if number < 5 else f"a{number}", f"f{number}")
    with refusal("LimitExceededException", "Resource limit exceeded."):
        await put_filter(api, ctx, "more", "more")
    await put_filter(api, ctx, "other", "f99")
    with refusal("LimitExceededException", "Resource limit exceeded."):
        await put_filter(api, ctx, "%b%", "f98")
    await put_filter(api, ctx, "%c%", "f0")


async def test_matching_events_are_counted_by_the_minute(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], metrics: FakeMetrics
) -> None:
    await put_filter(api, ctx, "ERROR", unit="Count")
    await put(
        api, ctx, stream, (NOW - 60_000, "ERROR 0"), (NOW, "ERROR 1"), (NOW, "fine"), (NOW + 1, "ERROR 2")
    )
    assert metrics.puts == [
        Put("n", "m", {}, 1.0, "Count", MINUTE - 1, 1),
        Put("n", "m", {}, 1.0, "Count", MINUTE, 2),
    ]
    metrics.puts.clear()
    await put(api, ctx, stream, (NOW, "fine"))
    assert metrics.puts == []


async def test_a_default_is_reported_where_nothing_matches(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], metrics: FakeMetrics
) -> None:
    await put_filter(api, ctx, "ERROR", defaultValue=0.0)
    await put(api, ctx, stream, (NOW, "fine"), (NOW, "fine too"))
    assert metrics.puts == [Put("n", "m", {}, 0.0, "None", MINUTE, 2)]


async def test_values_and_dimensions_are_read_out_of_events(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], metrics: FakeMetrics
) -> None:
    await put_filter(
        api, ctx, "{ $.latency = * }", metricValue="$.latency", dimensions={"Path": "$.request.path"}
    )
    await put_filter(api, ctx, "[method, bytes > 10]", "g", metricName="b", metricValue="$bytes")
    await put(
        api,
        ctx,
        stream,
        (NOW, '{"latency": 50, "request": {"path": "/a"}}'),
        (NOW, '{"latency": 1.5, "request": {"path": "/b"}}'),
        (NOW, '{"latency": 50}'),  # has no such dimension
        (NOW, '{"latency": "slow", "request": {"path": "/a"}}'),  # is no number
        (NOW, "GET 11"),
        (NOW, "GET 9"),
    )
    assert metrics.puts == [
        Put("n", "m", {"Path": "/a"}, 50.0, "None", MINUTE, 1),
        Put("n", "m", {"Path": "/b"}, 1.5, "None", MINUTE, 1),
        Put("n", "b", {}, 11.0, "None", MINUTE, 1),
    ]


async def test_filters_of_a_group_that_is_gone_measure_nothing(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], metrics: FakeMetrics, store: SqliteStore
) -> None:
    await put_filter(api, ctx, "ERROR")
    await store.log_events.delete_group(ctx.account, ctx.region, GROUP)
    await api.create_log_group(ctx, log_group_name=GROUP)
    await api.create_log_stream(ctx, **stream)
    await put(api, ctx, stream, (NOW, "ERROR"))
    assert metrics.puts == []
