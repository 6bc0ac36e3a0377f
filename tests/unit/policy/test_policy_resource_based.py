"""Resource policies and boundaries beside identity policies: one account, two, services, everyone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.policies import document, identity_of, identity_policy, resource_policy

from noria.context import Principal, root_principal, service_principal
from noria.errors import AwsError
from noria.policy.document import parse_resource_policy
from noria.policy.evaluate import Attached, Identity, PolicyRequest, evaluate

HERE, THERE = "111111111111", "222222222222"
QUEUE = f"arn:aws:sqs:us-east-1:{HERE}:q"
ANN = f"arn:aws:iam::{HERE}:user/ann"
ROLE_ARN = f"arn:aws:iam::{HERE}:role/R"
SESSION_ARN = f"arn:aws:sts::{HERE}:assumed-role/R/s"
USER = Principal("user", HERE, ANN, "AIDAANN", "ann")
SESSION = Principal("assumed-role", HERE, SESSION_ARN, "AROAR:s", "R", role_arn=ROLE_ARN)
NARROWED = Principal(
    "assumed-role",
    HERE,
    SESSION_ARN,
    "AROAR:s",
    "R",
    (document({"Effect": "Allow", "Action": "logs:*", "Resource": "*"}),),
    ROLE_ARN,
)
STRANGER = Principal("user", THERE, f"arn:aws:iam::{THERE}:user/bob", "AIDABOB", "bob")
ROOT, FOREIGN_ROOT = root_principal(HERE), root_principal(THERE)
SNS = service_principal("sns.amazonaws.com")
NOBODY_SIGNED = Principal("anonymous", "", "", "")

ALLOWS = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
DENIES = {"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*"}
LOGS_ONLY = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}

NO_OWN = "because no identity-based policy allows the sqs:SendMessage action"
NO_RESOURCE = "because no resource-based policy allows the sqs:SendMessage action"
NO_BOUNDARY = "because no permissions boundary allows the sqs:SendMessage action"
NO_SESSION = "because no session policy allows the sqs:SendMessage action"
OWN_DENIES = "with an explicit deny in an identity-based policy"
QUEUE_DENIES = "with an explicit deny in a resource-based policy"
BOUNDARY_DENIES = "with an explicit deny in a permissions boundary"


def to(principal: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": "sqs:SendMessage", "Resource": QUEUE, **more}


def but(principal: Any, effect: str = "Deny") -> dict[str, Any]:
    return {"Effect": effect, "NotPrincipal": principal, "Action": "sqs:SendMessage", "Resource": QUEUE}


Row = tuple[str, Principal, list[dict[str, Any]], dict[str, Any] | None, list[dict[str, Any]], str | None]

# what is promised, who, its own statements, its boundary's, the queue's, the reason of the denial
ROWS: list[Row] = [
    ("one account: identity is enough", USER, [ALLOWS], None, [], None),
    ("one account: neither", USER, [], None, [], NO_OWN),
    ("one account: the queue names the user", USER, [], None, [to({"AWS": ANN})], None),
    ("one account: the queue names the session", SESSION, [], None, [to({"AWS": SESSION_ARN})], None),
    ("one account: the queue names the role", SESSION, [], None, [to({"AWS": ROLE_ARN})], None),
    ("one account: the queue names everyone", USER, [], None, [to("*")], None),
    ("one account: everyone as AWS", USER, [], None, [to({"AWS": "*"})], None),
    ("one account: the account is no grant", USER, [], None, [to({"AWS": HERE})], NO_OWN),
    ("one account: the account's ARN neither",
     USER, [], None, [to({"AWS": f"arn:aws:iam::{HERE}:root"})], NO_OWN),
    ("one account: account and identity", USER, [ALLOWS], None, [to({"AWS": HERE})], None),
    ("one account: another user named", USER, [], None, [to({"AWS": ANN + "e"})], NO_OWN),
    ("one account: another action granted", USER, [], None, [to("*", Action="sqs:Get*")], NO_OWN),
    ("one account: another resource granted", USER, [], None, [to("*", Resource=QUEUE + "2")], NO_OWN),
    ("one account: NotAction in the grant", USER, [], None, [
        {"Effect": "Allow", "Principal": "*", "NotAction": "sqs:DeleteQueue", "Resource": QUEUE}], None),
    ("one account: NotResource in the grant", USER, [], None, [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "NotResource": QUEUE}], NO_OWN),
    ("one account: a list of principals", USER, [], None, [to({"AWS": [THERE, ANN]})], None),
    ("one account: a user is not its path's namesake", USER, [], None, [
        to({"AWS": f"arn:aws:iam::{HERE}:user/x/ann"})], NO_OWN),
    ("one account: identity denies what the queue grants",
     USER, [DENIES], None, [to({"AWS": ANN})], OWN_DENIES),
    ("one account: the queue denies what identity allows",
     USER, [ALLOWS], None, [to({"AWS": ANN}, "Deny")], QUEUE_DENIES),
    ("one account: the queue denies the account",
     USER, [ALLOWS], None, [to({"AWS": HERE}, "Deny")], QUEUE_DENIES),
    ("one account: the queue denies everyone", USER, [ALLOWS], None, [to("*", "Deny")], QUEUE_DENIES),
    ("one account: the queue denies the role",
     SESSION, [ALLOWS], None, [to({"AWS": ROLE_ARN}, "Deny")], QUEUE_DENIES),
    ("one account: the queue denies another", USER, [ALLOWS], None, [to({"AWS": THERE}, "Deny")], None),
    ("one account: the queue denies and grants",
     USER, [ALLOWS], None, [to("*"), to({"AWS": ANN}, "Deny")], QUEUE_DENIES),
    ("two accounts: both", STRANGER, [ALLOWS], None, [to({"AWS": STRANGER.arn})], None),
    ("two accounts: both, by account", STRANGER, [ALLOWS], None, [to({"AWS": THERE})], None),
    ("two accounts: both, by everyone", STRANGER, [ALLOWS], None, [to("*")], None),
    ("two accounts: no policy of the queue", STRANGER, [ALLOWS], None, [], NO_RESOURCE),
    ("two accounts: the queue grants another", STRANGER, [ALLOWS], None, [to({"AWS": ANN})], NO_RESOURCE),
    ("two accounts: the queue alone", STRANGER, [], None, [to({"AWS": STRANGER.arn})], NO_OWN),
    ("two accounts: everyone alone", STRANGER, [], None, [to("*")], NO_OWN),
    ("two accounts: the queue denies",
     STRANGER, [ALLOWS], None, [to("*"), to({"AWS": THERE}, "Deny")], QUEUE_DENIES),
    ("two accounts: identity denies", STRANGER, [ALLOWS, DENIES], None, [to("*")], OWN_DENIES),
    ("two accounts: the boundary forbids", STRANGER, [ALLOWS], LOGS_ONLY, [to("*")], NO_BOUNDARY),
    ("root: all of its account", ROOT, [], None, [], None),
    ("root: not what the queue denies", ROOT, [], None, [to("*", "Deny")], QUEUE_DENIES),
    ("root: another account's queue", FOREIGN_ROOT, [], None, [], NO_RESOURCE),
    ("root: another account's queue that grants", FOREIGN_ROOT, [], None, [to({"AWS": THERE})], None),
    ("boundary: both allow", USER, [ALLOWS], ALLOWS, [], None),
    ("boundary: it allows nothing by itself", USER, [], ALLOWS, [], NO_OWN),
    ("boundary: it does not", USER, [ALLOWS], LOGS_ONLY, [], NO_BOUNDARY),
    ("boundary: it denies", USER, [ALLOWS], DENIES, [], BOUNDARY_DENIES),
    ("boundary: a user that the queue names is not limited", USER, [], LOGS_ONLY, [to({"AWS": ANN})], None),
    ("boundary: but it is by a deny", USER, [], DENIES, [to({"AWS": ANN})], BOUNDARY_DENIES),
    ("boundary: a role that the queue names is",
     SESSION, [], LOGS_ONLY, [to({"AWS": ROLE_ARN})], NO_BOUNDARY),
    ("boundary: a session that it names is not", SESSION, [], LOGS_ONLY, [to({"AWS": SESSION_ARN})], None),
    ("session: narrowed where the queue names the role",
     NARROWED, [], None, [to({"AWS": ROLE_ARN})], NO_SESSION),
    ("session: not where it names the session", NARROWED, [], None, [to({"AWS": SESSION_ARN})], None),
    ("session: narrowed in its own account", NARROWED, [ALLOWS], None, [], NO_SESSION),
    ("session: the boundary is named first", NARROWED, [ALLOWS], LOGS_ONLY, [], NO_BOUNDARY),
    ("service: named", SNS, [], None, [to({"Service": "sns.amazonaws.com"})], None),
    ("service: not named", SNS, [], None, [], NO_RESOURCE),
    ("service: another", SNS, [], None, [to({"Service": "s3.amazonaws.com"})], NO_RESOURCE),
    ("service: an account is no service", SNS, [], None, [to({"AWS": HERE})], NO_RESOURCE),
    ("service: everyone", SNS, [], None, [to("*")], None),
    ("service: denied", SNS, [], None, [to("*"), to({"Service": "sns.amazonaws.com"}, "Deny")], QUEUE_DENIES),
    ("service: a user is none", USER, [], None, [to({"Service": "sns.amazonaws.com"})], NO_OWN),
    ("anonymous: everyone", NOBODY_SIGNED, [], None, [to("*")], None),
    ("anonymous: nobody", NOBODY_SIGNED, [], None, [to({"AWS": HERE})], NO_RESOURCE),
    ("anonymous: no policy", NOBODY_SIGNED, [], None, [], NO_RESOURCE),
    ("NotPrincipal: spares user and account", USER, [ALLOWS], None, [but({"AWS": [ANN, HERE]})], None),
    ("NotPrincipal: the user alone is not spared", USER, [ALLOWS], None, [but({"AWS": ANN})], QUEUE_DENIES),
    ("NotPrincipal: the account alone spares no user",
     USER, [ALLOWS], None, [but({"AWS": HERE})], QUEUE_DENIES),
    ("NotPrincipal: the account spares root", ROOT, [], None, [but({"AWS": HERE})], None),
    ("NotPrincipal: root is not spared with a user", ROOT, [], None, [but({"AWS": ANN})], QUEUE_DENIES),
    ("NotPrincipal: a session needs all three", SESSION, [ALLOWS], None, [
        but({"AWS": [SESSION_ARN, ROLE_ARN, HERE]})], None),
    ("NotPrincipal: the role is not the session", SESSION, [ALLOWS], None, [
        but({"AWS": [ROLE_ARN, HERE]})], QUEUE_DENIES),
    ("NotPrincipal: a service spared", SNS, [], None, [
        to("*"), but({"Service": "sns.amazonaws.com"})], None),
    ("NotPrincipal: a service not spared", SNS, [], None, [to("*"), but({"AWS": HERE})], QUEUE_DENIES),
    ("NotPrincipal: everyone spared", USER, [ALLOWS], None, [but("*")], None),
    ("NotPrincipal: an allow for all others", USER, [], None, [but({"AWS": THERE}, "Allow")], None),
    ("NotPrincipal: an allow for all others but her", USER, [], None, [
        but({"AWS": [ANN, HERE]}, "Allow")], NO_OWN),
]  # fmt: skip


@pytest.mark.parametrize(
    ("principal", "own", "boundary", "queue", "reason"), [pytest.param(*row[1:], id=row[0]) for row in ROWS]
)
def test_who_may_send(
    principal: Principal,
    own: list[dict[str, Any]],
    boundary: dict[str, Any] | None,
    queue: list[dict[str, Any]],
    reason: str | None,
) -> None:
    identity = identity_of(
        *([identity_policy(*own)] if own else []),
        boundary=identity_policy(boundary) if boundary else None,
    )
    request = PolicyRequest(principal, "sqs:SendMessage", QUEUE, {})
    decision = evaluate(request, identity, resource_policy(*queue) if queue else None)
    assert (None if decision.allowed else decision.because("sqs:SendMessage")) == reason


CONDITIONS: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("the topic", {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:*:{HERE}:t"}},
     {"aws:SourceArn": f"arn:aws:sns:us-east-1:{HERE}:t"}, True),
    ("a topic of another account", {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:*:{HERE}:t"}},
     {"aws:SourceArn": f"arn:aws:sns:us-east-1:{THERE}:t"}, False),
    ("no source", {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:*:{HERE}:t"}}, {}, False),
    ("the account", {"StringEquals": {"aws:SourceAccount": HERE}}, {"aws:SourceAccount": HERE}, True),
    ("another account", {"StringEquals": {"aws:SourceAccount": HERE}}, {"aws:SourceAccount": THERE}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "context", "expected"), [pytest.param(*row[1:], id=row[0]) for row in CONDITIONS]
)
def test_a_service_is_no_confused_deputy(
    condition: dict[str, Any], context: dict[str, Any], expected: bool
) -> None:
    policy = resource_policy(to({"Service": "sns.amazonaws.com"}, Condition=condition))
    request = PolicyRequest(SNS, "sqs:SendMessage", QUEUE, context)
    assert evaluate(request, identity_of(), policy).allowed is expected


MANAGED = f"arn:aws:iam::{HERE}:policy/P"


def test_a_managed_policy_that_denies_is_named_inside_its_account() -> None:
    identity = Identity((Attached(identity_policy(DENIES), "P", MANAGED),))
    decision = evaluate(PolicyRequest(USER, "sqs:SendMessage", QUEUE, {}), identity)
    assert decision.because("sqs:SendMessage") == f"{OWN_DENIES}: {MANAGED}"
    elsewhere = evaluate(PolicyRequest(STRANGER, "sqs:SendMessage", QUEUE, {}), identity)
    assert elsewhere.because("sqs:SendMessage") == OWN_DENIES


def test_a_boundary_that_denies_is_named() -> None:
    identity = Identity((), Attached(identity_policy(DENIES), "P", MANAGED))
    decision = evaluate(PolicyRequest(USER, "sqs:SendMessage", QUEUE, {}), identity)
    assert decision.because("sqs:SendMessage") == f"{BOUNDARY_DENIES}: {MANAGED}"


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": "*", "NotPrincipal": "*", "Action": "sqs:*"},
        {"Effect": "Allow", "Principal": "*", "Resource": "*"},
        {"Effect": "Maybe", "Principal": "*", "Action": "sqs:*"},
        {"Effect": "Allow", "Principal": {"AWS": "ann"}, "Action": "sqs:*"},
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{HERE}:user/*"}, "Action": "sqs:*"},
        {"Effect": "Allow", "Principal": {"Everyone": "*"}, "Action": "sqs:*"},
        {"Effect": "Allow", "Principal": {}, "Action": "sqs:*"},
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Condition": {"Is": {"aws:k": "1"}}},
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Extra": 1},
    ],
)
def test_a_resource_policy_that_cannot_be_read_is_refused(statement: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as refused:
        parse_resource_policy(document(statement))
    assert refused.value.code == "MalformedPolicyDocument"
