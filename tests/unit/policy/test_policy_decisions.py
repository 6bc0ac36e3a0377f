"""Decisions derived by hand from the IAM reference. A row: what is promised, the policy, the request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.policies import identity_of

from noria.context import Principal
from noria.policy.document import parse_identity_policy
from noria.policy.evaluate import NOBODY, PolicyRequest, evaluate

ACCOUNT = "939096940193"
QUEUE = f"arn:aws:sqs:us-west-1:{ACCOUNT}:activity25"
ROLE = Principal(
    "assumed-role",
    ACCOUNT,
    f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s",
    "AROAEXAMPLE:s",
    "R",
    role_arn=f"arn:aws:iam::{ACCOUNT}:role/R",
)


def allow(action: Any = "sqs:*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "sqs:*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def decide(
    statements: list[dict[str, Any]],
    action: str = "sqs:SendMessage",
    resource: str = QUEUE,
    conditions: dict[str, Any] | None = None,
    principal: Principal = ROLE,
) -> bool:
    policy = parse_identity_policy(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return evaluate(PolicyRequest(principal, action, resource, conditions or {}), identity_of(policy)).allowed


ACTIONS_AND_EFFECTS: list[tuple[str, list[dict[str, Any]], str, bool]] = [
    ("a wildcard action allows", [allow("sqs:*")], "sqs:SendMessage", True),
    ("another service's wildcard does not", [allow("logs:*")], "sqs:SendMessage", False),
    ("the star is every action", [allow("*")], "sqs:SendMessage", True),
    ("star in both parts", [allow("*:*")], "sqs:SendMessage", True),
    ("an exact action", [allow("sqs:SendMessage")], "sqs:SendMessage", True),
    ("an exact action is no prefix", [allow("sqs:SendMessage")], "sqs:SendMessageBatch", False),
    ("an action's prefix is not the action", [allow("sqs:Send")], "sqs:SendMessage", False),
    ("action names ignore case in the policy", [allow("SQS:sendmessage")], "sqs:SendMessage", True),
    ("action names ignore case in the request", [allow("sqs:SendMessage")], "sqs:sendmessage", True),
    ("a prefix pattern", [allow("sqs:Send*")], "sqs:SendMessage", True),
    ("a prefix pattern elsewhere", [allow("sqs:Get*")], "sqs:SendMessage", False),
    ("a suffix pattern", [allow("sqs:*Message")], "sqs:SendMessage", True),
    ("a suffix pattern needs the end", [allow("sqs:*Message")], "sqs:SendMessageBatch", False),
    ("an inner pattern", [allow("sqs:S*e")], "sqs:SendMessage", True),
    ("two stars", [allow("sqs:*end*age")], "sqs:SendMessage", True),
    ("two stars in the wrong order", [allow("sqs:*age*end*")], "sqs:SendMessage", False),
    ("a star may match nothing", [allow("sqs:SendMessage*")], "sqs:SendMessage", True),
    ("a question mark is one character", [allow("sqs:?endMessage")], "sqs:SendMessage", True),
    ("a question mark is not none", [allow("sqs:SendMessage?")], "sqs:SendMessage", False),
    ("a question mark is not two", [allow("sqs:?ndMessage")], "sqs:SendMessage", False),
    ("one of a list", [allow(["sqs:GetQueueUrl", "sqs:SendMessage"])], "sqs:SendMessage", True),
    ("none of a list", [allow(["sqs:GetQueueUrl", "sqs:ReceiveMessage"])], "sqs:SendMessage", False),
    ("a deny alone denies", [deny()], "sqs:SendMessage", False),
    ("a deny beats an allow before it", [allow(), deny()], "sqs:SendMessage", False),
    ("a deny beats an allow after it", [deny(), allow()], "sqs:SendMessage", False),
    ("a deny of another action does not", [allow(), deny("sqs:DeleteQueue")], "sqs:SendMessage", True),
    ("a deny of a narrower action does", [allow("*"), deny("sqs:SendMessage")], "sqs:SendMessage", False),
    ("two allows are no more than one", [allow(), allow("*")], "sqs:SendMessage", True),
    (
        "NotAction allows the others",
        [{"Effect": "Allow", "NotAction": "sqs:DeleteQueue", "Resource": "*"}],
        "sqs:SendMessage",
        True,
    ),
    (
        "NotAction leaves out what it names",
        [{"Effect": "Allow", "NotAction": "sqs:Send*", "Resource": "*"}],
        "sqs:SendMessage",
        False,
    ),
    (
        "NotAction leaves out whatever the case",
        [{"Effect": "Allow", "NotAction": "SQS:SENDMESSAGE", "Resource": "*"}],
        "sqs:SendMessage",
        False,
    ),
    (
        "NotAction of a list leaves out each",
        [{"Effect": "Allow", "NotAction": ["iam:*", "sqs:SendMessage"], "Resource": "*"}],
        "sqs:SendMessage",
        False,
    ),
    (
        "a deny with NotAction denies the others",
        [allow("*"), {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}],
        "sqs:SendMessage",
        False,
    ),
    (
        "a deny with NotAction spares what it names",
        [allow("*"), {"Effect": "Deny", "NotAction": "sqs:*", "Resource": "*"}],
        "sqs:SendMessage",
        True,
    ),
]


@pytest.mark.parametrize(
    ("statements", "action", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in ACTIONS_AND_EFFECTS],
)
def test_actions_and_effects(statements: list[dict[str, Any]], action: str, expected: bool) -> None:
    assert decide(statements, action) is expected


RESOURCES: list[tuple[str, str | list[str], str, bool]] = [
    ("the very ARN", QUEUE, QUEUE, True),
    ("another queue", QUEUE, f"{QUEUE}-dlq", False),
    ("a prefix of the name", QUEUE + "-dlq", QUEUE, False),
    ("another region", f"arn:aws:sqs:us-east-1:{ACCOUNT}:activity25", QUEUE, False),
    ("another account", "arn:aws:sqs:us-west-1:111111111111:activity25", QUEUE, False),
    ("resources respect case", f"arn:aws:sqs:us-west-1:{ACCOUNT}:Activity25", QUEUE, False),
    ("the star", "*", QUEUE, True),
    ("any name", f"arn:aws:sqs:us-west-1:{ACCOUNT}:*", QUEUE, True),
    ("names that begin so", f"arn:aws:sqs:us-west-1:{ACCOUNT}:activity*", QUEUE, True),
    ("names that end so", f"arn:aws:sqs:us-west-1:{ACCOUNT}:*25", QUEUE, True),
    ("names that end otherwise", f"arn:aws:sqs:us-west-1:{ACCOUNT}:*26", QUEUE, False),
    ("any region", f"arn:aws:sqs:*:{ACCOUNT}:activity25", QUEUE, True),
    ("regions that begin so", f"arn:aws:sqs:us-*:{ACCOUNT}:activity25", QUEUE, True),
    ("regions that begin otherwise", f"arn:aws:sqs:eu-*:{ACCOUNT}:activity25", QUEUE, False),
    ("a star inside the region", f"arn:aws:sqs:us-*-1:{ACCOUNT}:activity25", QUEUE, True),
    ("any account", "arn:aws:sqs:us-west-1:*:activity25", QUEUE, True),
    ("any region and account", "arn:aws:sqs:*:*:activity25", QUEUE, True),
    ("any region and account, another name", "arn:aws:sqs:*:*:other", QUEUE, False),
    ("a question mark", f"arn:aws:sqs:us-west-?:{ACCOUNT}:activity25", QUEUE, True),
    ("a question mark is no colon", f"arn:aws:sqs:us-west-1?{ACCOUNT}:activity25", QUEUE, False),
    ("a star that ends its segment goes beyond the colon", "arn:aws:sqs:*:activity25", QUEUE, True),
    ("a star that ends the ARN covers the rest", "arn:aws:sqs:us-west-1:*", QUEUE, True),
    ("a star that ends the ARN early covers the rest", "arn:aws:sqs:*", QUEUE, True),
    ("a star inside a segment stays in it", "arn:aws:sqs:us*193:activity25", QUEUE, False),
    ("any partition", f"arn:*:sqs:us-west-1:{ACCOUNT}:activity25", QUEUE, True),
    ("one of a list", ["arn:aws:sqs:*:*:other", QUEUE], QUEUE, True),
    ("none of a list", ["arn:aws:sqs:*:*:other", "arn:aws:sqs:*:*:third"], QUEUE, False),
    ("a star in a path", "arn:aws:iam::939096940193:role/*/R", "arn:aws:iam::939096940193:role/a/b/R", True),
    (
        "the path is part of it",
        "arn:aws:iam::939096940193:role/R",
        "arn:aws:iam::939096940193:role/a/R",
        False,
    ),
    (
        "colons in the resource are its own",
        "arn:aws:logs:*:*:log-group:/aws/*:x",
        "arn:aws:logs:r:939096940193:log-group:/aws/l:y:x",
        True,
    ),
    (
        "a function's versions",
        "arn:aws:lambda:r:939096940193:function:f:*",
        "arn:aws:lambda:r:939096940193:function:f:7",
        True,
    ),
    (
        "a function is none of its versions",
        "arn:aws:lambda:r:939096940193:function:f:*",
        "arn:aws:lambda:r:939096940193:function:f",
        False,
    ),
    (
        "a dollar is a dollar",
        "arn:aws:lambda:r:939096940193:function:f:$LATEST",
        "arn:aws:lambda:r:939096940193:function:f:$LATEST",
        True,
    ),
    ("a dot is a dot", "arn:aws:s3:::a.b", "arn:aws:s3:::axb", False),
    ("a literal star", "arn:aws:s3:::a${*}", "arn:aws:s3:::a*", True),
    ("a literal star is no wildcard", "arn:aws:s3:::a${*}", "arn:aws:s3:::ab", False),
    ("a literal question mark", "arn:aws:s3:::a${?}", "arn:aws:s3:::a?", True),
    ("a literal dollar", "arn:aws:s3:::a${$}", "arn:aws:s3:::a$", True),
    ("actions without a resource", "*", "*", True),
    ("an ARN is not every resource", QUEUE, "*", False),
]


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"), [pytest.param(*row[1:], id=row[0]) for row in RESOURCES]
)
def test_resources(pattern: str | list[str], resource: str, expected: bool) -> None:
    assert decide([allow("*", pattern)], resource=resource) is expected


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"), [pytest.param(*row[1:], id=row[0]) for row in RESOURCES]
)
def test_not_resource_is_the_opposite(pattern: str | list[str], resource: str, expected: bool) -> None:
    assert (
        decide([{"Effect": "Allow", "Action": "*", "NotResource": pattern}], resource=resource)
        is not expected
    )
    statements = [allow("*"), {"Effect": "Deny", "Action": "*", "NotResource": pattern}]
    assert decide(statements, resource=resource) is expected


USER = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAEXAMPLE", "ann")
NAMED = {"aws:username": "ann", "aws:PrincipalAccount": ACCOUNT}

VARIABLES: list[tuple[str, str, str, dict[str, Any], bool]] = [
    ("a variable's value", "arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/ann/x", NAMED, True),
    ("another's value", "arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/bob/x", NAMED, False),
    ("variables ignore case", "arn:aws:s3:::${AWS:UserName}", "arn:aws:s3:::ann", NAMED, True),
    ("a variable alone", "arn:aws:s3:::${aws:username}", "arn:aws:s3:::ann", NAMED, True),
    ("a missing variable matches nothing", "arn:aws:s3:::${aws:username}", "arn:aws:s3:::ann", {}, False),
    ("not even its own text", "arn:aws:s3:::${aws:username}", "arn:aws:s3:::${aws:username}", {}, False),
    ("a default", "arn:aws:s3:::${aws:username, 'all'}", "arn:aws:s3:::all", {}, True),
    ("a default gives way", "arn:aws:s3:::${aws:username, 'all'}", "arn:aws:s3:::all", NAMED, False),
    (
        "a value's star is no wildcard",
        "arn:aws:s3:::${aws:username}",
        "arn:aws:s3:::ann",
        {"aws:username": "*"},
        False,
    ),
    (
        "a value's star is a star",
        "arn:aws:s3:::${aws:username}",
        "arn:aws:s3:::*",
        {"aws:username": "*"},
        True,
    ),
    ("in the account", "arn:aws:sqs:*:${aws:PrincipalAccount}:q", f"arn:aws:sqs:r:{ACCOUNT}:q", NAMED, True),
    (
        "several values are no value",
        "arn:aws:s3:::${aws:TagKeys}",
        "arn:aws:s3:::a",
        {"aws:TagKeys": ["a"]},
        False,
    ),
]


@pytest.mark.parametrize(
    ("pattern", "resource", "conditions", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in VARIABLES],
)
def test_variables(pattern: str, resource: str, conditions: dict[str, Any], expected: bool) -> None:
    assert decide([allow("*", pattern)], resource=resource, conditions=conditions, principal=USER) is expected


def test_what_cannot_be_resolved_never_widens() -> None:
    pattern = "arn:aws:s3:::${aws:username}"
    assert not decide([{"Effect": "Allow", "Action": "*", "NotResource": pattern}], resource="arn:aws:s3:::x")
    statements = [allow("*"), {"Effect": "Deny", "Action": "*", "NotResource": pattern}]
    assert not decide(statements, resource="arn:aws:s3:::x")


def test_no_policy_allows_nothing() -> None:
    decision = evaluate(PolicyRequest(ROLE, "sqs:SendMessage", QUEUE, {}), NOBODY)
    assert not decision.allowed
    assert decision.because("sqs:SendMessage") == (
        "because no identity-based policy allows the sqs:SendMessage action"
    )


def test_an_explicit_deny_says_so() -> None:
    policy = parse_identity_policy(json.dumps({"Version": "2012-10-17", "Statement": deny()}))
    decision = evaluate(PolicyRequest(ROLE, "sqs:SendMessage", QUEUE, {}), identity_of(policy))
    assert decision.because("sqs:SendMessage") == "with an explicit deny in an identity-based policy"


def session(*statements: dict[str, Any]) -> Principal:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return Principal("assumed-role", ACCOUNT, ROLE.arn, ROLE.user_id, "R", (document,))


SESSIONS: list[tuple[str, list[dict[str, Any]], Principal, str | None]] = [
    ("both allow", [allow()], session(allow("sqs:Send*")), None),
    (
        "the session does not",
        [allow()],
        session(allow("sqs:Get*")),
        "because no session policy allows the sqs:SendMessage action",
    ),
    (
        "the role does not: a session never widens",
        [allow("logs:*")],
        session(allow("*")),
        "because no identity-based policy allows the sqs:SendMessage action",
    ),
    (
        "neither does",
        [allow("logs:*")],
        session(allow("logs:*")),
        "because no identity-based policy allows the sqs:SendMessage action",
    ),
    ("the session denies", [allow()], session(allow(), deny()), "with an explicit deny in a session policy"),
    (
        "the session denies what nothing allows",
        [allow("logs:*")],
        session(deny()),
        "with an explicit deny in a session policy",
    ),
    (
        "the role denies",
        [allow(), deny()],
        session(allow()),
        "with an explicit deny in an identity-based policy",
    ),
]


@pytest.mark.parametrize(
    ("statements", "principal", "reason"), [pytest.param(*row[1:], id=row[0]) for row in SESSIONS]
)
def test_sessions(statements: list[dict[str, Any]], principal: Principal, reason: str | None) -> None:
    policy = parse_identity_policy(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    decision = evaluate(PolicyRequest(principal, "sqs:SendMessage", QUEUE, {}), identity_of(policy))
    assert decision.allowed is (reason is None)
    if reason is not None:
        assert decision.because("sqs:SendMessage") == reason


def test_any_of_several_session_policies_may_allow() -> None:
    one, other = session(allow("logs:*")), session(allow("sqs:*"))
    principal = Principal(
        "assumed-role", ACCOUNT, ROLE.arn, ROLE.user_id, "R", one.session_policies + other.session_policies
    )
    assert decide([allow("*")], principal=principal)
    assert not decide([allow("*")], action="iam:GetRole", principal=principal)


def test_policies_are_a_union() -> None:
    policies = [
        parse_identity_policy(json.dumps({"Version": "2012-10-17", "Statement": statement}))
        for statement in (allow("logs:*"), allow("sqs:Send*"), deny("sqs:SendMessageBatch"))
    ]
    request = PolicyRequest(ROLE, "sqs:SendMessage", QUEUE, {})
    assert evaluate(request, identity_of(*policies)).allowed
    denied = evaluate(PolicyRequest(ROLE, "sqs:SendMessageBatch", QUEUE, {}), identity_of(*policies))
    assert denied.explicit
