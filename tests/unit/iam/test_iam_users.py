"""Users: made, shown, renamed and deleted, in AWS's words."""

from __future__ import annotations

import msgspec
import pytest
from tests.support.iam import ACCOUNT, BASIC, NOW_S, OTHER, IamClient, document
from tests.support.sqs import refused

from noria.context import Principal, root_principal
from noria.services.iam.directory import user_principal

NO_USER = ("NoSuchEntity", "NoSuchEntity", 404, "The user with name U cannot be found.")


async def test_a_user_is_shown_as_aws_shows_it(client: IamClient) -> None:
    created = await client.user()
    user_id = created.pop("UserId")
    assert user_id.startswith("AIDA")
    assert len(user_id) == 21
    assert created == {
        "Path": "/",
        "UserName": "U",
        "Arn": f"arn:aws:iam::{ACCOUNT}:user/U",
        "CreateDate": NOW_S,
    }
    assert (await client("GetUser", UserName="U"))["User"] == created | {"UserId": user_id}
    assert await client("ListUsers") == {"Users": [created | {"UserId": user_id}], "IsTruncated": False}


async def test_a_user_keeps_what_it_was_made_with(client: IamClient) -> None:
    tags = [{"Key": "team", "Value": "a"}]
    created = await client.user(Path="/x/", PermissionsBoundary=BASIC, Tags=tags)
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BASIC}
    assert created["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/x/U"
    assert (created["PermissionsBoundary"], created["Tags"]) == (boundary, tags)
    got = (await client("GetUser", UserName="U"))["User"]
    assert (got["PermissionsBoundary"], got["Tags"]) == (boundary, tags)
    assert "Tags" not in (await client("ListUsers"))["Users"][0]


async def test_the_name_is_taken_whatever_its_case(client: IamClient) -> None:
    await client.user()
    assert await refused(client.user("u", Path="/x/")) == (
        "EntityAlreadyExists",
        "EntityAlreadyExists",
        409,
        "User with name u already exists.",
    )


async def test_what_is_not_there_is_named(client: IamClient) -> None:
    for operation, members in (
        ("GetUser", {}),
        ("DeleteUser", {}),
        ("UpdateUser", {"NewUserName": "V"}),
        ("ListAccessKeys", {}),
        ("CreateAccessKey", {}),
        ("ListUserPolicies", {}),
        ("ListAttachedUserPolicies", {}),
        ("ListGroupsForUser", {}),
        ("ListUserTags", {}),
        ("PutUserPolicy", {"PolicyName": "P", "PolicyDocument": document()}),
        ("AttachUserPolicy", {"PolicyArn": BASIC}),
        ("PutUserPermissionsBoundary", {"PermissionsBoundary": BASIC}),
    ):
        assert await refused(client(operation, UserName="U", **members)) == NO_USER, operation


async def test_without_a_name_it_is_the_caller(client: IamClient) -> None:
    root = (await client("GetUser"))["User"]
    assert (root["Arn"], root["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    created = await client.user()
    client.caller = Principal("user", ACCOUNT, created["Arn"], created["UserId"], "U")
    assert (await client("GetUser"))["User"]["UserName"] == "U"
    assert (await client("CreateAccessKey"))["AccessKey"]["UserName"] == "U"
    assert len((await client("ListAccessKeys"))["AccessKeyMetadata"]) == 1
    client.caller = Principal("assumed-role", ACCOUNT, "arn", "AROA:s", "R")
    assert (await refused(client("GetUser")))[0::3] == (
        "ValidationError",
        "Must specify userName when calling with non-User credentials",
    )


async def test_users_are_listed_by_path_in_pages(client: IamClient) -> None:
    for name in "abcd":
        await client.user(name, Path="/x/" if name != "b" else "/")
    first = await client("ListUsers", PathPrefix="/x/", MaxItems=2)
    assert [user["UserName"] for user in first["Users"]] == ["a", "c"]
    second = await client("ListUsers", PathPrefix="/x/", MaxItems=2, Marker=first["Marker"])
    assert [user["UserName"] for user in second["Users"]] == ["d"]
    assert second["IsTruncated"] is False


async def test_a_renamed_user_keeps_everything(client: IamClient) -> None:
    created = await client.user()
    await client("CreateGroup", GroupName="G")
    await client("AddUserToGroup", GroupName="G", UserName="U")
    await client("PutUserPolicy", UserName="U", PolicyName="P", PolicyDocument=document())
    key = (await client("CreateAccessKey", UserName="U"))["AccessKey"]
    await client("UpdateUser", UserName="U", NewUserName="V", NewPath="/x/")
    assert await refused(client("GetUser", UserName="U")) == NO_USER
    moved = (await client("GetUser", UserName="V"))["User"]
    assert (moved["UserId"], moved["Arn"]) == (created["UserId"], f"arn:aws:iam::{ACCOUNT}:user/x/V")
    assert (await client("GetGroup", GroupName="G"))["Users"] == [moved]
    assert (await client("ListUserPolicies", UserName="V"))["PolicyNames"] == ["P"]
    proven = await client.directory.access_key(key["AccessKeyId"])
    assert proven is not None
    assert proven.principal.arn == moved["Arn"]
    assert (await client.directory.identity(proven.principal)).policies


async def test_a_name_can_change_its_case_and_a_taken_one_is_refused(client: IamClient) -> None:
    await client.user()
    await client.user("W")
    key = (await client("CreateAccessKey", UserName="U"))["AccessKey"]
    await client("UpdateUser", UserName="U", NewUserName="u")
    assert [user["UserName"] for user in (await client("ListUsers"))["Users"]] == ["W", "u"]
    assert await client.directory.access_key(key["AccessKeyId"]) is not None
    text = "User with name w already exists."
    assert (await refused(client("UpdateUser", UserName="u", NewUserName="w")))[3] == text


async def test_a_user_with_anything_left_is_not_deleted(client: IamClient) -> None:
    await client.user()
    await client("CreateGroup", GroupName="G")
    key = (await client("CreateAccessKey", UserName="U"))["AccessKey"]["AccessKeyId"]
    held = (
        await client("CreateServiceSpecificCredential", UserName="U", ServiceName="codecommit.amazonaws.com")
    )["ServiceSpecificCredential"]["ServiceSpecificCredentialId"]
    await client("AddUserToGroup", GroupName="G", UserName="U")
    await client("AttachUserPolicy", UserName="U", PolicyArn=BASIC)
    await client("PutUserPolicy", UserName="U", PolicyName="P", PolicyDocument=document())
    for text, operation, members in (
        ("must remove users from group first.", "RemoveUserFromGroup", {"GroupName": "G"}),
        ("must detach all policies first.", "DetachUserPolicy", {"PolicyArn": BASIC}),
        ("must delete policies first.", "DeleteUserPolicy", {"PolicyName": "P"}),
        ("must delete access keys first.", "DeleteAccessKey", {"AccessKeyId": key}),
        (
            "must delete service specific credentials first.",
            "DeleteServiceSpecificCredential",
            {"ServiceSpecificCredentialId": held},
        ),
    ):
        assert await refused(client("DeleteUser", UserName="U")) == (
            "DeleteConflict",
            "DeleteConflict",
            409,
            f"Cannot delete entity, {text}",
        )
        await client(operation, UserName="U", **members)
    await client("DeleteUser", UserName="U")
    assert await refused(client("GetUser", UserName="U")) == NO_USER


async def test_a_user_made_anew_is_another(client: IamClient) -> None:
    first = await client.user()
    old = Principal("user", ACCOUNT, first["Arn"], first["UserId"], "U")
    await client("DeleteUser", UserName="U")
    second = await client.user()
    await client("PutUserPolicy", UserName="U", PolicyName="P", PolicyDocument=document())
    assert second["UserId"] != first["UserId"]
    assert not (await client.directory.identity(old)).policies
    new = msgspec.structs.replace(old, user_id=second["UserId"])
    assert (await client.directory.identity(new)).policies


async def test_accounts_do_not_see_each_others_users(client: IamClient) -> None:
    await client.user()
    client.caller = root_principal(OTHER)
    assert await refused(client("GetUser", UserName="U")) == NO_USER
    assert (await client("ListUsers"))["Users"] == []


async def test_an_account_has_its_quota_of_users(client: IamClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.api._store.users, "limit", 1)
    await client.user()
    assert await refused(client.user("V")) == (
        "LimitExceeded",
        "LimitExceeded",
        409,
        "Cannot exceed quota for UsersPerAccount: 1",
    )


async def test_no_user_has_a_password(client: IamClient) -> None:
    await client.user()
    text = "Login Profile for User U cannot be found."
    for operation in ("GetLoginProfile", "DeleteLoginProfile"):
        assert (await refused(client(operation, UserName="U")))[2:] == (404, text)
    assert (await client("ListMFADevices", UserName="U"))["MFADevices"] == []
    assert (await client("ListSSHPublicKeys", UserName="U"))["SSHPublicKeys"] == []
    assert (await client("ListSigningCertificates", UserName="U"))["Certificates"] == []


async def test_a_user_holds_what_its_groups_hold(client: IamClient) -> None:
    await client.user()
    await client("CreateGroup", GroupName="G")
    await client("PutGroupPolicy", GroupName="G", PolicyName="inline", PolicyDocument=document())
    await client("AttachGroupPolicy", GroupName="G", PolicyArn=BASIC)
    user = await client.api._store.users.get(ACCOUNT, "U")
    assert (await client.directory.identity(user_principal(user))).policies == ()
    await client("AddUserToGroup", GroupName="G", UserName="U")
    found = await client.directory.identity(user_principal(user))
    assert [(policy.name, policy.arn) for policy in found.policies] == [
        ("inline", ""),
        ("AWSLambdaBasicExecutionRole", BASIC),
    ]
    await client("RemoveUserFromGroup", GroupName="G", UserName="U")
    assert (await client.directory.identity(user_principal(user))).policies == ()
