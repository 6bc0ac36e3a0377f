"""What is counted of functions, with AWS's names and dimensions."""

from __future__ import annotations

from tests.support.metrics import FakeMetrics
from tests.unit.lambda_.conftest import ACCOUNT, REGION

from noria.services.lambda_.metrics import FunctionMetrics
from noria.services.lambda_.models import Function
from noria.services.lambda_.names import Reference

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


def counted(version: str = "$LATEST") -> tuple[FakeMetrics, FunctionMetrics, Function]:
    sink = FakeMetrics()
    function = Function(
        account=ACCOUNT,
        region=REGION,
        name="f",
        version=version,
        runtime="python3.12",
        role="",
        handler="",
        code_sha256="",
        code_size_bytes=0,
        last_modified_ms=0,
        revision_id="",
        build_id="",
    )
    return sink, FunctionMetrics(sink), function


def test_invocations_are_counted_of_the_function_its_resource_and_all() -> None:
    sink, metrics, function = counted()
    metrics.invoked(function, ARN, 10.0, failed=False)
    metrics.invoked(function, ARN, 30.0, failed=True)
    metrics.throttled(function, ARN)
    metrics.collect(60.0)
    for by in ({}, {"FunctionName": "f"}, {"FunctionName": "f", "Resource": "f"}):
        assert sink.sums(**by) == {"Invocations": 2, "Errors": 1, "Throttles": 1, "Duration": 40}, by
    errors, durations = sink.of("Errors"), sink.of("Duration")
    assert errors is not None
    assert (errors.count, errors.unit) == (2, "Count")  # so that an average is a rate
    assert durations is not None
    assert (durations.minimum, durations.maximum, durations.unit) == (10.0, 30.0, "Milliseconds")


def test_an_alias_is_counted_by_the_version_that_it_led_to() -> None:
    sink, metrics, function = counted("7")
    metrics.invoked(function, f"{ARN}:live", 1.0, failed=False)
    metrics.invoked(function, f"{ARN}:7", 1.0, failed=False)
    metrics.collect(60.0)
    assert sink.sums(FunctionName="f")["Invocations"] == 2
    assert sink.sums(FunctionName="f", Resource="f:live")["Invocations"] == 1
    assert sink.sums(FunctionName="f", Resource="f:7")["Invocations"] == 1
    assert sink.sums(FunctionName="f", Resource="f:live", ExecutedVersion="7")["Invocations"] == 1
    assert sink.sums(FunctionName="f", Resource="f:7", ExecutedVersion="7") == {}


def test_what_runs_at_once_is_its_highest_of_a_minute() -> None:
    sink, metrics, function = counted()
    for _ in range(3):
        metrics.began(function, reserved=False)
    metrics.began(function, reserved=True)
    for _ in range(3):
        metrics.ended(function, reserved=False)
    metrics.collect(60.0)
    assert sink.sums(FunctionName="f") == {"ConcurrentExecutions": 4}
    assert sink.sums() == {"ConcurrentExecutions": 4, "UnreservedConcurrentExecutions": 3}
    metrics.collect(120.0)  # the one that still runs
    found = sink.of("ConcurrentExecutions")
    assert found is not None
    assert (found.minimum, found.maximum) == (1, 4)
    metrics.ended(function, reserved=True)
    metrics.collect(180.0)
    metrics.collect(240.0)
    again = sink.of("ConcurrentExecutions")
    assert again is not None
    assert again.count == 3  # the minute in which it ended, and no more


def test_nothing_is_said_of_functions_that_nobody_invokes() -> None:
    sink, metrics, _ = counted()
    metrics.collect(60.0)
    assert sink.sums() == {}


def test_what_is_rare_is_put_at_once() -> None:
    sink, metrics, _ = counted()
    metrics.put(Reference(ACCOUNT, REGION, "f", "live"), f"{ARN}:live", "AsyncEventsReceived", 1)
    assert sink.sums(FunctionName="f") == {"AsyncEventsReceived": 1}
    assert sink.sums(FunctionName="f", Resource="f:live") == {"AsyncEventsReceived": 1}
