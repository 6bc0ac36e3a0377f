"""Where asynchronous invocations end: destinations and dead-letter queues, with AWS's records."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lambda_.conftest import ACCOUNT, REGION, ROLE, Lambda, until
from tests.unit.lambda_.support import ARN, active, invalid, refused

from noria.clock import ManualClock
from noria.services.lambda_.async_invoke import KIND

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:records"
QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/records"
OTHER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:other"
SOURCE = """
def handler(event, context):
    if event == "fail":
        raise ValueError("as asked")
    return {"got": event}
"""


@pytest.fixture
async def timed(tmp_path: Path) -> AsyncIterator[Lambda]:
    service = Lambda(tmp_path, ManualClock())
    service.roles.lifetime_s = 10**9
    await service.start()
    await service.create(SOURCE)
    await active(service, "other")
    yield service
    await service.stop()


async def configure(service: Lambda, **members: Any) -> None:
    await service.api.put_function_event_invoke_config(service.ctx(), function_name="f", **members)


def on(**destinations: str) -> dict[str, Any]:
    return {name: {"Destination": arn} for name, arn in destinations.items()}


async def sent(service: Lambda) -> Mapping[str, Any]:
    """The parameters of the only request to another service, once there is one and the event is gone."""
    await until(lambda: service.calls, "something is sent")
    await until(lambda: not service.api._events._running, "nothing runs")
    assert await service.store.records.list(KIND, ACCOUNT, REGION) == []
    ((_, region, _, _, params),) = service.calls
    assert region == REGION
    return params


async def test_a_success_is_recorded(timed: Lambda) -> None:
    await configure(timed, destination_config=on(OnSuccess=QUEUE, OnFailure=OTHER))
    ctx = timed.ctx()
    await timed.api.invoke(ctx, function_name="f", payload=b'{"n": 1}', invocation_type="Event")
    params = await sent(timed)
    principal, _, service, operation, _ = timed.calls[0]
    assert (principal.name, service, operation) == ("Activity25Role", "sqs", "SendMessage")
    assert params["queue_url"] == QUEUE_URL
    record = json.loads(params["message_body"])
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": ctx.request_id,
            "functionArn": f"{ARN}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"n": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"got": {"n": 1}},
    }


async def test_a_failure_is_recorded_once_its_retries_are_exhausted(timed: Lambda) -> None:
    await configure(timed, maximum_retry_attempts=1, destination_config=on(OnSuccess=QUEUE, OnFailure=OTHER))
    await timed.invoke("fail", invocation_type="Event")
    await until(lambda: timed.api._events._waiting, "it waits for its retry")
    assert timed.calls == []
    assert isinstance(timed.clock, ManualClock)
    timed.clock.advance(60)
    params = await sent(timed)
    assert (params["function_name"], params["invocation_type"]) == (OTHER, "Event")
    record = json.loads(params["payload"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["requestPayload"] == "fail"
    assert record["responsePayload"]["errorMessage"] == "as asked"
    timed.api.metrics.collect(0)
    assert (
        timed.metrics.sums(FunctionName="f").items()
        >= {
            "AsyncEventsReceived": 1.0,
            "AsyncEventAge": 60_000.0,
            "AsyncEventsDropped": 1.0,
            "Invocations": 2.0,
            "Errors": 2.0,
            "ConcurrentExecutions": 1.0,
        }.items()
    )


async def test_what_no_destination_takes_is_counted(timed: Lambda) -> None:
    await configure(timed, maximum_retry_attempts=0, destination_config=on(OnFailure=QUEUE))
    await timed.api.update_function_configuration(
        timed.ctx(), function_name="f", dead_letter_config={"TargetArn": QUEUE}
    )
    await timed.active()
    await timed.invoke("x")  # its environment has the role's session already
    timed.roles.distrusting.add(ROLE)
    await timed.invoke("fail", invocation_type="Event")
    await until(lambda: timed.metrics.of("DeadLetterErrors", FunctionName="f"), "it is given up")
    found = timed.metrics.sums(FunctionName="f", Resource="f")
    assert (found["DestinationDeliveryFailures"], found["DeadLetterErrors"]) == (1.0, 1.0)


async def test_no_retry_comes_after_the_maximum_age(timed: Lambda) -> None:
    await configure(timed, maximum_event_age_in_seconds=60, destination_config=on(OnFailure=QUEUE))
    await timed.invoke("fail", invocation_type="Event")
    await until(lambda: timed.api._events._waiting, "the first retry comes within 60 seconds")
    assert isinstance(timed.clock, ManualClock)
    timed.clock.advance(60)
    record = json.loads((await sent(timed))["message_body"])
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 2


async def test_without_any_concurrency_nothing_is_tried(timed: Lambda) -> None:
    await configure(timed, destination_config=on(OnFailure=QUEUE))
    await timed.api.put_function_concurrency(timed.ctx(), function_name="f", reserved_concurrent_executions=0)
    await timed.invoke("x", invocation_type="Event")
    record = json.loads((await sent(timed))["message_body"])
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record


async def test_a_failed_event_itself_goes_to_the_dead_letter_queue(timed: Lambda) -> None:
    await timed.api.update_function_configuration(
        timed.ctx(), function_name="f", dead_letter_config={"TargetArn": QUEUE}
    )
    await timed.active()
    found = await timed.api.get_function_configuration(timed.ctx(), function_name="f")
    assert found["DeadLetterConfig"] == {"TargetArn": QUEUE}
    await configure(timed, maximum_retry_attempts=0)
    ctx = timed.ctx()
    await timed.api.invoke(ctx, function_name="f", payload=b'"fail"', invocation_type="Event")
    assert await sent(timed) == {
        "queue_url": QUEUE_URL,
        "message_body": '"fail"',
        "message_attributes": {
            "RequestID": {"DataType": "String", "StringValue": ctx.request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": "as asked"},
        },
    }


async def test_a_success_leaves_the_dead_letter_queue_alone(timed: Lambda) -> None:
    await timed.api.update_function_configuration(
        timed.ctx(), function_name="f", dead_letter_config={"TargetArn": QUEUE}
    )
    await timed.active()
    await timed.invoke("x", invocation_type="Event")
    await until(lambda: not timed.api._events._running, "nothing runs")
    await asyncio.sleep(0)
    assert timed.calls == []


async def test_the_role_must_be_allowed_to_send_to_the_dead_letter_queue(timed: Lambda) -> None:
    timed.permissions.denied.add("sqs:SendMessage")
    update = timed.api.update_function_configuration(
        timed.ctx(), function_name="f", dead_letter_config={"TargetArn": QUEUE}
    )
    assert await refused(update) == invalid(
        "The provided execution role does not have permissions to call SendMessage on SQS"
    )
    cleared = await timed.api.update_function_configuration(
        timed.ctx(), function_name="f", dead_letter_config={"TargetArn": ""}
    )
    assert "DeadLetterConfig" not in cleared
