"""Tags and permissions boundaries: kept, shown, and where the evaluator finds them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.iam import ACCOUNT, BASIC, IamClient
from tests.support.sqs import refused

from noria.services.iam.directory import user_principal

POLICY = f"arn:aws:iam::{ACCOUNT}:policy/P"
NAMED = {
    "User": {"UserName": "U"},
    "Role": {"RoleName": "R"},
    "Policy": {"PolicyArn": POLICY},
    "InstanceProfile": {"InstanceProfileName": "I"},
}
ARNS = {
    "User": f"arn:aws:iam::{ACCOUNT}:user/U",
    "Role": f"arn:aws:iam::{ACCOUNT}:role/R",
    "Policy": POLICY,
    "InstanceProfile": f"arn:aws:iam::{ACCOUNT}:instance-profile/I",
}


@pytest.fixture
async def full(client: IamClient) -> IamClient:
    await client.user()
    await client.role()
    await client.policy()
    await client("CreateInstanceProfile", InstanceProfileName="I")
    return client


def tag(key: str, value: str) -> dict[str, str]:
    return {"Key": key, "Value": value}


@pytest.mark.parametrize("kind", list(NAMED))
async def test_tags_are_set_replaced_and_taken_away(full: IamClient, kind: str) -> None:
    named: dict[str, Any] = NAMED[kind]
    await full(f"Tag{kind}", Tags=[tag("a", "1"), tag("b", "2")], **named)
    await full(f"Tag{kind}", Tags=[tag("A", "3")], **named)  # the same key, whatever its case
    tags = (await full(f"List{kind}Tags", **named))["Tags"]
    assert sorted(tags, key=lambda shown: shown["Key"]) == [tag("A", "3"), tag("b", "2")]
    shown = (await full(f"Get{kind}", **named))[kind]["Tags"]
    assert sorted(shown, key=lambda shown: shown["Key"]) == [tag("A", "3"), tag("b", "2")]
    resource = await full.directory.resource(ARNS[kind])
    assert resource is not None
    assert resource.tags == {"A": "3", "b": "2"}
    assert resource.conditions == {"iam:ResourceTag/A": "3", "iam:ResourceTag/b": "2"}
    await full(f"Untag{kind}", TagKeys=["a", "none"], **named)
    assert (await full(f"List{kind}Tags", **named))["Tags"] == [tag("b", "2")]


@pytest.mark.parametrize("kind", list(NAMED))
async def test_tags_that_aws_refuses_are_refused(full: IamClient, kind: str) -> None:
    named: dict[str, Any] = NAMED[kind]
    assert (await refused(full(f"Tag{kind}", Tags=[tag("a", "1"), tag("A", "2")], **named)))[0::3] == (
        "InvalidInput",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )
    assert (await refused(full(f"Tag{kind}", Tags=[tag("aws:a", "1")], **named)))[0] == "InvalidInput"
    await full(f"Tag{kind}", Tags=[tag(f"k{n}", "") for n in range(50)], **named)
    assert (await refused(full(f"Tag{kind}", Tags=[tag("k50", "")], **named)))[0] == "LimitExceeded"
    page = await full(f"List{kind}Tags", MaxItems=30, **named)
    rest = await full(f"List{kind}Tags", Marker=page["Marker"], **named)
    assert (len(page["Tags"]), len(rest["Tags"])) == (30, 20)


async def test_a_tag_is_refused_where_the_protocol_says_so(full: IamClient) -> None:
    asked = full("TagUser", UserName="U", Tags=[tag("", "1")])
    assert (await refused(asked))[0] == "ValidationError"


@pytest.mark.parametrize("kind", ["User", "Role"])
async def test_a_boundary_is_set_shown_and_removed(full: IamClient, kind: str) -> None:
    named: dict[str, Any] = NAMED[kind]
    await full(f"Put{kind}PermissionsBoundary", PermissionsBoundary=BASIC, **named)
    shown = (await full(f"Get{kind}", **named))[kind]["PermissionsBoundary"]
    assert shown == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BASIC}
    resource = await full.directory.resource(ARNS[kind])
    assert resource is not None
    assert resource.conditions == {"iam:PermissionsBoundary": BASIC}
    missing = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    asked = full(f"Put{kind}PermissionsBoundary", PermissionsBoundary=missing, **named)
    assert (await refused(asked))[2:] == (404, f"Policy {missing} does not exist or is not attachable.")
    await full(f"Delete{kind}PermissionsBoundary", **named)
    assert "PermissionsBoundary" not in (await full(f"Get{kind}", **named))[kind]
    assert (await refused(full(f"Delete{kind}PermissionsBoundary", **named)))[0] == "NoSuchEntity"


async def test_the_evaluator_gets_boundary_and_tags(full: IamClient) -> None:
    await full("PutUserPermissionsBoundary", UserName="U", PermissionsBoundary=BASIC)
    await full("TagUser", UserName="U", Tags=[tag("team", "a")])
    user = user_principal(await full.api._store.users.get(ACCOUNT, "U"))
    identity = await full.directory.identity(user)
    assert identity.boundary is not None
    assert identity.boundary.arn == BASIC
    assert identity.tags == {"team": "a"}


async def test_a_list_of_roles_holds_neither(full: IamClient) -> None:
    """Recorded: ListRoles of a role with a boundary."""
    await full("PutRolePermissionsBoundary", RoleName="R", PermissionsBoundary=BASIC)
    await full("TagRole", RoleName="R", Tags=[tag("team", "a")])
    (listed,) = (await full("ListRoles"))["Roles"]
    assert listed.keys().isdisjoint({"PermissionsBoundary", "Tags", "RoleLastUsed"})
