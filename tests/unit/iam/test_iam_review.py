"""What the linter says where policies are kept: of each once, of wildcards beside the calls."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator

import pytest
from tests.support.aws import LAMBDA_TRUST, allow
from tests.support.iam import iam_api

from noria.auth.calls import Calls
from noria.context import Principal, RequestContext, root_principal
from noria.services.iam.review import Review
from noria.store.sqlite.store import SqliteStore

ACCOUNT = "111111111111"
CTX = RequestContext("r", "iam", "Op", ACCOUNT, "us-east-1", root_principal(ACCOUNT), 1_700_000_000_000)
TYPO = allow("sqs:SendMesage", "*")
FOUND = "Action sqs:SendMesage: there is no such action of sqs, but sqs:SendMessage"


class World:
    def __init__(self, store: SqliteStore) -> None:
        self.iam = iam_api(store.records)
        self.calls = Calls()
        self.review = Review(store.records, self.calls)

    async def warnings(self) -> list[tuple[str, str]]:
        return [(warning.where, warning.text) for warning in await self.review.warnings()]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    store = SqliteStore(None)
    await store.start()
    yield World(store)
    await store.close()


async def test_every_kind_of_policy_is_looked_at(world: World) -> None:
    iam = world.iam
    await iam.create_policy(CTX, policy_name="P", policy_document=TYPO)
    await iam.create_role(CTX, role_name="R", assume_role_policy_document=LAMBDA_TRUST)
    await iam.put_role_policy(CTX, role_name="R", policy_name="I", policy_document=TYPO)
    await iam.create_user(CTX, user_name="U")
    await iam.put_user_policy(CTX, user_name="U", policy_name="I", policy_document=TYPO)
    await iam.create_group(CTX, group_name="G")
    await iam.put_group_policy(CTX, group_name="G", policy_name="I", policy_document=TYPO)
    assert await world.warnings() == [
        ("policy P", FOUND),
        ("user U, policy I", FOUND),
        ("group G, policy I", FOUND),
        ("role R, policy I", FOUND),
    ]


async def test_it_is_said_in_the_log_when_a_policy_is_made(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await world.iam.create_policy(CTX, policy_name="P", policy_document=TYPO)
    assert caplog.messages == [f"{ACCOUNT}, policy P: {FOUND}"]


async def test_trust_policies_are_looked_at_too(world: World, caplog: pytest.LogCaptureFixture) -> None:
    found = "Action sts:AssumeRol: there is no such action of sts, but sts:AssumeRole"
    typo = LAMBDA_TRUST.replace("sts:AssumeRole", "sts:AssumeRol")
    with caplog.at_level(logging.WARNING):
        await world.iam.create_role(CTX, role_name="R", assume_role_policy_document=typo)
        await world.iam.update_assume_role_policy(CTX, role_name="R", policy_document=typo)
    assert caplog.messages == [f"{ACCOUNT}, role R, trust policy: {found}"] * 2
    assert await world.warnings() == [("role R, trust policy", found)]


async def test_wildcards_are_compared_with_the_calls(world: World) -> None:
    iam = world.iam
    arn = (await iam.create_policy(CTX, policy_name="All", policy_document=allow("sqs:*", "*")))["Policy"][
        "Arn"
    ]
    await iam.create_role(CTX, role_name="R", assume_role_policy_document=LAMBDA_TRUST)
    await iam.attach_role_policy(CTX, role_name="R", policy_arn=arn)
    basic = "arn:aws:iam::aws:policy/AdministratorAccess"
    await iam.attach_role_policy(CTX, role_name="R", policy_arn=basic)
    assert await world.warnings() == []  # nothing was called: nothing is known
    session = Principal("assumed-role", ACCOUNT, "arn", "AROA:s", "R")
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
    world.calls.record(session, "sqs:SendMessage", queue, allowed=True)
    world.calls.record(session, "sqs:DeleteQueue", queue, allowed=False)
    instead = "see noria suggest-policy --role R"
    assert await world.warnings() == [
        ("role R, policy All", f"allows sqs:*, of which it called sqs:SendMessage; {instead}"),
        ("role R, policy All", f"allows it on *, of which it used {queue}; {instead}"),
    ]


async def test_what_is_shown_is_bounded(world: World) -> None:
    actions = json.dumps([f"sqs:Nope{number}" for number in range(20)])
    document = TYPO.replace('"sqs:SendMesage"', actions)
    for number in range(6):
        await world.iam.create_policy(CTX, policy_name=f"P{number}", policy_document=document)
    assert len(await world.warnings()) == 100
