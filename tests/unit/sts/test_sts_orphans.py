"""A session ends with the role or user that it is of, also when another takes the name."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any

import pytest
from tests.support.iam import ACCOUNT, document
from tests.support.sqs import refused
from tests.support.sts import StsClient

from noria.auth.authorize import Resource
from noria.auth.credentials import Credential
from noria.context import Principal
from noria.policy.document import parse_resource_policy
from noria.services.iam.directory import user_principal

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
INVALID = (
    "InvalidClientTokenId",
    "InvalidClientTokenId",
    403,
    "The security token included in the request is invalid.",
)
Answer = dict[str, Any]


def find(sts: StsClient, answer: Answer) -> Awaitable[Credential]:
    keys = answer["Credentials"]
    return sts.credentials.find(keys["AccessKeyId"], keys["SessionToken"], sts.clock.now_ms())


def at_hand(sts: StsClient, answer: Answer) -> Credential | None:
    keys = answer["Credentials"]
    return sts.credentials.at_hand(keys["AccessKeyId"], keys["SessionToken"], sts.clock.now_ms())


async def make_user(sts: StsClient) -> None:
    await sts.user("U")


async def make_role(sts: StsClient) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    await sts.role("R", trust)


async def session(sts: StsClient, kind: str) -> Answer:
    if kind == "role":
        await make_role(sts)
        arn = f"arn:aws:iam::{ACCOUNT}:role/R"
        return await sts("AssumeRole", RoleArn=arn, RoleSessionName="session")
    await make_user(sts)
    user = user_principal(await sts.iam.api._store.users.get(ACCOUNT, "U"))
    await sts.iam("PutUserPolicy", UserName="U", PolicyName="p", PolicyDocument=document("sts:*"))
    members: Answer = {}
    if kind == "GetFederationToken":
        members = {"Name": "bob", "Policy": document("sqs:*")}
    answer = await sts(kind, user, **members)
    await sts.iam("DeleteUserPolicy", UserName="U", PolicyName="p")
    return answer


async def delete(sts: StsClient, kind: str) -> None:
    if kind == "role":
        await sts.iam("DeleteRole", RoleName="R")
    else:
        await sts.iam("DeleteUser", UserName="U")


KINDS = pytest.mark.parametrize("kind", ["role", "GetSessionToken", "GetFederationToken"])


@KINDS
async def test_a_session_is_refused_once_its_role_or_user_is_gone(sts: StsClient, kind: str) -> None:
    answer = await session(sts, kind)
    proven = await find(sts, answer)
    assert at_hand(sts, answer) == proven
    await delete(sts, kind)
    assert at_hand(sts, answer) is None
    assert await refused(find(sts, answer)) == INVALID
    assert at_hand(sts, answer) is None


@KINDS
async def test_a_session_is_not_of_another_that_took_the_name(sts: StsClient, kind: str) -> None:
    answer = await session(sts, kind)
    await find(sts, answer)
    await delete(sts, kind)
    await (make_role(sts) if kind == "role" else make_user(sts))
    assert at_hand(sts, answer) is None
    assert await refused(find(sts, answer)) == INVALID


@pytest.mark.parametrize(
    ("operation", "members"), [("GetSessionToken", {}), ("GetFederationToken", {"Name": "bob"})]
)
async def test_roots_sessions_stay(sts: StsClient, operation: str, members: dict[str, Any]) -> None:
    answer = await sts(operation, **members)
    proven = await find(sts, answer)
    await sts.user("Unrelated")  # another change, after which nothing is known any more
    assert at_hand(sts, answer) is None
    assert await find(sts, answer) == proven
    assert at_hand(sts, answer) == proven


class Queue:
    """Its policy lets the principal, or everyone."""

    def __init__(self, principal: str) -> None:
        statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "*", "Resource": QUEUE}
        self._policy = parse_resource_policy(json.dumps({"Version": "2012-10-17", "Statement": statement}))

    async def resource(self, arn: str) -> Resource:
        return Resource(self._policy)


@pytest.mark.parametrize("named", ["*", "session", "role"])
async def test_no_policy_of_a_resource_lets_who_acts_as_a_role_that_is_gone(
    sts: StsClient, named: str
) -> None:
    """A service that has assumed it, which shows no key."""
    principal: Principal = (await find(sts, await session(sts, "role"))).principal
    names = {"*": "*", "session": principal.arn, "role": principal.role_arn}
    sts.authorizer.resources["sqs"] = Queue(names[named])
    assert await sts.authorizer.allows(principal, "sqs:SendMessage", QUEUE)
    await delete(sts, "role")
    assert not await sts.authorizer.allows(principal, "sqs:SendMessage", QUEUE)
    await make_role(sts)
    assert not await sts.authorizer.allows(principal, "sqs:SendMessage", QUEUE)


async def test_a_user_that_is_gone_assumes_no_role_that_trusts_everyone(sts: StsClient) -> None:
    user = await sts.user("U")
    await make_role(sts)
    arn = f"arn:aws:iam::{ACCOUNT}:role/R"
    await sts.assume(arn, user)
    await delete(sts, "user")
    code, _ = await sts.refused("AssumeRole", user, RoleArn=arn, RoleSessionName="session")
    assert code == "AccessDenied"


async def test_a_session_ends_when_its_user_is_moved_to_another_path(sts: StsClient) -> None:
    """Policies that name the user's new ARN would not hold for it."""
    answer = await session(sts, "GetSessionToken")
    await find(sts, answer)
    await sts.iam("UpdateUser", UserName="U", NewPath="/x/")
    assert at_hand(sts, answer) is None
    assert await refused(find(sts, answer)) == INVALID
    user = user_principal(await sts.iam.api._store.users.get(ACCOUNT, "U"))
    await find(sts, await sts("GetSessionToken", user))


async def test_a_user_does_not_escape_what_is_denied_to_it_by_federating_without_a_policy(
    sts: StsClient,
) -> None:
    await make_user(sts)
    user = user_principal(await sts.iam.api._store.users.get(ACCOUNT, "U"))
    deny = {"Effect": "Deny", "Action": "sqs:PurgeQueue", "Resource": "*"}
    allow = {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})
    await sts.iam("PutUserPolicy", UserName="U", PolicyName="p", PolicyDocument=text)
    bob = (await find(sts, await sts("GetFederationToken", user, Name="bob"))).principal
    sts.authorizer.resources["sqs"] = Queue("*")
    assert await sts.authorizer.allows(bob, "sqs:SendMessage", QUEUE)
    assert not await sts.authorizer.allows(bob, "sqs:PurgeQueue", QUEUE)
