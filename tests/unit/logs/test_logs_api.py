"""CloudWatch Logs' operations, on a store in memory."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from botocore import xform_name
from tests.support.logs import ACCOUNT, GROUP, NOW, REGION, STREAM, messages, put, refusal

from noria.clock import ManualClock
from noria.context import RequestContext
from noria.services.logs.actions import ACTIONS
from noria.services.logs.api import LogsApi


def test_every_operation_has_its_iam_action() -> None:
    methods = {name for name, _ in inspect.getmembers(LogsApi, inspect.isfunction) if name[0] != "_"}
    assert methods - {"start", "stop", "reset"} == {xform_name(operation) for operation in ACTIONS}
    assert all(action.name == f"logs:{operation}" for operation, action in ACTIONS.items())


@pytest.mark.parametrize(
    ("operation", "params", "resource"),
    [
        ("CreateLogGroup", {"log_group_name": "g"}, "log-group:g:log-stream:"),
        ("PutLogEvents", {"log_group_name": "g", "log_stream_name": "s"}, "log-group:g:log-stream:s"),
        ("DescribeLogGroups", {"log_group_name_prefix": "g"}, "log-group::log-stream:"),
        (
            "FilterLogEvents",
            {"log_group_identifier": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g"},
            "log-group:g:log-stream:",
        ),
    ],
)
def test_iam_sees_the_resources_that_aws_names_in_its_denials(
    ctx: RequestContext, operation: str, params: dict[str, Any], resource: str
) -> None:
    assert ACTIONS[operation].resource(ctx, params) == f"arn:aws:logs:{REGION}:{ACCOUNT}:{resource}"


async def test_a_group_is_described_as_aws_does(api: LogsApi, ctx: RequestContext) -> None:
    await api.create_log_group(ctx, log_group_name="g")
    assert (await api.describe_log_groups(ctx))["logGroups"] == [
        {
            "logGroupName": "g",
            "creationTime": NOW,
            "retentionInDays": None,
            "deletionProtectionEnabled": None,
            "metricFilterCount": 0,
            "arn": "arn:aws:logs:us-east-1:111111111111:log-group:g:*",
            "storedBytes": 0,
            "logGroupClass": "STANDARD",
            "logGroupArn": "arn:aws:logs:us-east-1:111111111111:log-group:g",
        }
    ]


async def test_groups_are_listed_in_pages(api: LogsApi, ctx: RequestContext) -> None:
    for name in ("c", "a", "b"):
        await api.create_log_group(ctx, log_group_name=name)
    first = await api.describe_log_groups(ctx, limit=2)
    assert [group["logGroupName"] for group in first["logGroups"]] == ["a", "b"]
    last = await api.describe_log_groups(ctx, limit=2, next_token=first["nextToken"])
    assert [group["logGroupName"] for group in last["logGroups"]] == ["c"]
    assert last["nextToken"] is None
    whole = await api.describe_log_groups(ctx, limit=3)
    assert whole["nextToken"] is None
    found = await api.describe_log_groups(ctx, log_group_name_pattern="b")
    assert [group["logGroupName"] for group in found["logGroups"]] == ["b"]


async def test_a_stream_is_described_as_aws_does(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], clock: ManualClock
) -> None:
    empty = (await api.describe_log_streams(ctx, log_group_name=GROUP))["logStreams"]
    arn = f"arn:aws:logs:us-east-1:111111111111:log-group:{GROUP}:log-stream:{STREAM}"
    assert empty == [{"logStreamName": STREAM, "creationTime": NOW, "arn": arn, "storedBytes": 0}]
    clock.advance(1)
    answer = await put(api, ctx, stream, (NOW - 5, "a"), (NOW, "b"))
    (written,) = (await api.describe_log_streams(ctx, log_group_name=GROUP))["logStreams"]
    assert (written["firstEventTimestamp"], written["lastEventTimestamp"]) == (NOW - 5, NOW)
    assert written["lastIngestionTime"] == NOW + 1000
    assert written["uploadSequenceToken"] == answer["nextSequenceToken"]
    assert len(answer["nextSequenceToken"]) == 56
    assert answer["rejectedLogEventsInfo"] is None


async def test_a_batch_of_ten_thousand_events_is_put_in_its_order(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    texts = [str(number) for number in range(10_000)]
    await put(api, ctx, stream, *[(NOW, text) for text in texts])
    assert messages(await api.filter_log_events(ctx, log_group_name=GROUP)) == texts


async def test_streams_are_listed_in_pages_by_name_and_by_last_event(
    api: LogsApi, ctx: RequestContext
) -> None:
    await api.create_log_group(ctx, log_group_name=GROUP)
    for number, name in enumerate(("c", "a", "b")):
        await api.create_log_stream(ctx, log_group_name=GROUP, log_stream_name=name)
        await put(api, ctx, {"log_group_name": GROUP, "log_stream_name": name}, (NOW + number, "x"))

    async def names(**options: Any) -> list[str]:
        seen, token = [], None
        while True:
            page = await api.describe_log_streams(
                ctx, log_group_name=GROUP, limit=2, next_token=token, **options
            )
            seen += [stream["logStreamName"] for stream in page["logStreams"]]
            token = page["nextToken"]
            if token is None:
                return seen

    assert await names() == ["a", "b", "c"]
    assert await names(descending=True) == ["c", "b", "a"]
    assert await names(order_by="LastEventTime", descending=True) == ["b", "a", "c"]
    assert await names(order_by="LastEventTime") == ["c", "a", "b"]
    assert await names(log_stream_name_prefix="a") == ["a"]


async def test_deleted_is_gone(api: LogsApi, ctx: RequestContext, stream: dict[str, Any]) -> None:
    await put(api, ctx, stream, (NOW, "x"))
    await api.delete_log_stream(ctx, **stream)
    with refusal("ResourceNotFoundException", "The specified log stream does not exist."):
        await api.delete_log_stream(ctx, **stream)
    with refusal("ResourceNotFoundException", "The specified log stream does not exist."):
        await api.get_log_events(ctx, **stream)
    await api.delete_log_group(ctx, log_group_name=GROUP)
    with refusal("ResourceNotFoundException", "The specified log group does not exist."):
        await api.delete_log_group(ctx, log_group_name=GROUP)
    with refusal("ResourceNotFoundException", "The specified log group does not exist."):
        await api.filter_log_events(ctx, log_group_name=GROUP)


async def test_reset_empties_the_account(api: LogsApi, ctx: RequestContext, stream: dict[str, Any]) -> None:
    await api.reset(ACCOUNT)
    assert (await api.describe_log_groups(ctx))["logGroups"] == []


async def test_what_exists_is_not_made_again(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    with refusal("ResourceAlreadyExistsException", "The specified log group already exists"):
        await api.create_log_group(ctx, log_group_name=GROUP)
    with refusal("ResourceAlreadyExistsException", "The specified log stream already exists"):
        await api.create_log_stream(ctx, **stream)


@pytest.mark.parametrize(
    ("operation", "params", "code", "message"),
    [
        (
            "describe_log_groups",
            {"log_group_name_prefix": "a", "log_group_name_pattern": "b"},
            "InvalidParameterException",
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ),
        (
            "describe_log_streams",
            {"log_group_name": GROUP, "order_by": "LastEventTime", "log_stream_name_prefix": "a"},
            "InvalidParameterException",
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ),
        (
            "filter_log_events",
            {"log_group_name": GROUP, "log_group_identifier": GROUP},
            "ValidationException",
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        ),
        (
            "filter_log_events",
            {"log_group_identifier": "arn:aws:logs:us-east-1:222222222222:log-group:/aws/lambda/consumer"},
            "ResourceNotFoundException",
            "The specified log group does not exist.",
        ),
        (
            "filter_log_events",
            {"log_group_name": GROUP, "log_stream_names": ["none"]},
            "ResourceNotFoundException",
            "The specified log stream does not exist.",
        ),
        (
            "filter_log_events",
            {"log_group_name": GROUP, "next_token": "invalid"},
            "InvalidParameterException",
            "The specified nextToken is invalid.",
        ),
        (
            "get_log_events",
            {"log_group_name": GROUP, "log_stream_name": STREAM, "next_token": "f/12/s"},
            "InvalidParameterException",
            "The specified nextToken is invalid.",
        ),
        (
            "describe_log_groups",
            {"next_token": "!"},
            "InvalidParameterException",
            "The specified nextToken is invalid.",
        ),
        (
            "create_log_stream",
            {"log_group_name": "none", "log_stream_name": "s"},
            "ResourceNotFoundException",
            "The specified log group does not exist.",
        ),
    ],
)
async def test_it_refuses_with_awss_words(
    api: LogsApi,
    ctx: RequestContext,
    stream: dict[str, Any],
    operation: str,
    params: dict[str, Any],
    code: str,
    message: str,
) -> None:
    with refusal(code, message):
        await getattr(api, operation)(ctx, **params)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (
            [(NOW, "a"), (NOW - 1, "b")],
            "Log events in a single PutLogEvents request must be in chronological order.",
        ),
        (
            [(NOW - 86_400_001, "a"), (NOW, "b")],
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ),
        (
            [(NOW, "x" * 1_048_551)],
            "Log event too large: 1048577 bytes exceeds limit of 1048576",
        ),
        (
            [(NOW, "é" * 262_144), (NOW, "x" * 524_237)],
            "Upload too large: 1048577 bytes exceeds limit of 1048576",
        ),
    ],
)
async def test_a_batch_is_refused_whole(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], events: list[tuple[int, str]], message: str
) -> None:
    with refusal("InvalidParameterException", message):
        await put(api, ctx, stream, *events)
    assert messages(await api.get_log_events(ctx, **stream)) == []


async def test_the_largest_batch_is_taken(api: LogsApi, ctx: RequestContext, stream: dict[str, Any]) -> None:
    await put(api, ctx, stream, (NOW, "x" * 1_048_550))
    await put(api, ctx, stream, (NOW, "é" * 262_144), (NOW, "x" * 524_236))


async def test_events_too_old_or_too_new_are_left_out_and_told(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    oldest = NOW - 14 * 86_400_000
    answer = await put(api, ctx, stream, (oldest - 2, "a"), (oldest - 1, "b"), (oldest, "c"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2}
    newest = NOW + 2 * 3_600_000
    answer = await put(api, ctx, stream, (newest, "d"), (newest + 1, "e"), (newest + 2, "f"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    answer = await put(api, ctx, stream, (newest + 1, "g"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    assert messages(await api.get_log_events(ctx, **stream)) == ["c", "d"]


async def test_get_reads_the_latest_page_and_then_back(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    await put(api, ctx, stream, *((NOW + n, str(n)) for n in range(5)))
    last = await api.get_log_events(ctx, **stream, limit=2)
    assert last["events"][0] == {"timestamp": NOW + 3, "message": "3", "ingestionTime": NOW}
    assert messages(last) == ["3", "4"]
    middle = await api.get_log_events(ctx, **stream, limit=2, next_token=last["nextBackwardToken"])
    assert messages(middle) == ["1", "2"]
    first = await api.get_log_events(ctx, **stream, limit=2, next_token=middle["nextBackwardToken"])
    assert messages(first) == ["0"]
    beyond = await api.get_log_events(ctx, **stream, limit=2, next_token=first["nextBackwardToken"])
    assert messages(beyond) == []
    assert beyond["nextBackwardToken"] == first["nextBackwardToken"]
    again = await api.get_log_events(ctx, **stream, limit=2, next_token=first["nextForwardToken"])
    assert messages(again) == ["1", "2"]


async def test_get_follows_a_stream_with_the_token_that_came_back(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    page = await api.get_log_events(ctx, **stream, start_from_head=True)
    assert messages(page) == []
    await put(api, ctx, stream, (NOW, "a"), (NOW, "b"))
    page = await api.get_log_events(ctx, **stream, next_token=page["nextForwardToken"])
    assert messages(page) == ["a", "b"]
    end = await api.get_log_events(ctx, **stream, next_token=page["nextForwardToken"])
    assert messages(end) == []
    assert end["nextForwardToken"] == page["nextForwardToken"]
    await put(api, ctx, stream, (NOW, "c"))
    end = await api.get_log_events(ctx, **stream, next_token=end["nextForwardToken"])
    assert messages(end) == ["c"]


async def test_gets_range_excludes_its_end_and_filters_includes_it(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    await put(api, ctx, stream, *((NOW + n, str(n)) for n in range(4)))
    span: dict[str, Any] = {"start_time": NOW + 1, "end_time": NOW + 3}
    got = await api.get_log_events(ctx, **stream, **span)
    assert messages(got) == ["1", "2"]
    filtered = await api.filter_log_events(ctx, log_group_name=GROUP, **span)
    assert messages(filtered) == ["1", "2", "3"]
    assert messages(await api.filter_log_events(ctx, log_group_name=GROUP, end_time=(1 << 63) - 1)) == list(
        "0123"
    )


async def test_filter_interleaves_streams_in_pages_with_ids_in_order(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    other = {"log_group_name": GROUP, "log_stream_name": "other"}
    await api.create_log_stream(ctx, **other)
    await put(api, ctx, stream, (NOW, "a"), (NOW + 2, "c"))
    await put(api, ctx, other, (NOW + 1, "b"), (NOW + 2, "d"))
    seen: list[dict[str, Any]] = []
    token = None
    while True:
        page = await api.filter_log_events(ctx, log_group_identifier=GROUP, limit=3, next_token=token)
        assert page["searchedLogStreams"] == []
        seen += page["events"]
        token = page["nextToken"]
        if token is None:
            break
    assert [event["message"] for event in seen] == ["a", "b", "c", "d"]
    assert [event["logStreamName"] for event in seen] == [STREAM, "other", STREAM, "other"]
    ids = [event["eventId"] for event in seen]
    assert ids == sorted(set(ids))
    assert {len(event_id) for event_id in ids} == {56}
    back = await api.filter_log_events(ctx, log_group_name=GROUP, limit=3, start_from_head=False)
    assert messages(back) == ["d", "c", "b"]
    rest = await api.filter_log_events(ctx, log_group_name=GROUP, next_token=back["nextToken"])
    assert (messages(rest), rest["nextToken"]) == (["a"], None)


async def test_filters_pages_lead_back_too_and_a_token_stays_good(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    await put(api, ctx, stream, *[(NOW + number, f"{number} x") for number in range(5)])
    backward: dict[str, Any] = {"log_group_name": GROUP, "start_from_head": False, "limit": 2}
    first = await api.filter_log_events(ctx, **backward)
    assert messages(first) == ["4 x", "3 x"]
    await put(api, ctx, stream, (NOW + 10, "later"))
    for _ in range(2):
        second = await api.filter_log_events(ctx, **backward, next_token=first["nextToken"])
        assert messages(second) == ["2 x", "1 x"]
    last = await api.filter_log_events(ctx, **backward, next_token=second["nextToken"])
    assert (messages(last), last["nextToken"]) == (["0 x"], None)


async def test_filter_takes_names_or_a_prefix_and_a_pattern(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    await api.create_log_stream(ctx, log_group_name=GROUP, log_stream_name="other")
    await put(api, ctx, stream, (NOW, "ERROR one"), (NOW, "fine"))
    await put(api, ctx, {**stream, "log_stream_name": "other"}, (NOW, "ERROR two"))
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"

    async def found(**options: Any) -> list[str]:
        return messages(await api.filter_log_events(ctx, log_group_identifier=arn, **options))

    assert await found(filter_pattern="ERROR") == ["ERROR one", "ERROR two"]
    assert await found(log_stream_names=["other"]) == ["ERROR two"]
    assert await found(log_stream_name_prefix="2026/") == ["ERROR one", "fine"]
    assert await found(log_stream_name_prefix="2026/", filter_pattern="ERROR") == ["ERROR one"]
