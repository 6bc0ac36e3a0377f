"""Roles, whom they trust, and the policies that they have."""

from __future__ import annotations

import json
from urllib.parse import unquote

from tests.support.iam import ACCOUNT, BASIC, NOW_S, OTHER, refused
from tests.support.iam_methods import (
    TRUST,
    ctx,
    document,
    no_policy,
    no_role,
    policy,
    role,
    sent,
)

from noria.services.iam.api import IamApi


async def test_a_created_role_is_shown_as_aws_shows_it(iam: IamApi) -> None:
    created = await role(iam)
    role_id = created["RoleId"]
    assert role_id.startswith("AROA")
    assert len(role_id) == 21
    expected = {
        "Path": "/",
        "RoleName": "R",
        "RoleId": role_id,
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/R",
        "CreateDate": NOW_S,
    }
    assert unquote(created.pop("AssumeRolePolicyDocument")) == TRUST
    assert created == expected
    got = sent((await iam.get_role(ctx(), role_name="R"))["Role"])
    assert unquote(got.pop("AssumeRolePolicyDocument")) == TRUST
    assert got == expected | {"MaxSessionDuration": 3600, "RoleLastUsed": {}}
    listed = (await iam.list_roles(ctx()))["Roles"][0]
    assert unquote(listed.pop("AssumeRolePolicyDocument")) == TRUST
    assert listed == expected | {"MaxSessionDuration": 3600, "Description": None}


async def test_a_role_keeps_what_it_was_created_with(iam: IamApi) -> None:
    created = await role(iam, description="works", max_session_duration=7200)
    assert (created["Description"], created["MaxSessionDuration"]) == ("works", 7200)
    got = (await iam.get_role(ctx(), role_name="R"))["Role"]
    assert (got["Description"], got["MaxSessionDuration"]) == ("works", 7200)


async def test_roles_are_listed_by_path(iam: IamApi) -> None:
    await role(iam, "A")
    await role(iam, "B", path="/team/x/")
    answer = await iam.list_roles(ctx(), path_prefix="/team/")
    assert [shown["RoleName"] for shown in answer["Roles"]] == ["B"]


async def test_a_role_made_anew_has_another_id(iam: IamApi) -> None:
    first = await role(iam)
    await iam.delete_role(ctx(), role_name="R")
    assert (await role(iam))["RoleId"] != first["RoleId"]


async def test_whom_a_role_trusts_can_change(iam: IamApi) -> None:
    await role(iam)
    other = TRUST.replace("lambda.", "ec2.")
    await iam.update_assume_role_policy(ctx(), role_name="R", policy_document=other)
    got = (await iam.get_role(ctx(), role_name="R"))["Role"]
    assert unquote(got["AssumeRolePolicyDocument"]) == other
    async with refused(400, "MalformedPolicyDocument", "This policy contains invalid Json"):
        await iam.update_assume_role_policy(ctx(), role_name="R", policy_document="{")
    async with no_role("nobody"):
        await iam.update_assume_role_policy(ctx(), role_name="nobody", policy_document=other)


async def test_a_role_trusts_only_whom_there_is(iam: IamApi) -> None:
    def trusting(arn: str) -> str:
        statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}
        return json.dumps({"Version": "2012-10-17", "Statement": statement})

    await role(iam, path="/team/")
    existing = f"arn:aws:iam::{ACCOUNT}:role/team/R"
    await iam.create_role(ctx(), role_name="S", assume_role_policy_document=trusting(existing))
    await iam.create_role(ctx(), role_name="T", assume_role_policy_document=trusting(OTHER))
    for missing in (f"arn:aws:iam::{ACCOUNT}:role/R", f"arn:aws:iam::{ACCOUNT}:user/ann"):
        text = f'Invalid principal in policy: "AWS":"{missing}"'
        async with refused(400, "MalformedPolicyDocument", text):
            await iam.create_role(ctx(), role_name="U", assume_role_policy_document=trusting(missing))


