"""Log groups beside their events: tags, retention, protection, lists. On a store in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support.logs import ACCOUNT, GROUP, NOW, REGION, intake, logs_api, messages, put, refusal

from noria.clock import ManualClock
from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.logs.actions import ACTIONS
from noria.services.logs.api import LogsApi
from noria.services.logs.resources import GroupResources
from noria.services.logs.retention import ROOM_BYTES
from noria.store.sqlite.store import SqliteStore

ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"
DAY_S = 86_400


async def described(api: LogsApi, ctx: RequestContext, group: str = GROUP) -> dict[str, Any]:
    found = await api.describe_log_groups(ctx, log_group_identifiers=[group])
    return found["logGroups"][0]  # type: ignore[no-any-return]


async def test_a_group_has_tags_from_its_creation_on(api: LogsApi, ctx: RequestContext) -> None:
    await api.create_log_group(ctx, log_group_name=GROUP, tags={"env": "testing"})
    assert await api.list_tags_for_resource(ctx, resource_arn=ARN) == {"tags": {"env": "testing"}}
    await api.tag_resource(ctx, resource_arn=ARN, tags={"env": "live", "team": "a"})
    await api.untag_resource(ctx, resource_arn=ARN, tag_keys=["team", "other"])
    assert await api.list_tags_log_group(ctx, log_group_name=GROUP) == {"tags": {"env": "live"}}
    await api.tag_log_group(ctx, log_group_name=GROUP, tags={"x": "1"})
    await api.untag_log_group(ctx, log_group_name=GROUP, tags=["env"])
    assert await api.list_tags_for_resource(ctx, resource_arn=ARN) == {"tags": {"x": "1"}}


async def test_tags_have_awss_limits(api: LogsApi, ctx: RequestContext) -> None:
    await api.create_log_group(ctx, log_group_name=GROUP)
    await api.tag_resource(ctx, resource_arn=ARN, tags={str(number): "" for number in range(50)})
    with refusal("TooManyTagsException", "A resource can have at most 50 tags."):
        await api.tag_resource(ctx, resource_arn=ARN, tags={"more": ""})
    with refusal("InvalidParameterException", "Tag keys beginning with 'aws:' are reserved for system use."):
        await api.tag_resource(ctx, resource_arn=ARN, tags={"aws:x": ""})
    for arn in (
        f"{ARN}-other",
        ARN.replace(ACCOUNT, "222222222222"),
        f"arn:aws:logs:{REGION}:{ACCOUNT}:destination:d",
    ):
        with refusal("ResourceNotFoundException", "The specified resource does not exist."):
            await api.list_tags_for_resource(ctx, resource_arn=arn)


async def test_a_group_made_anew_has_nothing_of_the_one_before(
    api: LogsApi, ctx: RequestContext, store: SqliteStore
) -> None:
    await api.create_log_group(ctx, log_group_name=GROUP, tags={"a": "b"})
    await api.put_retention_policy(ctx, log_group_name=GROUP, retention_in_days=7)
    await store.log_events.delete_group(ACCOUNT, REGION, GROUP)  # as if the server had died before the rest
    await api.create_log_group(ctx, log_group_name=GROUP)
    assert await api.list_tags_for_resource(ctx, resource_arn=ARN) == {"tags": {}}
    assert (await described(api, ctx))["retentionInDays"] is None
    await api.tag_resource(ctx, resource_arn=ARN, tags={"c": "d"})
    assert await api.list_tags_for_resource(ctx, resource_arn=ARN) == {"tags": {"c": "d"}}
    await api.delete_log_group(ctx, log_group_name=GROUP)
    assert await store.records.list("logs-group", ACCOUNT, REGION) == []


async def test_policies_see_a_groups_tags(api: LogsApi, ctx: RequestContext, store: SqliteStore) -> None:
    resources = GroupResources(store)
    await api.create_log_group(ctx, log_group_name=GROUP, tags={"a": "b"})
    for arn in (ARN, f"{ARN}:log-stream:", f"{ARN}:log-stream:s"):
        found = await resources.resource(arn)
        assert found is not None
        assert found.tags == {"a": "b"}
    assert await resources.resource(f"{ARN}x:log-stream:") is None
    await store.log_events.delete_group(ACCOUNT, REGION, GROUP)
    assert await resources.resource(ARN) is None


@pytest.mark.parametrize("operation", ["FilterLogEvents", "GetLogEvents", "GetLogRecord"])
def test_to_unmask_takes_a_permission_of_its_own(operation: str) -> None:
    also = ACTIONS[operation].also
    assert also is not None
    assert (list(also({"unmask": True})), list(also({}))) == (["logs:Unmask"], [])


@pytest.mark.parametrize(
    ("operation", "params", "conditions", "also"),
    [
        ("CreateLogGroup", {"log_group_name": "g"}, {}, []),
        (
            "CreateLogGroup",
            {"log_group_name": "g", "tags": {"a": "b"}},
            {"aws:TagKeys": ["a"], "aws:RequestTag/a": "b"},
            ["logs:TagResource"],
        ),
        (
            "TagResource",
            {"resource_arn": ARN, "tags": {"a": "b"}},
            {"aws:TagKeys": ["a"], "aws:RequestTag/a": "b"},
            [],
        ),
        ("UntagResource", {"resource_arn": ARN, "tag_keys": ["a"]}, {"aws:TagKeys": ["a"]}, []),
    ],
)
def test_iam_sees_the_tags_of_requests(
    ctx: RequestContext, operation: str, params: dict[str, Any], conditions: dict[str, Any], also: list[str]
) -> None:
    action = ACTIONS[operation]
    assert action.conditions is not None
    assert action.conditions(ctx, params) == conditions
    assert list(action.also(params) if action.also else ()) == also


async def test_events_expire_and_are_erased(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], clock: ManualClock, store: SqliteStore
) -> None:
    day_ms = DAY_S * 1000
    await put(api, ctx, stream, (NOW - 3 * day_ms, "old"), (NOW - 3 * day_ms + 1, "old too"))
    await put(api, ctx, stream, (NOW - day_ms // 2, "young"))
    await api.start()
    try:
        await api.put_retention_policy(ctx, log_group_name=GROUP, retention_in_days=1)
        assert (await described(api, ctx))["retentionInDays"] == 1
        assert messages(await api.filter_log_events(ctx, log_group_name=GROUP)) == ["young"]
        assert messages(await api.get_log_events(ctx, **stream)) == ["young"]
        await erased_to(store, ["young"])
        assert (await described(api, ctx))["storedBytes"] == len("young") + 26
        clock.advance(DAY_S)  # sweeps come by themselves
        await erased_to(store, [])
        assert (await described(api, ctx))["storedBytes"] == 0
    finally:
        await api.stop()


async def erased_to(store: SqliteStore, left: list[str]) -> None:
    group = await store.log_events.group(ACCOUNT, REGION, GROUP)
    assert group is not None
    async with asyncio.timeout(5):
        # The eraser tells nobody how far it is.
        while [event.message for event in (await store.log_events.read(group.id)).events] != left:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_retention_is_one_of_awss_periods_or_none(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    with pytest.raises(AwsError, match=r"Value '2' at 'retentionInDays' failed to satisfy constraint"):
        await api.put_retention_policy(ctx, log_group_name=GROUP, retention_in_days=2)
    await api.put_retention_policy(ctx, log_group_name=GROUP, retention_in_days=3653)
    await api.delete_retention_policy(ctx, log_group_name=GROUP)
    assert (await described(api, ctx))["retentionInDays"] is None
    with refusal("ResourceNotFoundException", "The specified log group does not exist."):
        await api.put_retention_policy(ctx, log_group_name="other", retention_in_days=1)


async def test_events_that_have_expired_already_are_rejected(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any]
) -> None:
    await api.put_retention_policy(ctx, log_group_name=GROUP, retention_in_days=1)
    day_ms = DAY_S * 1000
    answer = await put(
        api,
        ctx,
        stream,
        (NOW - 20 * day_ms, "too old"),
        (NOW - day_ms - 2, "expired"),
        (NOW - day_ms - 1, "expired too"),
        (NOW - day_ms, "taken"),
        (NOW - 10, "taken too"),
    )
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 3}
    assert messages(await api.filter_log_events(ctx, log_group_name=GROUP)) == ["taken", "taken too"]


async def test_a_protected_group_cannot_be_deleted(api: LogsApi, ctx: RequestContext) -> None:
    await api.create_log_group(ctx, log_group_name=GROUP, deletion_protection_enabled=True)
    await api.create_log_stream(ctx, log_group_name=GROUP, log_stream_name="s")
    assert (await described(api, ctx))["deletionProtectionEnabled"] is True
    text = f"Deletion protection is enabled for the log group {GROUP}."
    with refusal("ValidationException", text):
        await api.delete_log_group(ctx, log_group_name=GROUP)
    with refusal("ValidationException", text):
        await api.delete_log_stream(ctx, log_group_name=GROUP, log_stream_name="s")
    await api.put_log_group_deletion_protection(
        ctx, log_group_identifier=ARN, deletion_protection_enabled=False
    )
    await api.delete_log_group(ctx, log_group_name=GROUP)


async def test_groups_are_listed_by_patterns_and_tags(api: LogsApi, ctx: RequestContext) -> None:
    for name, tags in (("/aws/lambda/a", {"env": "x"}), ("/aws/lambda/b", {"env": "y"}), ("discovery", {})):
        await api.create_log_group(ctx, log_group_name=name, tags=tags)

    async def names(**options: Any) -> list[str]:
        answer = await api.list_log_groups(ctx, **options)
        return [group["logGroupName"] for group in answer["logGroups"]]

    assert await names() == ["/aws/lambda/a", "/aws/lambda/b", "discovery"]
    assert await names(log_group_name_pattern="^/aws/lambda|disco") == [
        "/aws/lambda/a",
        "/aws/lambda/b",
        "discovery",
    ]
    assert await names(log_group_name_pattern="^lambda") == []
    assert await names(log_group_name_pattern="lambda/b") == ["/aws/lambda/b"]
    assert await names(log_group_tags=[{"key": "env", "values": ["y", "z"]}]) == ["/aws/lambda/b"]
    assert await names(log_group_tags=[{"key": "env"}]) == ["/aws/lambda/a", "/aws/lambda/b"]
    assert await names(log_group_class="INFREQUENT_ACCESS") == []
    first = await api.list_log_groups(ctx, limit=2)
    assert first["logGroups"][0] == {
        "logGroupName": "/aws/lambda/a",
        "logGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/a",
        "logGroupClass": "STANDARD",
    }
    assert await names(limit=2, next_token=first["nextToken"]) == ["discovery"]


async def test_groups_are_described_by_identifiers_or_filters(api: LogsApi, ctx: RequestContext) -> None:
    for name in ("a", "b"):
        await api.create_log_group(ctx, log_group_name=name)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:b"
    found = await api.describe_log_groups(ctx, log_group_identifiers=[arn, "a", "missing"])
    assert [group["logGroupName"] for group in found["logGroups"]] == ["a", "b"]
    assert (await api.describe_log_groups(ctx, log_group_class="DELIVERY"))["logGroups"] == []
    [by_pattern] = (await api.describe_log_groups(ctx, log_group_name_pattern="a"))["logGroups"]
    assert "storedBytes" not in by_pattern
    with refusal(
        "InvalidParameterException",
        "logGroupIdentifiers and other filters are mutually exclusive parameters.",
    ):
        await api.describe_log_groups(ctx, log_group_identifiers=["a"], log_group_name_prefix="a")
    for operation, call in (
        ("DescribeLogGroups'", api.describe_log_groups),
        ("ListLogGroups'", api.list_log_groups),
    ):
        text = f"{operation} includeLinkedAccounts true is not supported by Noria, see docs/parity.md."
        with refusal("NotImplemented", text):
            await call(ctx, include_linked_accounts=True)
    with refusal(
        "NotImplemented",
        "CreateLogGroup's logGroupClass INFREQUENT_ACCESS is not supported by Noria, see docs/parity.md.",
    ):
        await api.create_log_group(ctx, log_group_name="c", log_group_class="INFREQUENT_ACCESS")


async def test_beyond_the_limit_the_largest_group_loses_its_oldest_events(
    store: SqliteStore, clock: ManualClock, ctx: RequestContext
) -> None:
    limit = 3 * ROOM_BYTES
    api = logs_api(store, clock, intake(store, limit))
    for name in ("small", "large"):
        await api.create_log_group(ctx, log_group_name=name)
        await api.create_log_stream(ctx, log_group_name=name, log_stream_name="s")
    small: dict[str, Any] = {"log_group_name": "small", "log_stream_name": "s"}
    large: dict[str, Any] = {"log_group_name": "large", "log_stream_name": "s"}
    await put(api, ctx, small, (NOW - 1000, "kept"))
    line = "x" * 1000
    for number in range(50):
        await put(api, ctx, large, *[(NOW + number, f"{number} {line}") for _ in range(200)])
        assert await store.log_events.stored_bytes() <= limit
    assert messages(await api.get_log_events(ctx, **small)) == ["kept"]
    last = messages(await api.get_log_events(ctx, **large, limit=1))
    assert last[0].startswith("49 ")
    [first] = messages(await api.get_log_events(ctx, **large, limit=1, start_from_head=True))
    assert int(first.split()[0]) > 10
    assert await store.log_events.stored_bytes() > limit - 2 * ROOM_BYTES
