"""Metrics that log events carry, in the embedded metric format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.metrics import FakeMetrics

from noria.services.logs.emf import InvalidEmf, embedded_metrics
from noria.services.logs.feed import GroupName
from noria.services.logs.metrics import LogMetrics

NOW_MS = 1_800_000_000_000
GROUP = GroupName("111111111111", "us-east-1", "/aws/lambda/f")


def event(**changes: Any) -> dict[str, Any]:
    """As the specification has it. changes: of the directive; `root`: of what is beside it."""
    root = changes.pop("root", {})
    timestamp = changes.pop("Timestamp", NOW_MS)
    directive = {
        "Namespace": "lambda-function-metrics",
        "Dimensions": [["functionVersion"]],
        "Metrics": [{"Name": "time", "Unit": "Milliseconds", "StorageResolution": 60}],
    }
    return {
        "_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [{**directive, **changes}]},
        "functionVersion": "$LATEST",
        "time": 100,
        "requestId": "989ffbf8-9ace-4817-a57c-e4dd734019ee",
        **root,
    }


def found(document: Any) -> list[Any]:
    message = document if isinstance(document, str) else json.dumps(document)
    metrics = embedded_metrics(message, NOW_MS)
    return [(m.name, m.unit, each, m.values) for m in metrics for each in m.dimension_sets]


def test_the_specifications_example_is_read() -> None:
    (metric,) = embedded_metrics(json.dumps(event()), NOW_MS)
    assert metric == (
        "lambda-function-metrics",
        "time",
        "Milliseconds",
        [{"functionVersion": "$LATEST"}],
        [100.0],
        NOW_MS / 1000,
    )


def test_each_set_of_dimensions_makes_a_metric() -> None:
    document = event(Dimensions=[["functionVersion"], ["functionVersion", "requestId"], []])
    assert [sorted(dimensions) for _, _, dimensions, _ in found(document)] == [
        ["functionVersion"],
        ["functionVersion", "requestId"],
        [],
    ]
    assert found(event(Dimensions=[])) == [("time", "Milliseconds", {}, [100.0])]


def test_a_metric_may_have_many_values_and_no_unit() -> None:
    document = event(Metrics=[{"Name": "time"}], root={"time": [1, 2.5]})
    assert found(document) == [("time", "None", {"functionVersion": "$LATEST"}, [1.0, 2.5])]


@pytest.mark.parametrize(
    "text",
    ["plain", "{}", 'not JSON "_aws"', '["_aws"]', '{"_aws": 1}', '{"_aws": {}}', '{"a": "\\"_aws\\""}'],
)
def test_what_is_not_in_the_format_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "document",
    [
        event(Namespace=""),
        event(Namespace="AWS/Lambda"),
        event(Namespace=None),
        event(Dimensions=[["absent"]]),
        event(Dimensions=["functionVersion"]),
        event(Dimensions=[["functionVersion"] * 31]),
        event(Dimensions=[["functionVersion"]] * 1001),
        event(root={"functionVersion": 7}),
        event(root={"functionVersion": ""}),
        event(Metrics=[{"Name": "absent"}]),
        event(Metrics=[{"Name": "time"}] * 101),
        event(Metrics=[{"Name": "time", "Unit": "Hours"}]),
        event(Metrics=["time"]),
        event(Metrics=None),
        event(root={"time": "100"}),
        event(root={"time": True}),
        event(root={"time": []}),
        event(root={"time": [1] * 101}),
        event(Timestamp="now"),
        event(Timestamp=NOW_MS - 15 * 86_400_000),
        event(Timestamp=NOW_MS + 3 * 3_600_000),
        {"_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": {}}},
        {"_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": [7]}},
    ],
)
def test_what_is_not_as_the_specification_says_makes_no_metric(document: Any) -> None:
    with pytest.raises(InvalidEmf):
        embedded_metrics(json.dumps(document), NOW_MS)


def test_what_comes_in_is_counted_and_its_metrics_are_put() -> None:
    sink = FakeMetrics()
    messages = ["é", json.dumps(event(root={"time": [1, 2]})), json.dumps(event(Namespace=""))]
    LogMetrics(sink).appended(GROUP, [(NOW_MS, message) for message in messages], NOW_MS)
    incoming = {"IncomingLogEvents": 3.0, "IncomingBytes": float(sum(len(m.encode()) for m in messages))}
    assert sink.sums() == incoming
    assert sink.sums(LogGroupName=GROUP.name) == {**incoming, "EMFValidationErrors": 1.0}
    time = sink.of("time", functionVersion="$LATEST")
    assert time is not None
    assert (time.unit, time.count, time.sum) == ("Milliseconds", 2.0, 3.0)
