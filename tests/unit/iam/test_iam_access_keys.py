"""Access keys: what a user signs with, and that a change of one is effective at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.support.iam import ACCOUNT, NOW_S, IamClient
from tests.support.sqs import refused

from noria.auth.credentials import Credentials, access_key_account, access_key_id, generate_root_credentials
from noria.context import Principal
from noria.errors import AwsError

INVALID = (
    "InvalidClientTokenId",
    "InvalidClientTokenId",
    403,
    "The security token included in the request is invalid.",
)


@pytest.fixture
def credentials(client: IamClient) -> Credentials:
    return Credentials(generate_root_credentials(ACCOUNT), client.directory)


async def key(client: IamClient) -> dict[str, Any]:
    created: dict[str, Any] = (await client("CreateAccessKey", UserName="U"))["AccessKey"]
    return created


async def test_a_key_looks_like_awss_and_proves_its_user(client: IamClient, credentials: Credentials) -> None:
    user = await client.user()
    created = await key(client)
    assert re.fullmatch("AKIA[A-Z2-7]{16}", created["AccessKeyId"])
    assert len(created["SecretAccessKey"]) == 40
    assert (created["Status"], created["UserName"], created["CreateDate"]) == ("Active", "U", NOW_S)
    found = await credentials.find(created["AccessKeyId"], "", 0)
    assert found.secret_access_key == created["SecretAccessKey"]
    assert found.principal == Principal("user", ACCOUNT, user["Arn"], user["UserId"], "U")


async def test_the_secret_is_shown_once(client: IamClient) -> None:
    await client.user()
    created = await key(client)
    del created["SecretAccessKey"]
    assert (await client("ListAccessKeys", UserName="U"))["AccessKeyMetadata"] == [created]


async def test_a_key_is_switched_off_and_on_and_deleted(client: IamClient, credentials: Credentials) -> None:
    await client.user()
    key_id = (await key(client))["AccessKeyId"]
    for status in ("Inactive", "Active"):
        await client("UpdateAccessKey", UserName="U", AccessKeyId=key_id, Status=status)
        listed = (await client("ListAccessKeys", UserName="U"))["AccessKeyMetadata"]
        assert [shown["Status"] for shown in listed] == [status]
        if status == "Active":
            await credentials.find(key_id, "", 0)
        else:
            assert (await refused(credentials.find(key_id, "", 0))) == INVALID
    await client("DeleteAccessKey", UserName="U", AccessKeyId=key_id)
    assert (await refused(credentials.find(key_id, "", 0))) == INVALID
    assert (await client("ListAccessKeys", UserName="U"))["AccessKeyMetadata"] == []
    for operation, members in (("DeleteAccessKey", {}), ("UpdateAccessKey", {"Status": "Active"})):
        assert await refused(client(operation, UserName="U", AccessKeyId=key_id, **members)) == (
            "NoSuchEntity",
            "NoSuchEntity",
            404,
            f"The Access Key with id {key_id} cannot be found.",
        )


async def test_keys_are_rotated_two_at_a_time(client: IamClient, credentials: Credentials) -> None:
    await client.user()
    old, new = await key(client), await key(client)
    for created in (old, new):
        assert (await credentials.find(created["AccessKeyId"], "", 0)).principal.name == "U"
    assert await refused(key(client)) == (
        "LimitExceeded",
        "LimitExceeded",
        409,
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    await client("DeleteAccessKey", UserName="U", AccessKeyId=old["AccessKeyId"])
    await credentials.find(new["AccessKeyId"], "", 0)


async def test_a_key_of_another_user_is_not_ones_own(client: IamClient) -> None:
    await client.user()
    await client.user("V")
    key_id = (await key(client))["AccessKeyId"]
    deleting = client("DeleteAccessKey", UserName="V", AccessKeyId=key_id)
    assert (await refused(deleting))[3] == f"The Access Key with id {key_id} cannot be found."


async def test_when_a_key_was_last_used(client: IamClient) -> None:
    await client.user()
    key_id = (await key(client))["AccessKeyId"]
    never = {"ServiceName": "N/A", "Region": "N/A"}
    assert await client("GetAccessKeyLastUsed", AccessKeyId=key_id) == {
        "UserName": "U",
        "AccessKeyLastUsed": never,
    }
    proven = await client.directory.access_key(key_id)
    assert proven is not None
    client.last_used.note(proven.principal, key_id, "sqs", "eu-west-1", (NOW_S + 5) * 1000)
    used = {"LastUsedDate": NOW_S + 5, "ServiceName": "sqs", "Region": "eu-west-1"}
    assert (await client("GetAccessKeyLastUsed", AccessKeyId=key_id))["AccessKeyLastUsed"] == used
    await client.api.stop()
    client.last_used.forget(ACCOUNT)  # as a new server that knows nothing
    assert (await client("GetAccessKeyLastUsed", AccessKeyId=key_id))["AccessKeyLastUsed"] == used
    for unknown in (access_key_id("AKIA", ACCOUNT), access_key_id("AKIA", "222222222222"), "A" * 16):
        asked = client("GetAccessKeyLastUsed", AccessKeyId=unknown)
        assert (await refused(asked))[3] == f"The Access Key with id {unknown} cannot be found."


async def test_root_has_no_key_but_the_data_directorys(client: IamClient) -> None:
    assert (await refused(client("CreateAccessKey")))[2] == 501
    assert (await client("ListAccessKeys"))["AccessKeyMetadata"] == []


@pytest.mark.parametrize("account", ["000000000000", "111111111111", "999999999999"])
def test_a_key_id_holds_its_account(account: str) -> None:
    for prefix in ("AKIA", "ASIA"):
        made = access_key_id(prefix, account)
        assert re.fullmatch(f"{prefix}[Q-Z2-7][A-Z2-7]{{15}}", made)
        assert access_key_account(made) == account


def test_the_account_is_where_aws_has_it() -> None:
    """AWS's own example of decoding, https://awsteele.com/blog/2020/09/26/aws-access-key-format.html"""
    assert access_key_account("ASIAQNZGKIQY56JQ7WML") == "029608264753"


@pytest.mark.parametrize(
    "text", ["", "AKIA", "AKIAIOSFODNN7EXAMPLE", "x" * 20, "A" * 24, "ключ", "AKIA" + "1" * 16]
)
def test_what_is_no_key_id_has_no_account(text: str) -> None:
    assert access_key_account(text) is None


async def test_an_unknown_key_is_refused(credentials: Credentials) -> None:
    for unknown in ("", "ключ", "AKIAIOSFODNN7EXAMPLE", access_key_id("AKIA", ACCOUNT)):
        with pytest.raises(AwsError, match="The security token included in the request is invalid"):
            await credentials.find(unknown, "", 0)
    assert (await credentials.find(credentials.root.access_key_id, "", 0)).principal.kind == "root"
