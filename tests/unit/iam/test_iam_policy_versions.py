"""Versions of managed policies, and who uses a policy."""

from __future__ import annotations

import json
from urllib.parse import unquote

from tests.support.iam import ACCOUNT, BASIC, NOW_S, IamClient, document
from tests.support.sqs import refused

from noria.services.iam.directory import user_principal

TOO_MANY = (
    "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing"
    " version."
)


async def add(client: IamClient, arn: str, action: str, *, default: bool = False) -> str:
    answer = await client(
        "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document(action), SetAsDefault=default
    )
    version_id: str = answer["PolicyVersion"]["VersionId"]
    assert answer["PolicyVersion"]["IsDefaultVersion"] is default
    return version_id


async def listed(client: IamClient, arn: str) -> list[tuple[str, bool]]:
    versions = (await client("ListPolicyVersions", PolicyArn=arn))["Versions"]
    return [(version["VersionId"], version["IsDefaultVersion"]) for version in versions]


async def test_a_new_version_is_in_force_once_it_is_the_default(client: IamClient) -> None:
    arn = await client.policy(text=document("sqs:SendMessage"))
    await client.user()
    await client("AttachUserPolicy", UserName="U", PolicyArn=arn)
    user = user_principal(await client.api._store.users.get(ACCOUNT, "U"))

    async def in_force() -> str:
        got = (await client("GetPolicy", PolicyArn=arn))["Policy"]["DefaultVersionId"]
        version = (await client("GetPolicyVersion", PolicyArn=arn, VersionId=got))["PolicyVersion"]
        action: str = json.loads(unquote(version["Document"]))["Statement"][0]["Action"]
        (attached,) = (await client.directory.identity(user)).policies
        assert attached.policy.allows[0].applies(action.lower(), "arn:aws:sqs:::q", dict)
        return action

    assert await in_force() == "sqs:SendMessage"
    assert await add(client, arn, "sqs:ReceiveMessage") == "v2"
    assert await in_force() == "sqs:SendMessage"
    assert await add(client, arn, "sqs:DeleteMessage", default=True) == "v3"
    assert await in_force() == "sqs:DeleteMessage"
    await client("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v2")
    assert await in_force() == "sqs:ReceiveMessage"
    assert await listed(client, arn) == [("v3", False), ("v2", True), ("v1", False)]


async def test_a_change_is_dated(client: IamClient) -> None:
    arn = await client.policy()
    client.clock.advance(60)
    await add(client, arn, "sqs:*")
    got = (await client("GetPolicy", PolicyArn=arn))["Policy"]
    assert (got["CreateDate"], got["UpdateDate"]) == (NOW_S, NOW_S + 60)
    versions = (await client("ListPolicyVersions", PolicyArn=arn))["Versions"]
    assert [version["CreateDate"] for version in versions] == [NOW_S + 60, NOW_S]


async def test_five_versions_at_most_and_numbers_are_not_used_again(client: IamClient) -> None:
    arn = await client.policy()
    for _ in range(4):
        await add(client, arn, "sqs:*")
    assert await refused(add(client, arn, "sqs:*")) == ("LimitExceeded", "LimitExceeded", 409, TOO_MANY)
    await client("DeletePolicyVersion", PolicyArn=arn, VersionId="v5")
    assert await add(client, arn, "sqs:*") == "v6"
    assert [version for version, _ in await listed(client, arn)] == ["v6", "v4", "v3", "v2", "v1"]
    page = await client("ListPolicyVersions", PolicyArn=arn, MaxItems=2)
    rest = await client("ListPolicyVersions", PolicyArn=arn, MaxItems=9, Marker=page["Marker"])
    assert [version["VersionId"] for version in rest["Versions"]] == ["v3", "v2", "v1"]


