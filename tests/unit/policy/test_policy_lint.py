"""What the linter says of policies, and that it never takes long."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.policy.actions import services
from noria.policy.lint import FINDINGS_KEPT, NARROW, actions_of, findings, meets, resources_too_wide, too_wide

QUEUE = "arn:aws:sqs:us-west-1:939096940193:activity25"
NOT_ABOUT = "no action of the statement can be about it"


def of(action: Any, resource: Any = "*", effect: str = "Allow") -> dict[str, Any]:
    return {"Statement": [{"Effect": effect, "Action": action, "Resource": resource}]}


FINDINGS: list[tuple[Any, Any, list[str]]] = [
    ("sqs:*", QUEUE, []),
    ("*", "*", []),
    ("SQS:sendmessage", QUEUE, []),
    ("sqs:Send*", QUEUE, []),
    ("s3:GetObject", "arn:aws:s3:::bucket/*", []),
    ("sqs:SendMesage", "*", ["Action sqs:SendMesage: there is no such action of sqs, but sqs:SendMessage"]),
    ("sqs:Sing*", "*", ["Action sqs:Sing*: there is no such action of sqs"]),
    ("lambda:Invoke", "*",
     ["Action lambda:Invoke: there is no such action of lambda, but lambda:InvokeAsync"]),
    ("sqz:SendMessage", "*", ["Action sqz:SendMessage: there is no service sqz"]),
    ("*:SendMessage", QUEUE, []),
    ("sqs:SendMessage", "arn:aws:sqs:*", []),
    ("sqs:SendMessage", "arn:aws:sqs:*:*:act*", []),
    ("sqs:SendMessage", "arn:aws:sqs:*:activity25", []),
    ("sqs:SendMessage", "arn:aws:sqs:us-west-1:${aws:PrincipalAccount}:q", []),
    ("sqs:SendMessage", "arn:aws:sns:us-west-1:1:q", [f"Resource arn:aws:sns:us-west-1:1:q: {NOT_ABOUT}"]),
    ("sqs:SendMessage", "arn:aws:s*s:us-west-1:1:q", []),
    (["sqs:SendMessage", "sns:Publish"], ["arn:aws:sns:us-west-1:1:q", QUEUE], []),
    ("sqs:SendMessage", "arn:aws:sqs:us-west-1:1/q", [f"Resource arn:aws:sqs:us-west-1:1/q: {NOT_ABOUT}"]),
    ("logs:PutLogEvents", "arn:aws:logs:*:*:*", []),
    ("logs:PutLogEvents", "arn:aws:logs:us-west-1:1:log-group:g:*", []),
    ("logs:PutLogEvents", "arn:aws:logs:us-west-1:1:log-group:g",
     [f"Resource arn:aws:logs:us-west-1:1:log-group:g: {NOT_ABOUT}"]),
    ("lambda:InvokeFunction", "arn:aws:lambda:us-west-1:1:function:f", []),
    ("lambda:InvokeFunction", "arn:aws:lambda:us-west-1:1:f",
     [f"Resource arn:aws:lambda:us-west-1:1:f: {NOT_ABOUT}"]),
    ("iam:PassRole", "arn:aws:iam::1:role/team/R", []),
    ("iam:PassRole", "arn:aws:iam::1:user/R", [f"Resource arn:aws:iam::1:user/R: {NOT_ABOUT}"]),
]  # fmt: skip


@pytest.mark.parametrize(("action", "resource", "expected"), FINDINGS)
def test_what_is_found(action: Any, resource: Any, expected: list[str]) -> None:
    assert findings(of(action, resource)) == expected


def test_not_action_and_denies_are_looked_at_too() -> None:
    statement = {"Effect": "Deny", "NotAction": "sqs:Nope", "Resource": "*"}
    (finding,) = findings({"Statement": statement})
    assert finding.startswith("NotAction sqs:Nope: there is no such action of sqs")


CONDITIONS: list[tuple[Any, list[str]]] = [
    ({"Null": {"aws:foo": "maybe"}}, ["Null aws:foo: maybe is neither true nor false"]),
    ({"Null": {"aws:foo": ["true", True, "False"]}}, []),
    ({"Bool": {"aws:foo": ["true", "1"]}}, ["Bool aws:foo: 1 is neither true nor false"]),
    ({"ForAnyValue:BoolIfExists": {"aws:foo": "no"}},
     ["ForAnyValue:BoolIfExists aws:foo: no is neither true nor false"]),
    ({"Bool": {"aws:foo": "${aws:SecureTransport}"}}, []),
    ({"StringEquals": {"aws:foo": []}}, ["StringEquals aws:foo: no value to compare with"]),
    ({"StringEquals": {"aws:foo": ["", "maybe"]}, "NumericLessThan": {"aws:foo": 7}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS)
def test_conditions_that_cannot_be_as_meant_are_found(condition: Any, expected: list[str]) -> None:
    statement = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": condition}
    assert findings({"Statement": statement}) == [f"Condition {text}" for text in expected]


def test_a_resources_policy_is_asked_about_that_resource_only() -> None:
    own = QUEUE
    for resource in ("*", QUEUE, "arn:aws:sqs:*:*:act*", "arn:aws:sqs:us-west-1:*"):
        assert findings(of("sqs:*", resource), own) == []
    other = QUEUE + "x"
    assert findings(of("sqs:*", other), own) == [f"Resource {other}: the policy is asked about {QUEUE} only"]
    assert findings({"Statement": {"Effect": "Allow", "Action": "sqs:*", "Principal": "*"}}, own) == []


def test_what_is_found_is_bounded() -> None:
    assert len(findings(of([f"nothing{number}:X" for number in range(45)]))) == FINDINGS_KEPT


def test_a_bomb_costs_little() -> None:
    actions_of.cache_clear()
    services()
    bomb = of([f"ec2:*{number}*a*b" for number in range(500)], ["arn:aws:ec2:" + "*a" * 100] * 500)
    began = time.perf_counter()
    findings(bomb)
    assert time.perf_counter() - began < 3


@given(st.text("ab*?", max_size=4), st.text("ab*?", max_size=4))
def test_two_patterns_meet_where_some_text_matches_both(one: str, other: str) -> None:
    first, second = (re.compile(pattern.replace("*", ".*").replace("?", ".")) for pattern in (one, other))
    texts = ("".join(chars) for size in range(7) for chars in itertools.product("ab", repeat=size))
    assert meets(one, other) is any(first.fullmatch(text) and second.fullmatch(text) for text in texts)


def test_a_wildcard_wider_than_the_calls_is_found() -> None:
    called = ["sqs:SendMessage", "logs:PutLogEvents"]
    assert too_wide(of("sqs:*"), called) == {"sqs:*": ["sqs:SendMessage"]}
    assert too_wide(of("*"), called) == {"*": ["logs:PutLogEvents", "sqs:SendMessage"]}
    assert too_wide(of("sqs:SendMess*"), called) == {}
    assert too_wide(of(["sqs:SendMessage", "sqs:DeleteQueue"]), called) == {}
    assert too_wide(of("sns:*"), called) == {"sns:*": []}
    assert too_wide(of("sqs:*", effect="Deny"), called) == {}


def test_a_resource_wider_than_the_calls_is_found() -> None:
    calls = [("sqs:SendMessage", QUEUE), ("lambda:GetFunction", "arn:aws:lambda:us-west-1:1:function:f")]
    assert resources_too_wide(of("sqs:*"), calls) == {"*": [QUEUE]}
    wide = "arn:aws:sqs:*:*:act*"
    assert resources_too_wide(of("sqs:SendMessage", wide), calls) == {wide: [QUEUE]}
    assert resources_too_wide(of("sqs:*", QUEUE), calls) == {}
    assert resources_too_wide(of("sqs:*", "arn:aws:sqs:*:*:other*"), calls) == {}
    assert resources_too_wide(of("sqs:*", "arn:aws:sqs:*:*:${aws:username}"), calls) == {}
    assert resources_too_wide(of("sns:*"), calls) == {}
    assert resources_too_wide(of("sqs:*", effect="Deny"), calls) == {}
    assert resources_too_wide(of("sqs:ListQueues"), [("sqs:ListQueues", "*")]) == {}
    many = [("sqs:SendMessage", f"{QUEUE}{number}") for number in range(NARROW + 1)]
    assert resources_too_wide(of("sqs:*"), many) == {}
    assert len(resources_too_wide(of("sqs:*"), many[1:])["*"]) == NARROW


def test_the_reference_knows_awss_services() -> None:
    assert len(services()) > 400
    assert services()["sqs"].resources == ["arn:*:sqs:*:*:*"]
    assert actions_of("sqs:send*") == {"sqs:SendMessage"}
