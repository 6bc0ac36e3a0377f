"""Why a request was allowed: decided anew when somebody asks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.policies import identity_of

from noria.auth.authorize import ALLOWED_KEPT, Action, Authorizer, Denial, Resource
from noria.clock import ManualClock
from noria.config import AuthMode
from noria.context import Principal, RequestContext, root_principal
from noria.policy.document import parse_identity_policy, parse_resource_policy, parse_trust_policy
from noria.policy.evaluate import Identity
from noria.policy.statement import Policy

ACCOUNT = "111111111111"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/R"
USER = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAANN", "ann")
SEND = Action("sqs:SendMessage", lambda ctx, params: QUEUE)


def identity(*statements: dict[str, Any]) -> Policy:
    return parse_identity_policy(json.dumps({"Version": "2012-10-17", "Statement": statements}))


ALLOW = {"Sid": "Sends", "Effect": "Allow", "Action": "sqs:Send*", "Resource": "*"}


class Source:
    """Policies, and the queue's, that a test may change."""

    def __init__(self, *policies: Policy) -> None:
        self.policies = policies
        self.of_queue: Policy | None = None
        self.changes = 0

    async def identity(self, principal: Principal) -> Identity:
        return identity_of(*self.policies)

    async def entity_arn(self, arn: str) -> str:
        return arn

    def generation(self) -> int:
        return self.changes

    async def resource(self, arn: str) -> Resource:
        return Resource(self.of_queue)


def authorizer(source: Source, mode: AuthMode = "enforce") -> Authorizer:
    made = Authorizer(source, mode, {"sqs": Denial("AccessDenied")}, ManualClock())
    made.resources["sqs"] = source
    return made


def ctx(request_id: str, principal: Principal = USER) -> RequestContext:
    return RequestContext(
        request_id, "sqs", "SendMessage", ACCOUNT, "us-east-1", principal, 1_700_000_000_000, "10.1.1.1"
    )


async def explanation(decider: Authorizer, request_id: str) -> dict[str, Any]:
    found = await decider.allowed(request_id)
    assert found is not None
    return found.explanation()


async def test_an_allowed_request_is_explained_by_the_statements_that_allow_it() -> None:
    other = {"Effect": "Allow", "Action": "sqs:Get*", "Resource": "*"}
    decider = authorizer(Source(identity(other, ALLOW)))
    for request_id in ("r1", "r2"):  # decided, and known
        await decider.authorize(ctx(request_id), SEND, {})
        found = await explanation(decider, request_id)
        assert (found["request_id"], found["allowed"]) == (request_id, True)
        assert found["because"] == "because of identity-based, , Sends"
        assert [statement["applies"] for statement in found["statements"]] == [False, True]
        assert found["context"]["aws:sourceip"] == "10.1.1.1"
    assert await decider.allowed("r3") is None


async def test_it_says_so_where_the_policies_are_others_by_now() -> None:
    source = Source(identity(ALLOW))
    decider = authorizer(source)
    await decider.authorize(ctx("r"), SEND, {})
    source.policies, source.changes = (), 1
    found = await explanation(decider, "r")
    assert found["allowed"] is True
    assert found["because"] == (
        "it was; as its policies are now, it would not be, because no identity-based policy allows the"
        " sqs:SendMessage action"
    )


async def test_root_needs_no_statement() -> None:
    decider = authorizer(Source())
    await decider.authorize(ctx("r", root_principal(ACCOUNT)), SEND, {})
    assert (await explanation(decider, "r"))["because"] == "because it is root of the account"


async def test_a_resources_policy_is_named() -> None:
    source = Source()
    statement = {"Effect": "Allow", "Principal": {"AWS": USER.arn}, "Action": "sqs:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    source.of_queue = parse_resource_policy(document)
    decider = authorizer(source)
    await decider.authorize(ctx("r"), SEND, {})
    assert (await explanation(decider, "r"))["because"] == f"because of resource-based, {QUEUE}, #1"


async def test_assuming_a_role_is_explained_by_both_policies() -> None:
    trust = parse_trust_policy(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"},
            }
        )
    )
    assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    decider = authorizer(Source(identity(assume)))
    assert await decider.allows_with_trust(USER, "sts:AssumeRole", ROLE_ARN, trust, request_id="r")
    because = f"because of identity-based, , #1 and role trust, {ROLE_ARN}, #1"
    assert (await explanation(decider, "r"))["because"] == because


@pytest.mark.parametrize("mode", ["permissive", "enforce"])
async def test_where_policies_have_no_say_there_is_nothing_to_explain(mode: AuthMode) -> None:
    decider = authorizer(Source(identity(ALLOW)), mode)
    await decider.authorize(ctx("r"), SEND, {})
    assert (await decider.allowed("r") is not None) is (mode == "enforce")


async def test_the_last_are_kept_and_an_account_is_forgotten() -> None:
    decider = authorizer(Source(identity(ALLOW)))
    for number in range(ALLOWED_KEPT + 1):
        await decider.authorize(ctx(f"r{number}"), SEND, {})
    assert await decider.allowed("r0") is None
    assert await decider.allowed("r1") is not None
    decider.forget("222222222222")
    assert await decider.allowed("r1") is not None
    decider.forget(ACCOUNT)
    assert await decider.allowed("r1") is None


async def test_a_request_that_is_known_to_be_allowed_keeps_its_own_condition_keys() -> None:
    puts = Action(
        "sqs:SendMessage",
        lambda ctx, params: QUEUE,
        lambda ctx, params: {"sqs:namespace": params["namespace"]},
    )
    source = Source(identity(ALLOW))
    decider = authorizer(source)
    await decider.authorize(ctx("decided"), puts, {"namespace": "NS"})
    assert decider.known_to_be_allowed(ctx("known"), puts, {"namespace": "NS"})
    condition = {"StringEquals": {"sqs:namespace": "NS"}}
    source.policies, source.changes = (identity({**ALLOW, "Condition": condition}),), 1
    for request_id in ("decided", "known"):
        assert [each["applies"] for each in (await explanation(decider, request_id))["statements"]] == [True]


async def test_of_several_actions_the_requests_own_is_explained() -> None:
    both = Action("sqs:SendMessage", lambda ctx, params: QUEUE, also=lambda params: ["sqs:SendMore"])
    decider = authorizer(Source(identity(ALLOW)))
    await decider.authorize(ctx("r"), both, {})
    assert (await explanation(decider, "r"))["action"] == "sqs:SendMessage"
