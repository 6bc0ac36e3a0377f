"""IAM's operations over a store: what they do, and AWS's words when they do not."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from botocore import xform_name
from tests.support.iam import ACCOUNT, BASIC, NOW_S, OTHER, refused
from tests.support.iam_methods import (
    QUEUES,
    TRUST,
    ctx,
    document,
    no_policy,
    no_role,
    padded,
    policy,
    role,
)

from noria.services.iam import actions, limits
from noria.services.iam.api import IamApi


def test_every_operation_has_its_action() -> None:
    methods = {name for name in dir(IamApi) if not name.startswith("_")} - {"start", "stop", "reset"}
    assert methods == {xform_name(operation) for operation in actions.ACTIONS}
    assert all(action.name == f"iam:{name}" for name, action in actions.ACTIONS.items())


async def test_a_created_policy_is_shown_as_aws_shows_it(iam: IamApi) -> None:
    created = await policy(iam, description="queues")
    assert created.pop("PolicyId").startswith("ANPA")
    assert created == {
        "PolicyName": "P",
        "Arn": f"arn:aws:iam::{ACCOUNT}:policy/P",
        "Path": "/",
        "DefaultVersionId": "v1",
        "AttachmentCount": 0,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": NOW_S,
        "UpdateDate": NOW_S,
    }
    got = (await iam.get_policy(ctx(), policy_arn=created["Arn"]))["Policy"]
    assert got.pop("PolicyId").startswith("ANPA")
    assert got == created | {"Description": "queues", "Tags": []}


async def test_a_policys_document_comes_back_percent_encoded(iam: IamApi) -> None:
    text = document("arn:aws:sqs:*:*:a%3Ab", Sid="A")
    arn = (await iam.create_policy(ctx(), policy_name="P", policy_document=text))["Policy"]["Arn"]
    version = (await iam.get_policy_version(ctx(), policy_arn=arn, version_id="v1"))["PolicyVersion"]
    assert version["Document"].startswith("%7B%22Version%22%3A%20%222012-10-17%22")
    assert unquote(version["Document"]) == text
    assert (version["VersionId"], version["IsDefaultVersion"], version["CreateDate"]) == ("v1", True, NOW_S)
    assert await iam.list_policy_versions(ctx(), policy_arn=arn) == {
        "Versions": [{"VersionId": "v1", "IsDefaultVersion": True, "CreateDate": NOW_S}],
        "IsTruncated": False,
    }
    text = f"Policy {arn} version v2 does not exist or is not attachable."
    async with refused(404, "NoSuchEntity", text):
        await iam.get_policy_version(ctx(), policy_arn=arn, version_id="v2")


async def test_a_path_is_part_of_the_arn(iam: IamApi) -> None:
    assert (await policy(iam, path="/team/a/"))["Arn"] == f"arn:aws:iam::{ACCOUNT}:policy/team/a/P"
    assert (await role(iam, path="/team/b/"))["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/team/b/R"
    await iam.get_policy(ctx(), policy_arn=f"arn:aws:iam::{ACCOUNT}:policy/team/a/P")
    async with no_policy(f"arn:aws:iam::{ACCOUNT}:policy/P"):
        await iam.get_policy(ctx(), policy_arn=f"arn:aws:iam::{ACCOUNT}:policy/P")


async def test_names_are_unique_whatever_their_case_and_path(iam: IamApi) -> None:
    await policy(iam)
    text = "A policy called p already exists. Duplicate names are not allowed."
    async with refused(409, "EntityAlreadyExists", text):
        await policy(iam, "p", path="/other/")
    await role(iam)
    async with refused(409, "EntityAlreadyExists", "Role with name r already exists."):
        await role(iam, "r", path="/other/")


async def test_accounts_do_not_see_each_other(iam: IamApi) -> None:
    arn = (await policy(iam))["Arn"]
    await role(iam)
    async with no_policy(arn):
        await iam.get_policy(ctx(OTHER), policy_arn=arn)
    async with no_role("R"):
        await iam.get_role(ctx(OTHER), role_name="R")
    assert (await iam.list_roles(ctx(OTHER)))["Roles"] == []
    assert (await iam.list_policies(ctx(OTHER), scope="Local"))["Policies"] == []


@pytest.mark.parametrize(
    "arn", ["policy-name-is-no-arn", "arn:aws:iam::1:policy/P", f"arn:aws:iam::{ACCOUNT}:role/R"]
)
async def test_a_broken_arn_is_refused(iam: IamApi, arn: str) -> None:
    await role(iam)
    broken = (400, "ValidationError", "Invalid ARN:  Could not be parsed!")
    async with refused(*broken):
        await iam.attach_role_policy(ctx(), role_name="R", policy_arn=arn)
    async with refused(*broken):
        await iam.detach_role_policy(ctx(), role_name="R", policy_arn=arn)
    async with refused(*broken):
        await iam.get_policy(ctx(), policy_arn=arn)


async def test_the_managed_policies_are_awss(iam: IamApi) -> None:
    assert (await iam.get_policy(ctx(), policy_arn=BASIC))["Policy"] == {
        "PolicyName": "AWSLambdaBasicExecutionRole",
        "PolicyId": "ANPAJNCQGXC42545SKXIK",
        "Arn": BASIC,
        "Path": "/service-role/",
        "DefaultVersionId": "v1",
        "AttachmentCount": 0,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "Description": "Provides write permissions to CloudWatch Logs.",
        "CreateDate": 1428591823,
        "UpdateDate": 1428591823,
        "Tags": [],
    }
    logs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    sqs = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    for arn, granted in ((BASIC, logs), (QUEUES, sqs + logs)):
        version = await iam.get_policy_version(ctx(), policy_arn=arn, version_id="v1")
        assert json.loads(unquote(version["PolicyVersion"]["Document"])) == {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": granted, "Resource": "*"}],
        }
    async with refused(403, "AccessDenied", f"Policy {BASIC} is outside your own account."):
        await iam.delete_policy(ctx(), policy_arn=BASIC)


async def test_policies_are_listed_by_scope_path_and_attachment(iam: IamApi) -> None:
    await policy(iam, "A")
    arn = (await policy(iam, "B", path="/team/"))["Arn"]
    await role(iam)
    await iam.attach_role_policy(ctx(), role_name="R", policy_arn=arn)
    await iam.attach_role_policy(ctx(), role_name="R", policy_arn=BASIC)

    async def listed(**members: Any) -> dict[str, int]:
        found: dict[str, int] = {}
        answer: dict[str, Any] = {"Marker": None}
        while "Marker" in answer:
            answer = await iam.list_policies(ctx(), **members, marker=answer["Marker"], max_items=1000)
            found |= {shown["PolicyName"]: shown["AttachmentCount"] for shown in answer["Policies"]}
        return found

    aws = await listed(scope="AWS")
    assert len(aws) > 1500
    assert aws["AWSLambdaBasicExecutionRole"] == 1
    assert aws["AWSLambdaSQSQueueExecutionRole"] == 0
    assert await listed() == {"A": 0, "B": 1} | aws
    assert await listed(scope="Local") == {"A": 0, "B": 1}
    assert await listed(only_attached=True) == {"B": 1, "AWSLambdaBasicExecutionRole": 1}
    assert await listed(path_prefix="/team/") == {"B": 1}
    assert await listed(path_prefix="/none/") == {}


async def test_lists_come_in_pages(iam: IamApi) -> None:
    for number in range(5):
        await role(iam, f"R{number}")
    first = await iam.list_roles(ctx(), max_items=2)
    assert [shown["RoleName"] for shown in first["Roles"]] == ["R0", "R1"]
    assert first["IsTruncated"] is True
    await iam.delete_role(ctx(), role_name="R1")
    second = await iam.list_roles(ctx(), max_items=2, marker=first["Marker"])
    assert [shown["RoleName"] for shown in second["Roles"]] == ["R2", "R3"]
    third = await iam.list_roles(ctx(), max_items=2, marker=second["Marker"])
    assert [shown["RoleName"] for shown in third["Roles"]] == ["R4"]
    assert third["IsTruncated"] is False
    assert "Marker" not in third
    async with refused(400, "ValidationError", "Invalid Marker."):
        await iam.list_roles(ctx(), marker="?")


async def test_a_marker_is_never_longer_than_the_model_allows(iam: IamApi) -> None:
    for letter in "ab":
        await policy(iam, letter * 128, path="/" + "p" * 500 + "/")
    answer = await iam.list_policies(ctx(), scope="Local", max_items=1)
    assert len(answer["Marker"]) <= 320
    rest = await iam.list_policies(ctx(), scope="Local", max_items=1, marker=answer["Marker"])
    assert [shown["PolicyName"] for shown in rest["Policies"]] == ["b" * 128]


async def test_malformed_policies_are_refused_and_not_kept(iam: IamApi) -> None:
    await role(iam)
    malformed = (400, "MalformedPolicyDocument", "Syntax errors in policy.")
    async with refused(*malformed):
        await iam.create_policy(ctx(), policy_name="P", policy_document="{")
    async with refused(*malformed):
        await iam.put_role_policy(ctx(), role_name="R", policy_name="p", policy_document="{")
    assert (await iam.list_policies(ctx(), scope="Local"))["Policies"] == []
    assert (await iam.list_role_policies(ctx(), role_name="R"))["PolicyNames"] == []


async def test_documents_have_awss_size(iam: IamApi) -> None:
    await iam.create_policy(ctx(), policy_name="P", policy_document=padded(6144) + " " * 1000)
    async with refused(409, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"):
        await iam.create_policy(ctx(), policy_name="Q", policy_document=padded(6145))
    await role(iam)
    await iam.put_role_policy(ctx(), role_name="R", policy_name="a", policy_document=padded(5000))
    await iam.put_role_policy(ctx(), role_name="R", policy_name="b", policy_document=padded(5240))
    too_long = (409, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role R")
    async with refused(*too_long):
        await iam.put_role_policy(ctx(), role_name="R", policy_name="b", policy_document=padded(5241))
    async with refused(*too_long):
        await iam.put_role_policy(ctx(), role_name="R", policy_name="c", policy_document=padded(20_000))
    long_trust = TRUST.replace("sts:AssumeRole", "sts:" + "A" * 2048)
    async with refused(409, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"):
        await iam.update_assume_role_policy(ctx(), role_name="R", policy_document=long_trust)


async def test_accounts_have_awss_quotas(iam: IamApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam._store.roles, "limit", 2)
    monkeypatch.setattr(limits, "POLICIES_PER_ACCOUNT", 2)
    for name in "ab":
        await role(iam, name)
        await policy(iam, name)
    async with refused(409, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 2"):
        await role(iam, "c")
    async with refused(409, "LimitExceeded", "Cannot exceed quota for PoliciesPerAccount: 2"):
        await policy(iam, "c")