async def test_the_default_version_and_a_policy_with_others_are_not_deleted(client: IamClient) -> None:
    arn = await client.policy()
    await add(client, arn, "sqs:*")
    assert await refused(client("DeletePolicyVersion", PolicyArn=arn, VersionId="v1")) == (
        "DeleteConflict",
        "DeleteConflict",
        409,
        "Cannot delete the default version of a policy.",
    )
    assert await refused(client("DeletePolicy", PolicyArn=arn)) == (
        "DeleteConflict",
        "DeleteConflict",
        409,
        "This policy has more than one version. Before you delete a policy, you must delete the policy's"
        " versions. The default version is deleted with the policy.",
    )
    await client("DeletePolicyVersion", PolicyArn=arn, VersionId="v2")
    await client("DeletePolicy", PolicyArn=arn)


async def test_a_version_that_is_not_there_is_named(client: IamClient) -> None:
    arn = await client.policy()
    for operation in ("GetPolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion"):
        assert await refused(client(operation, PolicyArn=arn, VersionId="v2")) == (
            "NoSuchEntity",
            "NoSuchEntity",
            404,
            f"Policy {arn} version v2 does not exist or is not attachable.",
        ), operation
    bad = client("CreatePolicyVersion", PolicyArn=arn, PolicyDocument="{")
    assert (await refused(bad))[0::3] == ("MalformedPolicyDocument", "Syntax errors in policy.")


async def test_awss_policies_change_for_nobody(client: IamClient) -> None:
    text = f"Policy {BASIC} is outside your own account."
    for operation, members in (
        ("CreatePolicyVersion", {"PolicyDocument": document()}),
        ("SetDefaultPolicyVersion", {"VersionId": "v1"}),
        ("DeletePolicyVersion", {"VersionId": "v1"}),
        ("TagPolicy", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("DeletePolicy", {}),
    ):
        assert (await refused(client(operation, PolicyArn=BASIC, **members)))[2:] == (403, text), operation


async def test_who_uses_a_policy_is_listed_and_counted(client: IamClient) -> None:
    arn = await client.policy()
    await client.user("U", Path="/x/")
    await client.user("V", PermissionsBoundary=arn)
    await client("CreateGroup", GroupName="G")
    role = await client.role("R")
    await client("AttachUserPolicy", UserName="U", PolicyArn=arn)
    await client("AttachGroupPolicy", GroupName="G", PolicyArn=arn)
    await client("AttachRolePolicy", RoleName="R", PolicyArn=arn)

    async def names(**members: str) -> tuple[list[str], list[str], list[str]]:
        answer = await client("ListEntitiesForPolicy", PolicyArn=arn, **members)
        return (
            [found["UserName"] for found in answer["PolicyUsers"]],
            [found["GroupName"] for found in answer["PolicyGroups"]],
            [found["RoleName"] for found in answer["PolicyRoles"]],
        )

    assert await names() == (["U", "V"], ["G"], ["R"])
    assert await names(EntityFilter="Group") == ([], ["G"], [])
    assert await names(PathPrefix="/x/") == (["U"], [], [])
    assert await names(PolicyUsageFilter="PermissionsBoundary") == (["V"], [], [])
    assert await names(PolicyUsageFilter="PermissionsPolicy") == (["U"], ["G"], ["R"])
    answer = await client("ListEntitiesForPolicy", PolicyArn=arn, EntityFilter="Role")
    assert answer["PolicyRoles"] == [{"RoleName": "R", "RoleId": role["RoleId"]}]
    shown = (await client("GetPolicy", PolicyArn=arn))["Policy"]
    assert (shown["AttachmentCount"], shown["PermissionsBoundaryUsageCount"]) == (3, 1)
    bounded = await client("ListPolicies", PolicyUsageFilter="PermissionsBoundary")
    assert [policy["Arn"] for policy in bounded["Policies"]] == [arn]


async def test_a_boundary_is_an_attachment_too_when_a_policy_is_deleted(client: IamClient) -> None:
    arn = await client.policy()
    await client.role(PermissionsBoundary=arn)
    assert (await refused(client("DeletePolicy", PolicyArn=arn)))[3] == (
        "Cannot delete a policy attached to entities."
    )
    await client("DeleteRolePermissionsBoundary", RoleName="R")
    await client("DeletePolicy", PolicyArn=arn)
