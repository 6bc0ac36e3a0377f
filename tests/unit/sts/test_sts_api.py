"""STS: who am I, and roles assumed by those whom they trust and who may."""

from __future__ import annotations

import json
import random
import string
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore import xform_name
from tests.support.iam import iam_api

from noria.auth.authorize import Authorizer
from noria.auth.credentials import Credentials, generate_root_credentials
from noria.clock import ManualClock
from noria.context import Principal, RequestContext, root_principal
from noria.errors import AwsError
from noria.services.iam.directory import IamDirectory
from noria.services.sts.actions import ACTIONS
from noria.services.sts.api import StsApi
from noria.services.sts.sessions import RoleSessions
from noria.store.sqlite.store import SqliteStore

ACCOUNT, OTHER = "111111111111", "222222222222"
LAMBDA = "lambda.amazonaws.com"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def policy(action: str = "sqs:*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def trusting(**principal: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}


class World:
    """IAM, STS and the authorizer over one store, under one clock."""

    def __init__(self, store: SqliteStore) -> None:
        self.clock = ManualClock()
        self.credentials = Credentials(generate_root_credentials(ACCOUNT))
        self.iam = iam_api(store.records)
        self.directory = IamDirectory(store.records)
        self.authorizer = Authorizer(self.directory, "enforce", {}, self.clock)
        self.sts = StsApi(self.directory, self.credentials, self.authorizer, self.clock)
        self.sessions = RoleSessions(self.directory, self.credentials, self.authorizer, self.clock)

    def ctx(self, principal: Principal | None = None) -> RequestContext:
        caller = principal or root_principal(ACCOUNT)
        return RequestContext("r", "sts", "Op", caller.account, "us-east-1", caller, self.clock.now_ms())

    async def role(
        self, name: str, trust: dict[str, Any], may: str | None = None, account: str = ACCOUNT, **more: Any
    ) -> str:
        ctx = self.ctx(root_principal(account))
        document = json.dumps({"Version": "2012-10-17", "Statement": trust})
        created = await self.iam.create_role(
            ctx, role_name=name, assume_role_policy_document=document, **more
        )
        if may:
            await self.iam.put_role_policy(
                ctx, role_name=name, policy_name="may", policy_document=policy(may)
            )
        arn: str = created["Role"]["Arn"]
        return arn

    async def assume(self, arn: str, by: Principal | None = None, **members: Any) -> dict[str, Any]:
        return await self.sts.assume_role(self.ctx(by), role_arn=arn, role_session_name="s", **members)

    def prove(self, answer: dict[str, Any]) -> Principal:
        keys = answer["Credentials"]
        found = self.credentials.lookup(keys["AccessKeyId"], keys["SessionToken"], self.clock.now_ms())
        assert found.secret_access_key == keys["SecretAccessKey"]
        return found.principal


@pytest.fixture
async def world() -> AsyncIterator[World]:
    store = SqliteStore(None)
    await store.start()
    yield World(store)
    await store.close()


async def refusal(
    world: World, arn: str, by: Principal | None = None, **members: Any
) -> tuple[int, str, str]:
    with pytest.raises(AwsError) as refused:
        await world.assume(arn, by, **members)
    return refused.value.status, refused.value.code, refused.value.message


def denied(caller: str, role: str) -> tuple[int, str, str]:
    text = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}"
    return 403, "AccessDenied", text


ROOT_ARN = f"arn:aws:iam::{ACCOUNT}:root"


def test_every_operation_has_its_action() -> None:
    methods = {name for name in dir(StsApi) if not name.startswith("_")} - {"start", "stop", "reset"}
    assert methods == {xform_name(operation) for operation in ACTIONS}
    assert all(action.name == f"sts:{name}" for name, action in ACTIONS.items())


async def test_root_is_its_account(world: World) -> None:
    assert await world.sts.get_caller_identity(world.ctx()) == {
        "UserId": ACCOUNT,
        "Account": ACCOUNT,
        "Arn": ROOT_ARN,
    }


async def test_an_assumed_role_is_a_session_of_it(world: World) -> None:
    arn = await world.role("R", trusting(AWS=ACCOUNT), "sqs:*", path="/team/")
    answer = await world.assume(arn)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s"
    role_id, _, session = answer["AssumedRoleUser"]["AssumedRoleId"].partition(":")
    assert role_id.startswith("AROA")
    assert session == "s"
    assert answer["PackedPolicySize"] is None
    assert answer["Credentials"]["Expiration"] == world.clock.now_ms() // 1000 + 3600
    principal = world.prove(answer)
    assert principal.role_arn == arn
    assert await world.sts.get_caller_identity(world.ctx(principal)) == {
        "UserId": answer["AssumedRoleUser"]["AssumedRoleId"],
        "Account": ACCOUNT,
        "Arn": answer["AssumedRoleUser"]["Arn"],
    }
    assert await world.authorizer.allows(principal, "sqs:SendMessage", QUEUE)
    assert not await world.authorizer.allows(principal, "iam:GetRole", arn)


