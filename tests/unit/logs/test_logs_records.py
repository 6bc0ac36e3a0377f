"""Single records by pointer, and the policies of accounts. On a store in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.logs import ACCOUNT, GROUP, NOW, REGION, STREAM, put, refusal

from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.logs.api import LogsApi
from noria.services.logs.models import record_pointer
from noria.store.log_events import Position
from noria.store.sqlite.store import SqliteStore

POLICY = json.dumps(
    {
        "Version": "2008-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "logs:*",
                "Principal": {"Service": "route53.amazonaws.com"},
                "Resource": "*",
            }
        ],
    }
)


async def test_a_record_has_all_of_its_fields(
    api: LogsApi, ctx: RequestContext, stream: dict[str, Any], store: SqliteStore
) -> None:
    await put(api, ctx, stream, (NOW, "one"), (NOW, '{"a": {"b": [1, true]}, "c": null, "d": "x"}'))
    group = await store.log_events.group(ACCOUNT, REGION, GROUP)
    assert group is not None
    pointer = record_pointer(group.id, Position(NOW, 2))
    assert await api.get_log_record(ctx, log_record_pointer=pointer) == {
        "logRecord": {
            "@ingestionTime": str(NOW),
            "@log": f"{ACCOUNT}:{GROUP}",
            "@logStream": STREAM,
            "@message": '{"a": {"b": [1, true]}, "c": null, "d": "x"}',
            "@timestamp": str(NOW),
            "a.b.0": "1",
            "a.b.1": "true",
            "d": "x",
        }
    }
    first = await api.get_log_record(ctx, log_record_pointer=record_pointer(group.id, Position(NOW, 1)))
    assert first["logRecord"]["@message"] == "one"
    missing = refusal("ResourceNotFoundException", "The specified log record does not exist.")
    with missing:
        await api.get_log_record(ctx, log_record_pointer=record_pointer(group.id, Position(NOW, 3)))
    with refusal("ResourceNotFoundException", "The specified log record does not exist."):
        await api.get_log_record(replace(ctx, account="222222222222"), log_record_pointer=pointer)


@pytest.mark.parametrize("pointer", ["", "x", "LTE=", "MTIz" * 40])
async def test_a_pointer_that_is_none_is_refused(api: LogsApi, ctx: RequestContext, pointer: str) -> None:
    with pytest.raises(AwsError) as refused:
        await api.get_log_record(ctx, log_record_pointer=pointer)
    assert refused.value.code in ("InvalidParameterException", "ResourceNotFoundException")


async def test_a_resource_policy_is_kept_changed_and_deleted(api: LogsApi, ctx: RequestContext) -> None:
    await api.put_resource_policy(ctx, policy_name="p", policy_document=POLICY.replace("2008", "2012"))
    answer = await api.put_resource_policy(ctx, policy_name="p", policy_document=POLICY)
    policy = {
        "policyName": "p",
        "policyDocument": POLICY,
        "lastUpdatedTime": NOW,
        "policyScope": "ACCOUNT",
    }
    assert answer == {"resourcePolicy": policy}
    assert (await api.describe_resource_policies(ctx))["resourcePolicies"] == [policy]
    assert (await api.describe_resource_policies(ctx, policy_scope="RESOURCE"))["resourcePolicies"] == []
    await api.delete_resource_policy(ctx, policy_name="p")
    with refusal("ResourceNotFoundException", "Policy with name [p] does not exist."):
        await api.delete_resource_policy(ctx, policy_name="p")


async def test_an_account_has_ten_resource_policies_that_make_sense(
    api: LogsApi, ctx: RequestContext
) -> None:
    for number in range(10):
        await api.put_resource_policy(ctx, policy_name=str(number), policy_document=POLICY)
    page = await api.describe_resource_policies(ctx, limit=9)
    rest = await api.describe_resource_policies(ctx, next_token=page["nextToken"])
    assert [policy["policyName"] for policy in rest["resourcePolicies"]] == ["9"]
    with refusal("LimitExceededException", "Resource limit exceeded."):
        await api.put_resource_policy(ctx, policy_name="more", policy_document=POLICY)
    with refusal("InvalidParameterException", "Invalid policy document: This policy contains invalid Json"):
        await api.put_resource_policy(ctx, policy_name="p", policy_document="{")
    with refusal("InvalidParameterException", "policyName and policyDocument are required."):
        await api.put_resource_policy(ctx, policy_name="p")
