"""From an operation to AWS's answer: who is let through, how a denial reads, what the cache may keep."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.support.policies import identity_of

from noria.auth.authorize import DECISIONS_CACHED, Action, Authorizer, Denial
from noria.auth.conditions import global_conditions, principal_conditions
from noria.clock import ManualClock
from noria.config import AuthMode
from noria.context import Principal, RequestContext, root_principal, service_principal
from noria.errors import AwsError
from noria.policy.document import parse_identity_policy, parse_trust_policy
from noria.policy.evaluate import Identity
from noria.policy.statement import Policy

ACCOUNT = "111111111111"
OTHER = "222222222222"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/team/R"
ROLE = Principal(
    "assumed-role",
    ACCOUNT,
    f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s",
    "AROAR:s",
    "R",
    role_arn=ROLE_ARN,
)
DENIALS = {
    "sqs": Denial("AccessDeniedException", query_code="AccessDenied", lowercase_action=True),
    "iam": Denial("AccessDenied"),
}


def identity(*statements: dict[str, Any]) -> Policy:
    return parse_identity_policy(json.dumps({"Version": "2012-10-17", "Statement": statements}))


def statement(effect: str, action: str, resource: str = "*", /, **condition: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, "Condition": condition}


class Policies:
    """A PolicySource that counts how often it is asked."""

    def __init__(self, *policies: Policy) -> None:
        self.policies = policies
        self.asked = 0
        self.changes = 0

    async def identity(self, principal: Principal) -> Identity:
        self.asked += 1
        return identity_of(*self.policies)

    async def entity_arn(self, arn: str) -> str:
        return ROLE_ARN if arn == f"arn:aws:iam::{ACCOUNT}:role/R" else arn

    def generation(self) -> int:
        return self.changes


def context(principal: Principal = ROLE, service: str = "sqs", **more: Any) -> RequestContext:
    return RequestContext(
        "request", service, "Operation", ACCOUNT, "us-east-1", principal, 1_700_000_000_000, **more
    )


def authorizer(policies: Policies, mode: AuthMode = "enforce") -> Authorizer:
    return Authorizer(policies, mode, DENIALS, ManualClock())


async def denial(policies: Policies, ctx: RequestContext, action: str, resource: str) -> AwsError:
    with pytest.raises(AwsError) as refused:
        await authorizer(policies).require(ctx, action, resource)
    return refused.value


async def test_a_denial_reads_like_sqss() -> None:
    error = await denial(Policies(), context(), "sqs:SendMessage", QUEUE)
    assert (error.code, error.query_code, error.status) == ("AccessDeniedException", "AccessDenied", 403)
    assert error.message == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/R/s is not authorized to perform: sqs:sendmessage "
        f"on resource: {QUEUE} because no identity-based policy allows the sqs:sendmessage action"
    )


async def test_an_explicit_deny_reads_like_awss() -> None:
    policies = Policies(identity(statement("Allow", "*"), statement("Deny", "iam:*")))
    error = await denial(policies, context(service="iam"), "iam:PassRole", ROLE_ARN)
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert error.message == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/R/s is not authorized to perform: iam:PassRole "
        f"on resource: {ROLE_ARN} with an explicit deny in an identity-based policy"
    )


async def test_an_operation_says_its_resource_in_its_own_words() -> None:
    action = Action(
        "iam:GetRole",
        lambda ctx, params: f"arn:aws:iam::{ctx.account}:role/{params['role_name']}",
        resource_text=lambda ctx, params: f"role {params['role_name']}",
        by_name=True,
    )
    with pytest.raises(AwsError) as refused:
        await authorizer(Policies()).authorize(context(service="iam"), action, {"role_name": "R"})
    assert refused.value.message == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/R/s is not authorized to perform: iam:GetRole "
        "on resource: role R because no identity-based policy allows the iam:GetRole action"
    )
    by_path = Policies(identity(statement("Allow", "iam:GetRole", f"arn:aws:iam::{ACCOUNT}:role/team/*")))
    await authorizer(by_path).authorize(context(service="iam"), action, {"role_name": "R"})
    with pytest.raises(AwsError):
        await authorizer(by_path).authorize(context(service="iam"), action, {"role_name": "S"})


async def test_an_operation_adds_its_own_condition_keys() -> None:
    action = Action("sqs:X", lambda ctx, params: QUEUE, lambda ctx, params: {"sqs:k": params["k"]})
    policies = Policies(identity(statement("Allow", "sqs:X", StringEquals={"sqs:k": "yes"})))
    await authorizer(policies).authorize(context(), action, {"k": "yes"})
    with pytest.raises(AwsError):
        await authorizer(policies).authorize(context(), action, {"k": "no"})


async def test_what_needs_no_permission_asks_no_policy() -> None:
    policies = Policies()
    action = Action("sts:GetCallerIdentity", lambda ctx, params: "*", needs_permission=False)
    await authorizer(policies).authorize(context(), action, {})
    assert policies.asked == 0


async def test_root_and_permissive_mode_ask_no_policy() -> None:
    policies = Policies(identity(statement("Deny", "*")))
    await authorizer(policies).require(context(root_principal(ACCOUNT)), "sqs:SendMessage", QUEUE)
    await authorizer(policies, "permissive").require(context(), "sqs:SendMessage", QUEUE)
    assert await authorizer(policies, "permissive").allows(ROLE, "sqs:SendMessage", QUEUE)
    assert await authorizer(policies).allows(root_principal(ACCOUNT), "sqs:SendMessage", QUEUE)
    assert policies.asked == 0


async def test_a_decision_is_kept_until_a_policy_changes() -> None:
    policies = Policies(identity(statement("Allow", "sqs:*")))
    decider = authorizer(policies)
    for _ in range(3):
        assert await decider.allows(ROLE, "sqs:SendMessage", QUEUE)
    assert policies.asked == 1
    policies.policies = ()
    policies.changes += 1
    assert not await decider.allows(ROLE, "sqs:SendMessage", QUEUE)
    assert policies.asked == 3  # once to decide, once to be able to explain


async def test_a_decision_that_looks_at_the_request_is_not_kept() -> None:
    policies = Policies(identity(statement("Allow", "sqs:*", IpAddress={"aws:SourceIp": "10.0.0.0/8"})))
    decider = authorizer(policies)
    await decider.require(context(source_ip="10.1.1.1"), "sqs:SendMessage", QUEUE)
    with pytest.raises(AwsError):
        await decider.require(context(source_ip="11.1.1.1"), "sqs:SendMessage", QUEUE)


async def test_nor_one_whose_session_does() -> None:
    condition = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement("Allow", "*", **condition)})
    principal = Principal("assumed-role", ACCOUNT, ROLE.arn, ROLE.user_id, "R", (document,))
    decider = authorizer(Policies(identity(statement("Allow", "*"))))
    await decider.require(context(principal, source_ip="10.1.1.1"), "sqs:SendMessage", QUEUE)
    with pytest.raises(AwsError, match="because no session policy allows the sqs:sendmessage action"):
        await decider.require(context(principal, source_ip="11.1.1.1"), "sqs:SendMessage", QUEUE)


async def test_one_principals_decision_is_not_anothers() -> None:
    decider = authorizer(Policies(identity(statement("Allow", "*"))))
    denies = json.dumps({"Version": "2012-10-17", "Statement": statement("Deny", "*")})
    narrowed = Principal("assumed-role", ACCOUNT, ROLE.arn, ROLE.user_id, "R", (denies,))
    assert await decider.allows(ROLE, "sqs:SendMessage", QUEUE)
    assert not await decider.allows(narrowed, "sqs:SendMessage", QUEUE)


async def test_the_cache_of_decisions_is_bounded() -> None:
    decider = authorizer(Policies(identity(statement("Allow", "*"))))
    for number in range(DECISIONS_CACHED + 10):
        await decider.allows(ROLE, "sqs:SendMessage", f"{QUEUE}{number}")
    assert len(decider._decisions) <= DECISIONS_CACHED


async def test_a_service_without_a_request_still_has_conditions() -> None:
    conditions = {
        "DateLessThan": {"aws:CurrentTime": "2030-01-01"},
        "StringEquals": {"aws:RequestedRegion": "us-east-1", "aws:ResourceAccount": ACCOUNT},
        "ArnEquals": {"aws:PrincipalArn": ROLE_ARN},
    }
    policies = Policies(identity(statement("Allow", "sqs:*", **conditions)))
    assert await authorizer(policies).allows(ROLE, "sqs:ReceiveMessage", QUEUE)
    elsewhere = QUEUE.replace("us-east-1", "eu-west-1")
    assert not await authorizer(policies).allows(ROLE, "sqs:ReceiveMessage", elsewhere)


def test_the_global_condition_keys_of_a_request() -> None:
    assert global_conditions(context(source_ip="10.1.1.1", base_url="http://localhost:4566")) == {
        "aws:PrincipalArn": ROLE_ARN,
        "aws:PrincipalAccount": ACCOUNT,
        "aws:PrincipalType": "AssumedRole",
        "aws:PrincipalIsAWSService": "false",
        "aws:userid": "AROAR:s",
        "aws:ViaAWSService": "false",
        "aws:RequestedRegion": "us-east-1",
        "aws:EpochTime": "1700000000",
        "aws:SecureTransport": "false",
        "aws:SourceIp": "10.1.1.1",
    }
    acting = global_conditions(context(via_service="lambda.amazonaws.com"))  # as the role, on its own behalf
    assert ("aws:SourceIp" in acting, acting["aws:ViaAWSService"]) == (False, "false")
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/idp.example"
    federated = msgspec.structs.replace(ROLE, federated_provider=provider)
    assert principal_conditions(federated)["aws:FederatedProvider"] == provider
    nobody_yet = Principal("web-identity", ACCOUNT, "", "", federated_provider=provider)
    assert principal_conditions(nobody_yet) == {
        "aws:PrincipalIsAWSService": "false",
        "aws:FederatedProvider": provider,
    }
    user = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDA", "ann")
    assert principal_conditions(user)["aws:username"] == "ann"


ALLOW_ASSUME = identity(statement("Allow", "sts:AssumeRole"))
DENY_ASSUME = identity(statement("Deny", "sts:AssumeRole"))
TARGET = f"arn:aws:iam::{ACCOUNT}:role/T"
FOREIGN = Principal("assumed-role", OTHER, f"arn:aws:sts::{OTHER}:assumed-role/R/s", "AROAF:s", "R")
ROOT = root_principal(ACCOUNT)


def trust(principal: Any, effect: str = "Allow", **condition: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition}


@pytest.mark.parametrize(
    ("principal", "statements", "own", "expected"),
    [
        pytest.param(
            ROLE, [trust({"AWS": ACCOUNT})], ALLOW_ASSUME, True, id="account trusted, caller allowed"
        ),
        pytest.param(ROLE, [trust({"AWS": ACCOUNT})], None, False, id="account trusted, caller not allowed"),
        pytest.param(ROLE, [trust({"AWS": OTHER})], ALLOW_ASSUME, False, id="another account trusted"),
        pytest.param(ROLE, [trust({"AWS": ROLE_ARN})], None, True, id="the role itself trusted"),
        pytest.param(ROLE, [trust({"AWS": ROLE.arn})], None, True, id="the session itself trusted"),
        pytest.param(
            ROLE, [trust({"AWS": ROLE_ARN})], DENY_ASSUME, False, id="trusted, but its policy denies"
        ),
        pytest.param(ROLE, [trust({"AWS": "*"})], None, True, id="everyone of the account trusted"),
        pytest.param(
            FOREIGN, [trust({"AWS": "*"})], None, False, id="everyone trusted, foreigner not allowed"
        ),
        pytest.param(
            FOREIGN, [trust({"AWS": OTHER})], ALLOW_ASSUME, True, id="foreign account, allowed there"
        ),
        pytest.param(FOREIGN, [trust({"AWS": FOREIGN.arn})], None, False, id="a foreigner needs both"),
        pytest.param(ROOT, [trust({"AWS": ACCOUNT})], None, True, id="root of the trusted account"),
        pytest.param(
            ROOT, [trust({"Service": "lambda.amazonaws.com"})], None, False, id="root of no trusted"
        ),
        pytest.param(ROOT, [trust({"AWS": ROLE_ARN})], None, False, id="root is not its account's roles"),
        pytest.param(
            ROLE,
            [trust({"AWS": ACCOUNT}), trust({"AWS": ROLE_ARN}, "Deny")],
            ALLOW_ASSUME,
            False,
            id="the trust policy denies",
        ),
        pytest.param(
            ROLE,
            [trust({"AWS": ACCOUNT}), trust({"AWS": OTHER}, "Deny")],
            ALLOW_ASSUME,
            True,
            id="the trust policy denies another",
        ),
        pytest.param(
            ROLE,
            [trust({"AWS": ACCOUNT}, StringEquals={"sts:ExternalId": "secret"})],
            ALLOW_ASSUME,
            True,
            id="with the external id",
        ),
        pytest.param(
            ROLE,
            [trust({"AWS": ACCOUNT}, StringEquals={"sts:ExternalId": "other"})],
            ALLOW_ASSUME,
            False,
            id="with a wrong external id",
        ),
        pytest.param(
            service_principal("lambda.amazonaws.com"),
            [trust({"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]})],
            None,
            True,
            id="a trusted service",
        ),
        pytest.param(
            service_principal("lambda.amazonaws.com"),
            [trust({"Service": "ec2.amazonaws.com"})],
            None,
            False,
            id="another service",
        ),
        pytest.param(
            service_principal("lambda.amazonaws.com"),
            [trust({"AWS": "*"})],
            None,
            False,
            id="a service is nobody",
        ),
    ],
)
async def test_trust_and_own_policies_decide_together(
    principal: Principal, statements: list[dict[str, Any]], own: Policy | None, expected: bool
) -> None:
    document = parse_trust_policy(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    decider = authorizer(Policies(own) if own else Policies())
    conditions = {"sts:ExternalId": "secret"}
    allowed = await decider.allows_with_trust(principal, "sts:AssumeRole", TARGET, document, conditions)
    assert allowed is expected


async def test_a_narrowed_session_stays_narrow_where_its_role_is_trusted() -> None:
    narrow = json.dumps({"Version": "2012-10-17", "Statement": statement("Allow", "sqs:*")})
    principal = Principal("assumed-role", ACCOUNT, ROLE.arn, ROLE.user_id, "R", (narrow,), ROLE_ARN)
    document = parse_trust_policy(
        json.dumps({"Version": "2012-10-17", "Statement": trust({"AWS": ROLE_ARN})})
    )
    decider = authorizer(Policies(ALLOW_ASSUME))
    assert not await decider.allows_with_trust(principal, "sts:AssumeRole", TARGET, document)


async def test_permissive_mode_skips_trust_too() -> None:
    document = parse_trust_policy(
        json.dumps({"Version": "2012-10-17", "Statement": trust({"Service": "ec2.amazonaws.com"})})
    )
    decider = authorizer(Policies(), "permissive")
    assert await decider.allows_with_trust(ROLE, "sts:AssumeRole", TARGET, document)
