"""Subscription filters, on a store in memory and with a Lambda that only listens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.logs import (
    ACCOUNT,
    GROUP,
    NOW,
    REGION,
    STREAM,
    FakeLambda,
    intake,
    put,
    refusal,
)

from noria.clock import ManualClock
from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.logs import deliveries as deliveries_module
from noria.services.logs.actions import ACTIONS
from noria.services.logs.api import LogsApi
from noria.services.logs.deliveries import GATHER_S, Deliveries
from noria.store.sqlite.store import SqliteStore

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:subscriber"
OUT_OF_REACH = (
    "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
    "your function."
)
DENIED = AwsError("AccessDeniedException", "no", 403)
THROTTLED = AwsError("TooManyRequestsException", "Rate Exceeded.", 429)


@pytest.fixture
def function() -> FakeLambda:
    return FakeLambda()


@pytest.fixture
def deliveries(function: FakeLambda, clock: ManualClock) -> Deliveries:
    return Deliveries(function, clock)


@pytest.fixture
def api(store: SqliteStore, clock: ManualClock, deliveries: Deliveries) -> LogsApi:
    return LogsApi(store, clock, intake(store, deliveries=deliveries), deliveries)


async def subscribe(
    api: LogsApi, ctx: RequestContext, pattern: str = "", name: str = "f", **options: Any
) -> None:
    arguments: dict[str, Any] = {"destination_arn": FUNCTION} | options
    await api.put_subscription_filter(
        ctx, log_group_name=GROUP, filter_name=name, filter_pattern=pattern, **arguments
    )


async def turns(count: int = 20) -> None:
    """Let everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def delivered(function: FakeLambda, clock: ManualClock, count: int) -> list[dict[str, Any]]:
    """The messages of the invocations since the control message, once there are so many."""
    async with asyncio.timeout(5):
        while len(function.invocations) <= count:
            await turns()
            clock.advance(GATHER_S)
    return [message for _, _, message in function.invocations[1:]]


async def test_a_new_subscription_is_tried_out_as_the_service(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], function: FakeLambda
) -> None:
    await subscribe(api, ctx, "ERROR")
    [(principal, arn, message)] = function.invocations
    assert (principal.kind, principal.name, arn) == ("service", "logs.amazonaws.com", FUNCTION)
    assert dict(principal.session_conditions) == {
        "aws:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:*",
        "aws:SourceAccount": ACCOUNT,
    }
    assert message["messageType"] == "CONTROL_MESSAGE"
    assert (await api.describe_subscription_filters(ctx, log_group_name=GROUP))["subscriptionFilters"] == [
        {
            "applyOnTransformedLogs": False,
            "creationTime": NOW,
            "destinationArn": FUNCTION,
            "distribution": "ByLogStream",
            "filterName": "f",
            "filterPattern": "ERROR",
            "logGroupName": GROUP,
        }
    ]


async def test_a_function_that_does_not_allow_it_cannot_subscribe(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], function: FakeLambda
) -> None:
    function.error = DENIED
    with refusal("InvalidParameterException", OUT_OF_REACH):
        await subscribe(api, ctx)
    assert (await api.describe_subscription_filters(ctx, log_group_name=GROUP))["subscriptionFilters"] == []


async def test_matching_events_arrive_in_awss_envelope(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], function: FakeLambda, clock: ManualClock
) -> None:
    await subscribe(api, ctx, "[level=ERROR, what]")
    await put(api, ctx, stream, (NOW, "INFO a"), (NOW, "ERROR b c"))
    await put(api, ctx, stream, (NOW + 1, "ERROR d"))
    [message] = await delivered(function, clock, 1)
    events = message.pop("logEvents")
    assert message == {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": GROUP,
        "logStream": STREAM,
        "subscriptionFilters": ["f"],
    }
    shown = (await api.filter_log_events(ctx, log_group_name=GROUP, filter_pattern="ERROR"))["events"]
    assert events == [
        {
            "id": shown[number]["eventId"],
            "timestamp": NOW + number,
            "message": text,
            "extractedFields": {"level": "ERROR", "what": text.removeprefix("ERROR ")},
        }
        for number, text in enumerate(("ERROR b c", "ERROR d"))
    ]


async def test_streams_come_apart_and_large_batches_in_parts(
    api: LogsApi,
    ctx: RequestContext,
    stream: dict[str, Any],
    function: FakeLambda,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries_module, "BATCH_EVENTS", 2)
    await subscribe(api, ctx)
    await api.create_log_stream(ctx, log_group_name=GROUP, log_stream_name="other")
    await put(api, ctx, stream, *[(NOW, f"{number}") for number in range(3)])
    await put(api, ctx, stream | {"log_stream_name": "other"}, (NOW, "o"))
    batches = await delivered(function, clock, 3)
    assert [(each["logStream"], [e["message"] for e in each["logEvents"]]) for each in batches] == [
        (STREAM, ["0", "1"]),
        (STREAM, ["2"]),
        ("other", ["o"]),
    ]


