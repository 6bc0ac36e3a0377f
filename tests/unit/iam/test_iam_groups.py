"""Groups: made, filled, renamed and deleted."""

from __future__ import annotations

import pytest
from tests.support.iam import ACCOUNT, BASIC, NOW_S, IamClient, document
from tests.support.sqs import refused

from noria.services.iam.models import User


async def test_a_group_is_shown_as_aws_shows_it(client: IamClient) -> None:
    created = (await client("CreateGroup", GroupName="G", Path="/x/"))["Group"]
    group_id = created.pop("GroupId")
    assert group_id.startswith("AGPA")
    assert len(group_id) == 21
    assert created == {
        "Path": "/x/",
        "GroupName": "G",
        "Arn": f"arn:aws:iam::{ACCOUNT}:group/x/G",
        "CreateDate": NOW_S,
    }
    shown = created | {"GroupId": group_id}
    assert await client("GetGroup", GroupName="G") == {"Group": shown, "Users": [], "IsTruncated": False}
    assert (await client("ListGroups", PathPrefix="/x/"))["Groups"] == [shown]
    assert (await client("ListGroups", PathPrefix="/y/"))["Groups"] == []


async def test_names_are_unique_and_what_is_missing_is_named(client: IamClient) -> None:
    await client("CreateGroup", GroupName="G")
    await client.user()
    assert (await refused(client("CreateGroup", GroupName="g")))[0::3] == (
        "EntityAlreadyExists",
        "Group with name g already exists.",
    )
    missing = ("NoSuchEntity", "NoSuchEntity", 404, "The group with name H cannot be found.")
    for operation, members in (
        ("GetGroup", {}),
        ("DeleteGroup", {}),
        ("UpdateGroup", {"NewPath": "/x/"}),
        ("AddUserToGroup", {"UserName": "U"}),
        ("RemoveUserFromGroup", {"UserName": "U"}),
        ("ListGroupPolicies", {}),
        ("ListAttachedGroupPolicies", {}),
        ("PutGroupPolicy", {"PolicyName": "P", "PolicyDocument": document()}),
    ):
        assert await refused(client(operation, GroupName="H", **members)) == missing, operation
    text = "The user with name V cannot be found."
    assert (await refused(client("AddUserToGroup", GroupName="G", UserName="V")))[3] == text


async def test_who_is_in_a_group_is_listed_both_ways(client: IamClient) -> None:
    for name in "ab":
        await client("CreateGroup", GroupName=name)
    for name in "xyz":
        await client.user(name)
        await client("AddUserToGroup", GroupName="a", UserName=name)
        await client("AddUserToGroup", GroupName="a", UserName=name)  # once more changes nothing
    await client("AddUserToGroup", GroupName="b", UserName="x")
    first = await client("GetGroup", GroupName="a", MaxItems=2)
    assert [user["UserName"] for user in first["Users"]] == ["x", "y"]
    second = await client("GetGroup", GroupName="a", MaxItems=2, Marker=first["Marker"])
    assert [user["UserName"] for user in second["Users"]] == ["z"]
    groups = await client("ListGroupsForUser", UserName="x")
    assert [group["GroupName"] for group in groups["Groups"]] == ["a", "b"]
    await client("RemoveUserFromGroup", GroupName="a", UserName="x")
    await client("RemoveUserFromGroup", GroupName="a", UserName="x")
    groups = await client("ListGroupsForUser", UserName="x")
    assert [group["GroupName"] for group in groups["Groups"]] == ["b"]


async def test_a_user_is_in_ten_groups_at_most(client: IamClient) -> None:
    await client.user()
    for number in range(11):
        await client("CreateGroup", GroupName=f"g{number}")
    for number in range(10):
        await client("AddUserToGroup", GroupName=f"g{number}", UserName="U")
    assert await refused(client("AddUserToGroup", GroupName="g10", UserName="U")) == (
        "LimitExceeded",
        "LimitExceeded",
        409,
        "Cannot exceed quota for GroupsPerUser: 10",
    )


async def test_a_renamed_group_keeps_its_users_and_policies(client: IamClient) -> None:
    created = (await client("CreateGroup", GroupName="G"))["Group"]
    await client.user()
    await client("AddUserToGroup", GroupName="G", UserName="U")
    await client("PutGroupPolicy", GroupName="G", PolicyName="P", PolicyDocument=document())
    for name in ("H", "h"):
        await client("UpdateGroup", GroupName="G" if name == "H" else "H", NewGroupName=name, NewPath="/x/")
        got = await client("GetGroup", GroupName=name)
        assert (got["Group"]["GroupId"], got["Group"]["Path"]) == (created["GroupId"], "/x/")
        assert [user["UserName"] for user in got["Users"]] == ["U"]
        assert (await client("ListGroupPolicies", GroupName=name))["PolicyNames"] == ["P"]
        groups = (await client("ListGroupsForUser", UserName="U"))["Groups"]
        assert [group["GroupName"] for group in groups] == [name]
    assert [group["GroupName"] for group in (await client("ListGroups"))["Groups"]] == ["h"]
    await client("CreateGroup", GroupName="I")
    assert (await refused(client("UpdateGroup", GroupName="h", NewGroupName="i")))[0] == "EntityAlreadyExists"


async def test_a_group_with_anything_left_is_not_deleted(client: IamClient) -> None:
    await client("CreateGroup", GroupName="G")
    await client.user()
    await client("AddUserToGroup", GroupName="G", UserName="U")
    await client("AttachGroupPolicy", GroupName="G", PolicyArn=BASIC)
    await client("PutGroupPolicy", GroupName="G", PolicyName="P", PolicyDocument=document())
    for text, operation, members in (
        ("must remove users from group first.", "RemoveUserFromGroup", {"UserName": "U"}),
        ("must detach all policies first.", "DetachGroupPolicy", {"PolicyArn": BASIC}),
        ("must delete policies first.", "DeleteGroupPolicy", {"PolicyName": "P"}),
    ):
        assert (await refused(client("DeleteGroup", GroupName="G")))[0::3] == (
            "DeleteConflict",
            f"Cannot delete entity, {text}",
        )
        await client(operation, GroupName="G", **members)
    await client("DeleteGroup", GroupName="G")
    assert (await client("ListGroups"))["Groups"] == []


async def test_a_user_that_came_in_while_a_group_went_is_not_in_the_next_of_its_name(
    client: IamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client("CreateGroup", GroupName="G")
    await client.user()
    store = client.api._store
    members = store.members

    async def members_before_another_came(account: str, group: str) -> list[User]:
        found = await members(account, group)
        monkeypatch.setattr(store, "members", members)
        await client("AddUserToGroup", GroupName=group, UserName="U")
        return found

    monkeypatch.setattr(store, "members", members_before_another_came)
    await client("DeleteGroup", GroupName="G")
    await client("CreateGroup", GroupName="G")
    assert (await client("GetGroup", GroupName="G"))["Users"] == []
    assert (await client("ListGroupsForUser", UserName="U"))["Groups"] == []