async def test_a_session_ends(world: World) -> None:
    arn = await world.role("R", trusting(AWS=ACCOUNT))
    answer = await world.assume(arn, duration_seconds=900)
    world.clock.advance(899)
    world.prove(answer)
    world.clock.advance(1)
    with pytest.raises(AwsError) as refused:
        world.prove(answer)
    assert refused.value.code == "ExpiredToken"


async def test_a_role_that_does_not_trust_or_does_not_exist_cannot_be_assumed(world: World) -> None:
    arn = await world.role("R", trusting(Service=LAMBDA))
    assert await refusal(world, arn) == denied(ROOT_ARN, arn)
    missing = f"arn:aws:iam::{ACCOUNT}:role/missing"
    assert await refusal(world, missing) == denied(ROOT_ARN, missing)
    by_path = await world.role("S", trusting(AWS=ACCOUNT), path="/team/")
    short = by_path.replace("/team", "")
    assert await refusal(world, short) == denied(ROOT_ARN, short)


async def test_a_role_may_assume_another_where_both_agree(world: World) -> None:
    may = world.prove(await world.assume(await world.role("May", trusting(AWS=ACCOUNT), "sts:AssumeRole")))
    may_not = world.prove(await world.assume(await world.role("MayNot", trusting(AWS=ACCOUNT), "sqs:*")))
    target = await world.role("Target", trusting(AWS=ACCOUNT))
    assert world.prove(await world.assume(target, may)).name == "Target"
    assert await refusal(world, target, may_not) == denied(may_not.arn, target)
    named = await world.role("Named", trusting(AWS=may_not.role_arn))
    assert world.prove(await world.assume(named, may_not)).name == "Named"
    assert await refusal(world, named, may) == denied(may.arn, named)


async def test_another_account_needs_both(world: World) -> None:
    target = await world.role("Target", trusting(AWS=OTHER))
    stranger = root_principal(OTHER)
    assert world.prove(await world.assume(target, stranger)).account == ACCOUNT
    assert await refusal(world, target) == denied(ROOT_ARN, target)