async def test_a_throttled_function_gets_its_events_later_and_in_order(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], function: FakeLambda, clock: ManualClock
) -> None:
    await subscribe(api, ctx)
    function.error = THROTTLED
    await put(api, ctx, stream, (NOW, "first"))
    await turns()
    for _ in range(5):
        clock.advance(1)
        await turns()
    function.error = None
    await put(api, ctx, stream, (NOW, "second"))
    await turns()
    clock.advance(60)
    batches = await delivered(function, clock, 2)
    assert [[event["message"] for event in each["logEvents"]] for each in batches] == [["first"], ["second"]]


async def test_a_function_that_is_gone_loses_the_batch_and_gets_the_next(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], function: FakeLambda, clock: ManualClock
) -> None:
    await subscribe(api, ctx)
    function.error = AwsError("ResourceNotFoundException", "gone", 404)
    await put(api, ctx, stream, (NOW, "lost"))
    await turns()
    clock.advance(GATHER_S)
    await turns()
    function.error = None
    await put(api, ctx, stream, (NOW, "got"))
    await turns()
    [message] = await delivered(function, clock, 1)
    assert [event["message"] for event in message["logEvents"]] == ["got"]


async def test_what_is_too_much_is_lost_and_the_memory_bounded(
    api: LogsApi,
    ctx: RequestContext,
    stream: dict[str, Any],
    function: FakeLambda,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries_module, "MAX_WAITING_BYTES", 500)
    await subscribe(api, ctx)
    await put(api, ctx, stream, *[(NOW, "x" * 100) for _ in range(10)])
    [message] = await delivered(function, clock, 1)
    assert len(message["logEvents"]) == 3


async def test_what_a_function_writes_does_not_invoke_it_again(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], function: FakeLambda, clock: ManualClock
) -> None:
    await subscribe(api, ctx, destination_arn=f"{FUNCTION}:live")
    itself = replace(ctx.principal, session_conditions=(("lambda:SourceFunctionArn", f"{FUNCTION}:$LATEST"),))
    await put(api, replace(ctx, principal=itself), stream, (NOW, "of its own"))
    await put(api, ctx, stream, (NOW, "of others"))
    [message] = await delivered(function, clock, 1)
    assert [event["message"] for event in message["logEvents"]] == ["of others"]


async def test_a_group_has_two_subscriptions_each_changed_by_its_name(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], function: FakeLambda, clock: ManualClock
) -> None:
    await subscribe(api, ctx, "a", "one")
    await subscribe(api, ctx, "b", "two")
    with refusal("LimitExceededException", "Resource limit exceeded."):
        await subscribe(api, ctx, "c", "three")
    await subscribe(api, ctx, "[]", "two", distribution="Random")
    found = (await api.describe_subscription_filters(ctx, log_group_name=GROUP))["subscriptionFilters"]
    assert [(each["filterName"], each["filterPattern"], each["distribution"]) for each in found] == [
        ("one", "a", "ByLogStream"),
        ("two", "[]", "Random"),
    ]
    page = await api.describe_subscription_filters(ctx, log_group_name=GROUP, limit=1)
    rest = await api.describe_subscription_filters(ctx, log_group_name=GROUP, next_token=page["nextToken"])
    assert [each["filterName"] for each in rest["subscriptionFilters"]] == ["two"]
    await api.delete_subscription_filter(ctx, log_group_name=GROUP, filter_name="one")
    with refusal("ResourceNotFoundException", "The specified subscription filter does not exist."):
        await api.delete_subscription_filter(ctx, log_group_name=GROUP, filter_name="one")
    with refusal("ResourceNotFoundException", "The specified log group does not exist."):
        await api.delete_subscription_filter(ctx, log_group_name="other", filter_name="one")


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (
            {"destination_arn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"},
            "NotImplemented",
            "A subscription of a Kinesis stream is not supported by Noria, see docs/parity.md.",
        ),
        (
            {"destination_arn": "nonsense"},
            "InvalidParameterException",
            "destinationArn is not a valid ARN of a supported destination.",
        ),
        (
            {"role_arn": f"arn:aws:iam::{ACCOUNT}:role/r"},
            "InvalidParameterException",
            "destinationArn for vendor lambda cannot be used with roleArn",
        ),
        (
            {"destination_arn": FUNCTION.replace(ACCOUNT, "222222222222")},
            "InvalidParameterException",
            OUT_OF_REACH,
        ),
        ({"pattern": "{ $.a"}, "InvalidParameterException", "Invalid filter pattern"),
    ],
)
async def test_destinations_that_cannot_be_are_refused(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], options: dict[str, Any], code: str, text: str
) -> None:
    with refusal(code, text):
        await subscribe(api, ctx, **options)


async def test_what_waits_goes_with_the_subscription(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], function: FakeLambda, clock: ManualClock
) -> None:
    await subscribe(api, ctx)
    await put(api, ctx, stream, (NOW, "not wanted any more"))
    await api.delete_subscription_filter(ctx, log_group_name=GROUP, filter_name="f")
    await turns()
    clock.advance(GATHER_S)
    await turns()
    assert len(function.invocations) == 1


def test_policies_see_the_destination(ctx: RequestContext) -> None:
    action = ACTIONS["PutSubscriptionFilter"]
    assert action.conditions is not None
    assert action.conditions(ctx, {"destination_arn": FUNCTION}) == {"logs:DestinationArn": FUNCTION}
