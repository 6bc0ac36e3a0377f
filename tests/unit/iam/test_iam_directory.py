"""Roles and their policies as the evaluator and STS see them: always as they are now."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from tests.support.iam import iam_api

from noria.auth.authorize import Authorizer
from noria.clock import ManualClock
from noria.context import Principal, PrincipalKind, RequestContext, root_principal
from noria.errors import AwsError
from noria.policy.evaluate import GONE
from noria.services.iam.directory import IamDirectory
from noria.store.sqlite.store import SqliteStore

ACCOUNT = "111111111111"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
CTX = RequestContext("r", "iam", "Op", ACCOUNT, "us-east-1", root_principal(ACCOUNT), 1_700_000_000_000)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
)


def document(action: str, effect: str = "Allow") -> str:
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


class Iam:
    """IAM, its directory, and the authorizer over it."""

    def __init__(self, store: SqliteStore) -> None:
        clock = ManualClock()
        self.api = iam_api(store.records)
        self.directory = IamDirectory(store.records)
        self.authorizer = Authorizer(self.directory, "enforce", {}, clock)

    async def role(self, name: str = "R", path: str = "/") -> Principal:
        """Create it; a session of it."""
        created = await self.api.create_role(
            CTX, role_name=name, assume_role_policy_document=TRUST, path=path
        )
        role_id, arn = created["Role"]["RoleId"], created["Role"]["Arn"]
        session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/s"
        return Principal("assumed-role", ACCOUNT, session, f"{role_id}:s", name, role_arn=arn)

    async def put(self, action: str, effect: str = "Allow", name: str = "inline") -> None:
        await self.api.put_role_policy(
            CTX, role_name="R", policy_name=name, policy_document=document(action, effect)
        )

    async def may(self, principal: Principal, action: str) -> bool:
        return await self.authorizer.allows(principal, action, QUEUE)


@pytest.fixture
async def iam() -> AsyncIterator[Iam]:
    store = SqliteStore(None)
    await store.start()
    yield Iam(store)
    await store.close()


async def test_a_role_may_what_its_policies_allow_from_the_next_request_on(iam: Iam) -> None:
    session = await iam.role()
    assert not await iam.may(session, "sqs:SendMessage")
    await iam.put("sqs:*")
    assert await iam.may(session, "sqs:SendMessage")
    await iam.put("sqs:SendMessage", "Deny", name="deny")
    assert not await iam.may(session, "sqs:SendMessage")
    assert await iam.may(session, "sqs:ReceiveMessage")
    await iam.api.delete_role_policy(CTX, role_name="R", policy_name="deny")
    assert await iam.may(session, "sqs:SendMessage")
    await iam.api.delete_role_policy(CTX, role_name="R", policy_name="inline")
    assert not await iam.may(session, "sqs:SendMessage")


async def test_managed_policies_count_while_they_are_attached(iam: Iam) -> None:
    session = await iam.role()
    created = await iam.api.create_policy(CTX, policy_name="P", policy_document=document("sqs:*"))
    arn = created["Policy"]["Arn"]
    assert not await iam.may(session, "sqs:SendMessage")
    await iam.api.attach_role_policy(CTX, role_name="R", policy_arn=arn)
    await iam.api.attach_role_policy(CTX, role_name="R", policy_arn=BASIC)
    assert await iam.may(session, "sqs:SendMessage")
    assert await iam.may(session, "logs:PutLogEvents")
    await iam.api.detach_role_policy(CTX, role_name="R", policy_arn=arn)
    assert not await iam.may(session, "sqs:SendMessage")
    assert await iam.may(session, "logs:PutLogEvents")


async def test_a_session_loses_its_rights_with_its_role(iam: Iam) -> None:
    session = await iam.role()
    await iam.put("sqs:*")
    assert await iam.may(session, "sqs:SendMessage")
    await iam.api.delete_role_policy(CTX, role_name="R", policy_name="inline")
    await iam.api.delete_role(CTX, role_name="R")
    assert await iam.directory.identity(session) is GONE
    assert not await iam.may(session, "sqs:SendMessage")


async def test_a_role_made_anew_gives_nothing_to_old_sessions(iam: Iam) -> None:
    old = await iam.role()
    await iam.api.delete_role(CTX, role_name="R")
    new = await iam.role()
    await iam.put("sqs:*")
    assert await iam.may(new, "sqs:SendMessage")
    assert not await iam.may(old, "sqs:SendMessage")


async def test_a_role_of_another_account_is_another(iam: Iam) -> None:
    session = await iam.role()
    await iam.put("sqs:*")
    stranger = Principal("assumed-role", "222222222222", session.arn, session.user_id, "R")
    assert not await iam.may(stranger, "sqs:SendMessage")


async def test_only_sessions_of_roles_have_policies(iam: Iam) -> None:
    await iam.role()
    await iam.put("*")
    kinds: tuple[PrincipalKind, ...] = ("user", "anonymous", "federated-user")
    for kind in kinds:
        principal = Principal(kind, ACCOUNT, "arn", "R", "R")
        assert await iam.directory.identity(principal) == GONE


async def test_a_role_is_found_by_its_whole_arn(iam: Iam) -> None:
    await iam.role("R", "/team/a/")
    arn = f"arn:aws:iam::{ACCOUNT}:role/team/a/R"
    found = await iam.directory.role(arn)
    assert found is not None
    assert (found.arn, found.account, found.name, found.max_session_s) == (arn, ACCOUNT, "R", 3600)
    for other in (
        f"arn:aws:iam::{ACCOUNT}:role/R",
        f"arn:aws:iam::{ACCOUNT}:role/team/a/r",
        "arn:aws:iam::222222222222:role/team/a/R",
        f"arn:aws:iam::{ACCOUNT}:user/team/a/R",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s",
        "R",
        "",
    ):
        assert await iam.directory.role(other) is None


async def test_a_name_is_completed_with_the_path(iam: Iam) -> None:
    await iam.role("R", "/team/")
    completed = await iam.directory.entity_arn(f"arn:aws:iam::{ACCOUNT}:role/R")
    assert completed == f"arn:aws:iam::{ACCOUNT}:role/team/R"
    for unknown in (f"arn:aws:iam::{ACCOUNT}:role/S", "arn:aws:iam::222222222222:role/R", "*", ""):
        assert await iam.directory.entity_arn(unknown) == unknown


async def test_a_policys_document_is_for_its_account_and_awss_for_all(iam: Iam) -> None:
    created = await iam.api.create_policy(CTX, policy_name="P", policy_document=document("sqs:*"))
    arn = created["Policy"]["Arn"]
    assert await iam.directory.policy_document(arn, ACCOUNT) == document("sqs:*")
    assert await iam.directory.policy_document(arn, "222222222222") is None
    basic = await iam.directory.policy_document(BASIC, "222222222222")
    assert basic is not None
    assert "logs:PutLogEvents" in basic
    with pytest.raises(AwsError, match="Invalid ARN:  Could not be parsed!"):
        await iam.directory.policy_document("P", ACCOUNT)