async def test_a_managed_policy_is_attached_once_and_detached(iam: IamApi) -> None:
    arn = (await policy(iam, path="/team/"))["Arn"]
    await role(iam)
    for attached in (arn, BASIC, arn):
        await iam.attach_role_policy(ctx(), role_name="R", policy_arn=attached)
    assert await iam.list_attached_role_policies(ctx(), role_name="R") == {
        "AttachedPolicies": [
            {"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": BASIC},
            {"PolicyName": "P", "PolicyArn": arn},
        ],
        "IsTruncated": False,
    }
    by_path = await iam.list_attached_role_policies(ctx(), role_name="R", path_prefix="/team/")
    assert by_path["AttachedPolicies"] == [{"PolicyName": "P", "PolicyArn": arn}]
    assert (await iam.get_policy(ctx(), policy_arn=arn))["Policy"]["AttachmentCount"] == 1
    async with refused(409, "DeleteConflict", "Cannot delete a policy attached to entities."):
        await iam.delete_policy(ctx(), policy_arn=arn)
    await iam.detach_role_policy(ctx(), role_name="R", policy_arn=arn)
    async with no_policy(arn):
        await iam.detach_role_policy(ctx(), role_name="R", policy_arn=arn)
    await iam.delete_policy(ctx(), policy_arn=arn)
    async with no_policy(arn):
        await iam.delete_policy(ctx(), policy_arn=arn)


async def test_what_does_not_exist_is_not_attached(iam: IamApi) -> None:
    await role(iam)
    for arn in (f"arn:aws:iam::{ACCOUNT}:policy/none", "arn:aws:iam::aws:policy/AmazonNoneFullAccess"):
        async with refused(404, "NoSuchEntity", f"Policy {arn} does not exist or is not attachable."):
            await iam.attach_role_policy(ctx(), role_name="R", policy_arn=arn)
    async with no_role("nobody"):
        await iam.attach_role_policy(ctx(), role_name="nobody", policy_arn=BASIC)


async def test_a_role_has_ten_managed_policies_at_most(iam: IamApi) -> None:
    await role(iam)
    for number in range(10):
        arn = (await policy(iam, f"P{number}"))["Arn"]
        await iam.attach_role_policy(ctx(), role_name="R", policy_arn=arn)
    async with refused(409, "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10"):
        await iam.attach_role_policy(ctx(), role_name="R", policy_arn=BASIC)
    await iam.attach_role_policy(ctx(), role_name="R", policy_arn=arn)  # the tenth, again


async def test_inline_policies_come_and_go(iam: IamApi) -> None:
    await role(iam)
    await iam.put_role_policy(ctx(), role_name="R", policy_name="b", policy_document=document())
    await iam.put_role_policy(ctx(), role_name="R", policy_name="a", policy_document=document())
    changed = document("arn:aws:sqs:*:*:q")
    await iam.put_role_policy(ctx(), role_name="R", policy_name="b", policy_document=changed)
    assert await iam.list_role_policies(ctx(), role_name="R") == {
        "PolicyNames": ["a", "b"],
        "IsTruncated": False,
    }
    got = await iam.get_role_policy(ctx(), role_name="R", policy_name="b")
    assert (got["RoleName"], got["PolicyName"]) == ("R", "b")
    assert unquote(got["PolicyDocument"]) == changed
    await iam.delete_role_policy(ctx(), role_name="R", policy_name="b")
    gone = (404, "NoSuchEntity", "The role policy with name b cannot be found.")
    async with refused(*gone):
        await iam.get_role_policy(ctx(), role_name="R", policy_name="b")
    async with refused(*gone):
        await iam.delete_role_policy(ctx(), role_name="R", policy_name="b")


async def test_a_role_with_policies_is_not_deleted(iam: IamApi) -> None:
    await role(iam)
    await iam.attach_role_policy(ctx(), role_name="R", policy_arn=BASIC)
    await iam.put_role_policy(ctx(), role_name="R", policy_name="a", policy_document=document())
    async with refused(409, "DeleteConflict", "Cannot delete entity, must detach all policies first."):
        await iam.delete_role(ctx(), role_name="R")
    await iam.detach_role_policy(ctx(), role_name="R", policy_arn=BASIC)
    async with refused(409, "DeleteConflict", "Cannot delete entity, must delete policies first."):
        await iam.delete_role(ctx(), role_name="R")
    await iam.delete_role_policy(ctx(), role_name="R", policy_name="a")
    await iam.delete_role(ctx(), role_name="R")
    async with no_role("R"):
        await iam.delete_role(ctx(), role_name="R")
