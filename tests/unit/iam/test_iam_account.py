"""The account as a whole: alias, summary, and everything in it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from tests.support.iam import BASIC, LAMBDA_TRUST, NOW_S, OTHER, IamClient, document
from tests.support.sqs import refused

from noria.context import Principal, root_principal


async def test_an_account_has_one_alias_that_no_other_can_have(client: IamClient) -> None:
    assert await client("ListAccountAliases") == {"AccountAliases": [], "IsTruncated": False}
    for alias in ("first", "second", "second"):
        await client("CreateAccountAlias", AccountAlias=alias)
        assert (await client("ListAccountAliases"))["AccountAliases"] == [alias]
    client.caller, mine = root_principal(OTHER), client.caller
    assert await refused(client("CreateAccountAlias", AccountAlias="second")) == (
        "EntityAlreadyExists",
        "EntityAlreadyExists",
        409,
        "The account alias second already exists.",
    )
    await client("CreateAccountAlias", AccountAlias="first")  # given up
    client.caller = mine
    assert (await refused(client("DeleteAccountAlias", AccountAlias="first")))[2] == 404
    await client("DeleteAccountAlias", AccountAlias="second")
    assert (await client("ListAccountAliases"))["AccountAliases"] == []


async def test_the_summary_counts_and_tells_the_quotas(client: IamClient) -> None:
    await client.user()
    await client.role()
    await client.role("S")
    arn = await client.policy()
    await client("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document())
    await client("CreateGroup", GroupName="G")
    summary = (await client("GetAccountSummary"))["SummaryMap"]
    assert {name: summary[name] for name in ("Users", "Groups", "Roles", "Policies")} == {
        "Users": 1,
        "Groups": 1,
        "Roles": 2,
        "Policies": 1,
    }
    assert summary["PolicyVersionsInUse"] == 2
    quotas = ("UsersQuota", "GroupsQuota", "RolesQuota", "PoliciesQuota", "AccessKeysPerUserQuota")
    assert [summary[name] for name in quotas] == [5000, 300, 1000, 1500, 2]
    assert summary["AccountMFAEnabled"] == 0


async def test_everything_in_the_account_is_told(client: IamClient) -> None:
    arn = await client.policy()
    await client.user(Tags=[{"Key": "a", "Value": "b"}], PermissionsBoundary=arn)
    await client("CreateGroup", GroupName="G")
    await client("AddUserToGroup", GroupName="G", UserName="U")
    await client("PutGroupPolicy", GroupName="G", PolicyName="inline", PolicyDocument=document())
    await client.role()
    await client("AttachRolePolicy", RoleName="R", PolicyArn=BASIC)
    await client("CreateInstanceProfile", InstanceProfileName="I")
    await client("AddRoleToInstanceProfile", InstanceProfileName="I", RoleName="R")
    session = Principal("assumed-role", "111111111111", "arn", "", "R")
    told = await client("GetAccountAuthorizationDetails")
    (user,), (group,), (role,) = told["UserDetailList"], told["GroupDetailList"], told["RoleDetailList"]
    assert (user["UserName"], user["GroupList"], user["UserPolicyList"]) == ("U", ["G"], [])
    assert user["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert user["Tags"] == [{"Key": "a", "Value": "b"}]
    (inline,) = group["GroupPolicyList"]
    assert (inline["PolicyName"], unquote(inline["PolicyDocument"])) == ("inline", document())
    assert unquote(role["AssumeRolePolicyDocument"]) == LAMBDA_TRUST
    assert [policy["PolicyArn"] for policy in role["AttachedManagedPolicies"]] == [BASIC]
    assert [profile["InstanceProfileName"] for profile in role["InstanceProfileList"]] == ["I"]
    assert role["RoleLastUsed"] == {}
    policies = {policy["Arn"]: policy for policy in told["Policies"]}
    assert policies.keys() == {arn, BASIC}
    assert policies[arn]["PermissionsBoundaryUsageCount"] == 1
    (version,) = policies[arn]["PolicyVersionList"]
    assert unquote(version["Document"]) == document()

    used = Principal("assumed-role", session.account, "arn", f"{role['RoleId']}:s", "R")
    client.last_used.note(used, "ASIA", "sqs", "eu-west-1", NOW_S * 1000)
    (role,) = (await client("GetAccountAuthorizationDetails", Filter=["Role"]))["RoleDetailList"]
    assert role["RoleLastUsed"] == {"LastUsedDate": NOW_S, "Region": "eu-west-1"}
    assert (await client("GetRole", RoleName="R"))["Role"]["RoleLastUsed"] == role["RoleLastUsed"]


async def test_what_is_told_is_filtered_and_comes_in_pages(client: IamClient) -> None:
    await client.policy()
    for name in "ab":
        await client.user(name)
        await client.role(name)
    told = await client("GetAccountAuthorizationDetails", Filter=["Role", "LocalManagedPolicy"])
    counts = [len(told[name]) for name in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")]
    assert counts == [0, 0, 2, 1]
    names: list[str] = []
    marker: dict[str, str] = {}
    while True:
        page: dict[str, Any] = await client("GetAccountAuthorizationDetails", MaxItems=1, **marker)
        names += [user["UserName"] for user in page["UserDetailList"]]
        names += [role["RoleName"] for role in page["RoleDetailList"]]
        names += [policy["PolicyName"] for policy in page["Policies"]]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    assert sorted(names) == ["P", "a", "a", "b", "b"]