async def test_an_external_id_is_asked_for(world: World) -> None:
    trust = trusting(AWS=ACCOUNT) | {"Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}
    arn = await world.role("R", trust)
    assert await refusal(world, arn) == denied(ROOT_ARN, arn)
    assert await refusal(world, arn, external_id="guess") == denied(ROOT_ARN, arn)
    await world.assume(arn, external_id="secret")


async def test_a_session_policy_narrows(world: World) -> None:
    arn = await world.role("R", trusting(AWS=ACCOUNT), "sqs:*")
    answer = await world.assume(arn, policy=policy("sqs:Send*"))
    assert 0 <= answer["PackedPolicySize"] <= 100
    session = world.prove(answer)
    assert await world.authorizer.allows(session, "sqs:SendMessage", QUEUE)
    assert not await world.authorizer.allows(session, "sqs:ReceiveMessage", QUEUE)
    logs = world.prove(await world.assume(arn, policy=policy("logs:*")))
    assert not await world.authorizer.allows(logs, "logs:PutLogEvents", "*")


async def test_managed_session_policies_narrow(world: World) -> None:
    arn = await world.role("R", trusting(AWS=ACCOUNT), "*")
    own = await world.iam.create_policy(world.ctx(), policy_name="P", policy_document=policy("sqs:Send*"))
    arns = [{"arn": BASIC}, {"arn": own["Policy"]["Arn"]}]
    session = world.prove(await world.assume(arn, policy_arns=arns))
    assert await world.authorizer.allows(session, "logs:PutLogEvents", "*")
    assert await world.authorizer.allows(session, "sqs:SendMessage", QUEUE)
    assert not await world.authorizer.allows(session, "sqs:ReceiveMessage", QUEUE)


async def test_session_policies_are_checked(world: World) -> None:
    arn = await world.role("R", trusting(AWS=ACCOUNT))
    malformed = (400, "MalformedPolicyDocument", "Syntax errors in policy.")
    assert await refusal(world, arn, policy="{") == malformed
    assert (await refusal(world, arn, policy=policy() + " " * 2048))[1] == "PackedPolicyTooLarge"
    assert (await refusal(world, arn, policy_arns=[{"arn": BASIC}] * 11))[1] == "ValidationError"
    missing = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    assert await refusal(world, arn, policy_arns=[{"arn": missing}]) == (
        400,
        "ValidationError",
        f"Policy {missing} does not exist or is not attachable.",
    )


async def test_a_token_stays_small_enough_for_a_header(world: World) -> None:
    """Policies of random text, which cannot be packed: one fits, two do not."""
    arn = await world.role("R", trusting(AWS=ACCOUNT))
    chance = random.Random(25)
    arns = []
    for name in "ab":
        noise = "".join(chance.choices(string.ascii_letters + string.digits, k=5000))
        text = policy(Condition={"StringEquals": {"aws:k": noise}})
        created = await world.iam.create_policy(world.ctx(), policy_name=name, policy_document=text)
        arns.append({"arn": created["Policy"]["Arn"]})
    answer = await world.assume(arn, policy_arns=arns[:1])
    assert 50 < answer["PackedPolicySize"] <= 100
    assert len(answer["Credentials"]["SessionToken"]) <= 8192
    world.prove(answer)
    status, code, message = await refusal(world, arn, policy_arns=arns)
    assert (status, code) == (400, "PackedPolicyTooLarge")
    assert message.startswith("Packed size of session policies consumes 1")


async def test_a_session_is_no_longer_than_its_role_allows(world: World) -> None:
    arn = await world.role("R", trusting(AWS=ACCOUNT), "sts:AssumeRole", max_session_duration=7200)
    answer = await world.assume(arn, duration_seconds=7200)
    assert await refusal(world, arn, duration_seconds=7201) == (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    assert await refusal(world, arn, world.prove(answer), duration_seconds=3601) == (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    )
    await world.assume(arn, world.prove(answer), duration_seconds=3600)


@pytest.mark.parametrize(
    "arn",
    [
        "nothing-valid-in-here",
        "arn:a:::something/test-role",
        "arn::b:::something/test-role",
        "arn:a::::something/test-role",
        "arn:a:a::aaaaaaaaaa:",
    ],
)
async def test_what_is_no_arn_is_invalid(world: World, arn: str) -> None:
    assert await refusal(world, arn) == (400, "ValidationError", f"{arn} is invalid")


FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:producer"


async def test_a_service_acts_as_a_role_that_trusts_it(world: World) -> None:
    arn = await world.role("R", trusting(Service=LAMBDA), "sqs:*")
    assert await world.sessions.trusts(arn, LAMBDA, FUNCTION)
    session = await world.sessions.assume(arn, LAMBDA, "producer", FUNCTION)
    assert session is not None
    assert session.principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/R/producer"
    assert session.expires_at_ms == world.clock.now_ms() + 12 * 3600 * 1000
    found = world.credentials.lookup(session.access_key_id, session.session_token, world.clock.now_ms())
    assert (found.principal.arn, found.secret_access_key) == (
        session.principal.arn,
        session.secret_access_key,
    )
    assert await world.authorizer.allows(session.principal, "sqs:SendMessage", QUEUE)


async def test_a_service_does_not_act_as_another_role(world: World) -> None:
    arn = await world.role("R", trusting(AWS=ACCOUNT))
    assert not await world.sessions.trusts(arn, LAMBDA, FUNCTION)
    assert await world.sessions.assume(arn, LAMBDA, "producer", FUNCTION) is None
    missing = f"arn:aws:iam::{ACCOUNT}:role/missing"
    assert not await world.sessions.trusts(missing, LAMBDA, FUNCTION)
    assert await world.sessions.assume(missing, LAMBDA, "producer", FUNCTION) is None


@pytest.mark.parametrize(
    ("condition", "trusted"),
    [
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:lambda:*:*:function:producer"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:lambda:*:*:function:consumer"}}, False),
    ],
)
async def test_a_role_may_trust_a_service_for_one_function_or_account(
    world: World, condition: dict[str, Any], trusted: bool
) -> None:
    arn = await world.role("R", trusting(Service=LAMBDA) | {"Condition": condition})
    assert await world.sessions.trusts(arn, LAMBDA, FUNCTION) is trusted
    assert (await world.sessions.assume(arn, LAMBDA, "producer", FUNCTION) is not None) is trusted


async def test_a_session_is_outlived_once_another_role_has_its_roles_name(world: World) -> None:
    arn = await world.role("R", trusting(Service=LAMBDA))
    session = await world.sessions.assume(arn, LAMBDA, "producer", FUNCTION)
    assert session is not None
    assert not await world.sessions.is_outlived(arn, session)
    await world.iam.delete_role(world.ctx(), role_name="R")
    assert not await world.sessions.is_outlived(arn, session)
    await world.role("R", trusting(Service=LAMBDA))
    assert await world.sessions.is_outlived(arn, session)
