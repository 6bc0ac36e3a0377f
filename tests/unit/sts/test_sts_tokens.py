"""Sessions of users, federated ones, and what can be told of a key."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.iam import ACCOUNT, BASIC, NOW_S, OTHER, document
from tests.support.sts import StsClient

from noria.auth.credentials import access_key_id
from noria.context import Principal
from noria.errors import AwsError

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"


async def test_a_session_of_a_user_is_the_user(sts: StsClient) -> None:
    user = await sts.user("U", queue=document("sqs:*"))
    answer = await sts("GetSessionToken", user)
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    assert answer["Credentials"]["Expiration"] == NOW_S + 12 * 3600
    session = sts.prove(answer)
    assert (session.kind, session.arn, session.user_id) == ("user", user.arn, user.user_id)
    assert await sts.authorizer.allows(session, "sqs:SendMessage", QUEUE)
    await sts.iam("DeleteUserPolicy", UserName="U", PolicyName="queue")
    assert not await sts.authorizer.allows(session, "sqs:SendMessage", QUEUE)


async def test_a_session_ends_when_it_was_asked_to(sts: StsClient) -> None:
    answer = await sts("GetSessionToken", await sts.user(), DurationSeconds=900)
    sts.clock.advance(899)
    sts.prove(answer)
    sts.clock.advance(1)
    with pytest.raises(AwsError, match="ExpiredToken"):
        sts.prove(answer)


async def test_roots_sessions_last_an_hour_at_most(sts: StsClient) -> None:
    federating: dict[str, Any] = {"Name": "bob"}
    for operation, members in (("GetSessionToken", {}), ("GetFederationToken", federating)):
        answer = await sts(operation, DurationSeconds=129_600, **members)
        assert answer["Credentials"]["Expiration"] == NOW_S + 3600
    too_long = await sts.refused("GetSessionToken", DurationSeconds=129_601)
    assert too_long[0] == "ValidationError"


@pytest.mark.parametrize("operation", ["GetSessionToken", "GetFederationToken"])
async def test_temporary_credentials_make_no_others(sts: StsClient, operation: str) -> None:
    user = await sts.user("U", may=document("sts:*"))
    members: dict[str, Any] = {"Name": "bob"} if operation == "GetFederationToken" else {}
    asked = await sts.refused(operation, user, key_id=access_key_id("ASIA", ACCOUNT), **members)
    assert asked == ("AccessDenied", f"Cannot call {operation} with session credentials")


async def test_a_federated_user_is_shown_as_recorded(sts: StsClient) -> None:
    answer = await sts("GetFederationToken", Name="bob")
    del answer["Credentials"]
    assert answer == {
        "FederatedUser": {"Arn": FEDERATED, "FederatedUserId": f"{ACCOUNT}:bob"},
        "PackedPolicySize": 0,
    }


async def test_a_federated_user_may_what_the_user_and_the_session_policy_both_allow(sts: StsClient) -> None:
    user = await sts.user("U", may=document(["sts:GetFederationToken", "sqs:*"]))

    async def session(**members: Any) -> Principal:
        return sts.prove(await sts("GetFederationToken", user, Name="bob", **members))

    without = await session()
    assert not await sts.authorizer.allows(without, "sqs:SendMessage", QUEUE)
    narrowed = await session(Policy=document(["sqs:SendMessage", "logs:*"]))
    assert await sts.authorizer.allows(narrowed, "sqs:SendMessage", QUEUE)
    assert not await sts.authorizer.allows(narrowed, "sqs:ReceiveMessage", QUEUE)
    assert not await sts.authorizer.allows(narrowed, "logs:PutLogEvents", "*")
    managed = await session(PolicyArns=[{"arn": BASIC}])
    assert not await sts.authorizer.allows(managed, "sqs:SendMessage", QUEUE)
    await sts.iam("DeleteUserPolicy", UserName="U", PolicyName="may")
    assert not await sts.authorizer.allows(narrowed, "sqs:SendMessage", QUEUE)


async def test_a_federated_user_of_root_has_its_session_policy_only(sts: StsClient) -> None:
    session = sts.prove(await sts("GetFederationToken", Name="bob", Policy=document("sqs:SendMessage")))
    assert session.kind == "federated-user"
    assert await sts.authorizer.allows(session, "sqs:SendMessage", QUEUE)
    assert not await sts.authorizer.allows(session, "sqs:ReceiveMessage", QUEUE)


async def test_a_federated_user_of_a_user_made_anew_is_nobody(sts: StsClient) -> None:
    user = await sts.user("U", may=document("*"))
    session = sts.prove(await sts("GetFederationToken", user, Name="bob", Policy=document("sqs:*")))
    assert await sts.authorizer.allows(session, "sqs:SendMessage", QUEUE)
    await sts.iam("DeleteUserPolicy", UserName="U", PolicyName="may")
    await sts.iam("DeleteUser", UserName="U")
    await sts.user("U", may=document("*"))
    assert not await sts.authorizer.allows(session, "sqs:SendMessage", QUEUE)


async def test_federating_needs_permission_and_tags_one_more(sts: StsClient) -> None:
    user = await sts.user("U", may=document("sts:GetFederationToken", FEDERATED))
    await sts("GetFederationToken", user, Name="bob")

    def denied(action: str, name: str) -> tuple[str, str]:
        resource = f"arn:aws:sts::{ACCOUNT}:federated-user/{name}"
        text = f"User: {user.arn} is not authorized to perform: {action} on resource: {resource}"
        return "AccessDenied", f"{text} because no identity-based policy allows the {action} action"

    assert await sts.refused("GetFederationToken", user, Name="eve") == denied(
        "sts:GetFederationToken", "eve"
    )
    tags = [{"Key": "team", "Value": "a"}]
    tagging = await sts.refused("GetFederationToken", user, Name="bob", Tags=tags)
    assert tagging == denied("sts:TagSession", "bob")
    session = sts.prove(await sts("GetFederationToken", Name="bob", Tags=tags))
    assert session.session_tags == (("team", "a"),)


async def test_a_federated_user_assumes_no_role(sts: StsClient) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    arn = await sts.role("R", trust)
    session = sts.prove(await sts("GetFederationToken", Name="bob", Policy=document("*")))
    asked = await sts.refused("AssumeRole", session, RoleArn=arn, RoleSessionName="session")
    assert asked == (
        "AccessDenied",
        f"User: {FEDERATED} is not authorized to perform: sts:AssumeRole on resource: {arn}",
    )
    assert (await sts("GetCallerIdentity", session))["Arn"] == FEDERATED


async def test_a_keys_account_is_told_whether_it_is_there_or_not(sts: StsClient) -> None:
    for key_id in (access_key_id("AKIA", OTHER), access_key_id("ASIA", OTHER)):
        assert await sts("GetAccessKeyInfo", AccessKeyId=key_id) == {"Account": OTHER}
    root = sts.credentials.root.access_key_id
    assert await sts("GetAccessKeyInfo", AccessKeyId=root) == {"Account": ACCOUNT}
    assert (await sts.refused("GetAccessKeyInfo", AccessKeyId="A" * 20))[0] == "ValidationError"


async def test_no_message_can_be_decoded_because_none_is_encoded(sts: StsClient) -> None:
    assert await sts.refused("DecodeAuthorizationMessage", EncodedMessage="x" * 100) == (
        "InvalidAuthorizationMessageException",
        "Message is not valid",
    )
