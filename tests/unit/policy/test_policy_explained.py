"""A denial explained: every statement that was considered, and what of it did not match."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.policies import document, identity_policy, resource_policy, trust_policy

from noria.context import Principal
from noria.policy.evaluate import Attached, Identity, PolicyRequest
from noria.policy.explain import considered

ACCOUNT = "111111111111"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
USER = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDA", "ann")
CONTEXT = {"aws:SourceIp": "10.1.1.1", "aws:TagKeys": ["a", "b"]}


def why(statement: dict[str, Any]) -> tuple[str, ...]:
    identity = Identity((Attached(identity_policy(statement), "P"),))
    (row,) = considered(PolicyRequest(USER, "sqs:SendMessage", QUEUE, CONTEXT), identity, None, trust=False)
    assert row.applies is not bool(row.why)
    return row.why


def allow(**fields: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    for name in ("Action", "Resource"):
        if f"Not{name}" in fields:
            del base[name]
    return base | fields


WHY: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"Action": "sqs:Get*"}, ("Action sqs:Get* does not cover sqs:SendMessage",)),
    ({"NotAction": "sqs:*"}, ("NotAction sqs:* leaves out sqs:SendMessage",)),
    ({"Action": [f"a:{n}" for n in range(7)]},
     ("Action a:0, a:1, a:2, a:3, a:4 and 2 more does not cover sqs:SendMessage",)),
    ({"Resource": QUEUE + "2"}, (f"Resource {QUEUE}2 does not cover {QUEUE}",)),
    ({"NotResource": QUEUE}, (f"NotResource {QUEUE} leaves out {QUEUE}",)),
    ({"Action": "logs:*", "Resource": "arn:aws:logs:*"},
     ("Action logs:* does not cover sqs:SendMessage", f"Resource arn:aws:logs:* does not cover {QUEUE}")),
    ({"Condition": {"IpAddress": {"aws:SourceIp": "11.0.0.0/8"}}},
     ("Condition IpAddress aws:SourceIp: wants 11.0.0.0/8, the request has 10.1.1.1",)),
    ({"Condition": {"StringEquals": {"aws:SourceVpc": ["v1", "v2"]}}},
     ("Condition StringEquals aws:SourceVpc: wants v1, v2, the request has no such key",)),
    ({"Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}},
     ("Condition ForAllValues:StringEquals aws:TagKeys: wants a, the request has a, b",)),
    ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "Null": {"aws:SourceIp": "true"}}},
     ("Condition Null aws:SourceIp: wants true, the request has 10.1.1.1",)),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), WHY)
def test_what_does_not_match_is_said(fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert why(allow(**fields)) == expected


def test_every_policy_that_has_a_say_is_considered_in_the_order_of_the_evaluation() -> None:
    session = document(allow(Sid="InSession", Action="sqs:Get*"))
    principal = Principal("assumed-role", ACCOUNT, "arn:x", "AROA:s", "R", (session,))
    identity = Identity(
        (
            Attached(identity_policy(allow(Sid="First"), allow(Effect="Deny", Action="iam:*")), "inline"),
            Attached(identity_policy(allow()), "Managed", "arn:aws:iam::aws:policy/Managed"),
        ),
        Attached(identity_policy(allow()), "Limit", "arn:aws:iam::aws:policy/Limit"),
    )
    queue = resource_policy(
        {"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "*", "Resource": "*"}
    )
    rows = considered(PolicyRequest(principal, "sqs:SendMessage", QUEUE, {}), identity, queue, trust=False)
    assert [(row.policy_type, row.policy, row.statement, row.effect, row.applies) for row in rows] == [
        ("identity-based", "inline", "First", "Allow", True),
        ("identity-based", "inline", "#2", "Deny", False),
        ("identity-based", "arn:aws:iam::aws:policy/Managed", "#1", "Allow", True),
        ("resource-based", QUEUE, "#1", "Allow", False),
        ("permissions boundary", "arn:aws:iam::aws:policy/Limit", "#1", "Allow", True),
        ("session", "session policy 1", "InSession", "Allow", False),
    ]
    assert rows[3].why == ('Principal {"AWS":"222222222222"} does not mean the caller',)


def test_a_trust_policy_is_called_one() -> None:
    trust = trust_policy(
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    )
    role = f"arn:aws:iam::{ACCOUNT}:role/R"
    (row,) = considered(PolicyRequest(USER, "sts:AssumeRole", role, {}), Identity(), trust, trust=True)
    assert (row.policy_type, row.policy, row.applies) == ("role trust", role, False)
