"""Requests at the same time: what is deleted leaves nothing behind, and nothing that changed comes back."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.iam import ACCOUNT, BASIC, IamClient

from noria.errors import AwsError
from noria.policy.evaluate import PolicyRequest, evaluate
from noria.services.iam.directory import user_principal
from noria.store.base import Records
from noria.store.sqlite.store import SqliteStore


class Interleaving:
    """Records whose every operation lets others go first, as those of a store on another machine do."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._records, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def later(*arguments: Any, **options: Any) -> Any:
            await asyncio.sleep(0)
            return await method(*arguments, **options)

        return later


@pytest.fixture
async def client() -> AsyncIterator[IamClient]:
    store = SqliteStore(None)
    await store.start()
    slow: Any = SimpleNamespace(records=Interleaving(store.records))
    yield IamClient(slow)
    await store.close()


@pytest.fixture(params=range(12))
def head_start(request: pytest.FixtureRequest) -> int:
    """For how many turns the second call waits."""
    turns: int = request.param
    return turns


async def together(head_start: int, *calls: Awaitable[Any]) -> list[str]:
    """What each was told: "" or the error's code."""

    async def told(call: Awaitable[Any], turns: int) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        try:
            await call
        except AwsError as error:
            return error.code
        return ""

    return list(await asyncio.gather(*(told(call, i * head_start) for i, call in enumerate(calls))))


async def test_a_role_is_not_deleted_with_a_policy_that_it_just_got(
    client: IamClient, head_start: int
) -> None:
    await client.role("R")
    told = await together(
        head_start,
        client("AttachRolePolicy", RoleName="R", PolicyArn=BASIC),
        client("DeleteRole", RoleName="R"),
    )
    assert sorted(told) in (["", "DeleteConflict"], ["", "NoSuchEntity"])


async def test_a_user_is_not_deleted_with_a_key_that_it_just_got(client: IamClient, head_start: int) -> None:
    await client.user("U")
    told = await together(
        head_start, client("DeleteUser", UserName="U"), client("CreateAccessKey", UserName="U")
    )
    assert sorted(told) in (["", "DeleteConflict"], ["", "NoSuchEntity"])


@pytest.mark.parametrize("deleted_first", [True, False])
async def test_a_policy_made_anew_is_not_attached_to_who_had_the_one_before(
    client: IamClient, head_start: int, deleted_first: bool
) -> None:
    arn = await client.policy("P")
    await client.role("R")
    delete = client("DeletePolicy", PolicyArn=arn)
    attach = client("AttachRolePolicy", RoleName="R", PolicyArn=arn)
    await together(head_start, *((delete, attach) if deleted_first else (attach, delete)))
    there = (await client("ListPolicies", Scope="Local"))["Policies"]
    attached = (await client("ListAttachedRolePolicies", RoleName="R"))["AttachedPolicies"]
    assert there or not attached


async def test_a_key_that_is_deleted_while_its_user_is_renamed_stays_deleted(
    client: IamClient, head_start: int
) -> None:
    await client.user("U")
    key = (await client("CreateAccessKey", UserName="U"))["AccessKey"]["AccessKeyId"]
    told = await together(
        head_start,
        client("UpdateUser", UserName="U", NewUserName="W"),
        client("DeleteAccessKey", UserName="U", AccessKeyId=key),
    )
    if told == ["", ""]:  # else the key's user was gone already
        assert (await client("ListAccessKeys", UserName="W"))["AccessKeyMetadata"] == []
        assert await client.directory.access_key(key) is None
    assert [user["UserName"] for user in (await client("ListUsers"))["Users"]] == ["W"]


async def test_a_policy_that_a_group_loses_while_it_is_renamed_stays_lost(
    client: IamClient, head_start: int
) -> None:
    await client("CreateGroup", GroupName="G")
    await client("AttachGroupPolicy", GroupName="G", PolicyArn=BASIC)
    await client.user("U")
    await client("AddUserToGroup", GroupName="G", UserName="U")
    told = await together(
        head_start,
        client("UpdateGroup", GroupName="G", NewGroupName="H"),
        client("DetachGroupPolicy", GroupName="G", PolicyArn=BASIC),
    )
    attached = (await client("ListAttachedGroupPolicies", GroupName="H"))["AttachedPolicies"]
    assert (attached == []) is (told == ["", ""])
    assert [group["GroupName"] for group in (await client("ListGroups"))["Groups"]] == ["H"]
    assert [user["UserName"] for user in (await client("GetGroup", GroupName="H"))["Users"]] == ["U"]


@pytest.mark.parametrize("deleted_first", [True, False])
async def test_a_role_made_anew_is_in_no_instance_profile(
    client: IamClient, head_start: int, deleted_first: bool
) -> None:
    await client.role("R")
    await client("CreateInstanceProfile", InstanceProfileName="I")
    delete = client("DeleteRole", RoleName="R")
    add = client("AddRoleToInstanceProfile", InstanceProfileName="I", RoleName="R")
    await together(head_start, *((delete, add) if deleted_first else (add, delete)))
    there = (await client("ListRoles"))["Roles"]
    profile = await client.api._store.profiles.get(ACCOUNT, "I")
    assert there or profile.roles == ()


async def test_a_boundary_that_is_gone_allows_nothing(client: IamClient) -> None:
    arn = await client.policy("B")
    await client.user("U", PermissionsBoundary=arn)
    await client("AttachUserPolicy", UserName="U", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    principal = user_principal(await client.api._store.users.get(ACCOUNT, "U"))
    request = PolicyRequest(principal, "sqs:SendMessage", "*", {})
    assert evaluate(request, await client.directory.identity(principal)).allowed
    await client.records.delete("iam-policy", ACCOUNT, "", "b")  # as no request can
    decision = evaluate(request, await client.directory.identity(principal))
    assert (decision.allowed, decision.policy_type) == (False, "permissions boundary")
