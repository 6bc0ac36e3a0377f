"""Every condition operator, from the IAM reference, as decisions about one allow statement."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.policies import identity_of

from noria.context import Principal
from noria.errors import AwsError
from noria.policy.document import parse_identity_policy
from noria.policy.evaluate import PolicyRequest, evaluate

USER = Principal("user", "1" * 12, "arn:aws:iam::111111111111:user/ann", "AIDA", "ann")


def holds(condition: dict[str, Any], context: dict[str, Any]) -> bool:
    document = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition},
    }
    policy = parse_identity_policy(json.dumps(document))
    return evaluate(PolicyRequest(USER, "sqs:SendMessage", "*", context), identity_of(policy)).allowed


K = "aws:k"
QUEUE = "arn:aws:sqs:us-east-1:111111111111:q"

# operator, the policy's value or values, the request's value (None: the key is missing), whether it holds
OPERATORS: list[tuple[str, Any, Any, bool]] = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", ["a", "b"], "b", True),
    ("StringEquals", ["a", "b"], "c", False),
    ("StringEquals", "a*", "ab", False),
    ("StringEquals", "a*", "a*", True),
    ("StringEquals", "a", None, False),
    ("StringEquals", "", "", True),
    ("StringEquals", "${aws:username}", "ann", True),
    ("StringEquals", "${aws:username}", "bob", False),
    ("StringEquals", "${aws:absent}", "", False),
    ("StringEquals", "${aws:absent, 'x'}", "x", True),
    ("StringNotEquals", "a", "b", True),
    ("StringNotEquals", "a", "a", False),
    ("StringNotEquals", ["a", "b"], "b", False),
    ("StringNotEquals", ["a", "b"], "c", True),
    ("StringNotEquals", "a", None, True),
    ("StringEqualsIgnoreCase", "aBc", "AbC", True),
    ("StringEqualsIgnoreCase", "abc", "abd", False),
    ("StringEqualsIgnoreCase", "${aws:username}", "ANN", True),
    ("StringNotEqualsIgnoreCase", "abc", "ABC", False),
    ("StringNotEqualsIgnoreCase", "abc", "x", True),
    ("StringLike", "a*c", "abbc", True),
    ("StringLike", "a?c", "abc", True),
    ("StringLike", "a?c", "ac", False),
    ("StringLike", "a*c", "abcd", False),
    ("StringLike", "*", "a:b/c", True),
    ("StringLike", "a${*}", "a*", True),
    ("StringLike", "a${*}", "ab", False),
    ("StringLike", "${aws:username}-*", "ann-1", True),
    ("StringLike", "a", "A", False),
    ("StringNotLike", "a*", "abc", False),
    ("StringNotLike", "a*", "b", True),
    ("StringNotLike", "a*", None, True),
    ("NumericEquals", "10", "10", True),
    ("NumericEquals", "10", "10.0", True),
    ("NumericEquals", 10, "10", True),
    ("NumericEquals", "10", "11", False),
    ("NumericEquals", "10", "ten", False),
    ("NumericEquals", "10", None, False),
    ("NumericNotEquals", "10", "11", True),
    ("NumericNotEquals", "10", "10", False),
    ("NumericLessThan", "10", "9.5", True),
    ("NumericLessThan", "10", "10", False),
    ("NumericLessThanEquals", "10", "10", True),
    ("NumericLessThanEquals", "10", "10.1", False),
    ("NumericGreaterThan", "10", "11", True),
    ("NumericGreaterThan", "10", "9", False),
    ("NumericGreaterThan", "9", "10", True),
    ("NumericGreaterThanEquals", "10", "10", True),
    ("NumericGreaterThanEquals", "-1", "-2", False),
    ("DateEquals", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", True),
    ("DateEquals", "2026-01-31T12:00:00Z", "1769860800", True),
    ("DateEquals", "1769860800", "2026-01-31T12:00:00Z", True),
    ("DateEquals", "2026-01-31T14:00:00+02:00", "2026-01-31T12:00:00Z", True),
    ("DateNotEquals", "2026-01-31", "2026-02-01", True),
    ("DateLessThan", "2026-02-01T00:00:00Z", "2026-01-31T23:59:59Z", True),
    ("DateLessThan", "2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z", False),
    ("DateLessThan", "2026", "2025-12-31T23:59:59Z", False),
    ("DateLessThanEquals", "2026-02-01", "2026-02-01T00:00:00Z", True),
    ("DateGreaterThan", "2026-02", "2026-02-01T00:00:01Z", True),
    ("DateGreaterThan", "2026-02-01", "2026-01-31", False),
    ("DateGreaterThanEquals", "2026-02-01", "2026-02-01", True),
    ("DateGreaterThan", "2026-02-01", "yesterday", False),
    ("Bool", "true", "true", True),
    ("Bool", "True", "true", True),
    ("Bool", True, "true", True),
    ("Bool", False, "false", True),
    ("Bool", "true", "false", False),
    ("Bool", "false", None, False),
    ("BinaryEquals", "bm9yaWE=", "bm9yaWE=", True),
    ("BinaryEquals", "bm9yaWE=", "bm9yaWI=", False),
    ("BinaryEquals", "bm9yaWE=", "not base64!", False),
    ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
    ("IpAddress", "10.0.0.0/8", "11.1.2.3", False),
    ("IpAddress", "10.1.2.3", "10.1.2.3", True),
    ("IpAddress", ["10.0.0.0/8", "192.168.0.0/16"], "192.168.1.1", True),
    ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
    ("IpAddress", "2001:db8::/32", "10.1.2.3", False),
    ("IpAddress", "127.0.0.0/8", "::ffff:127.0.0.1", True),
    ("IpAddress", "0.0.0.0/0", "somewhere", False),
    ("IpAddress", "10.0.0.0/8", None, False),
    ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
    ("NotIpAddress", "10.0.0.0/8", "10.1.2.3", False),
    ("NotIpAddress", "10.0.0.0/8", None, True),
    ("ArnEquals", QUEUE, QUEUE, True),
    ("ArnEquals", "arn:aws:sqs:*:111111111111:q", QUEUE, True),
    ("ArnLike", "arn:aws:sqs:*:*:q", QUEUE, True),
    ("ArnLike", "arn:aws:sqs:*:q", QUEUE, False),
    ("ArnLike", "arn:aws:sqs:*", QUEUE, True),
    ("ArnLike", "arn:aws:sqs:us-east-?:111111111111:?", QUEUE, True),
    ("ArnLike", "arn:aws:sqs:us-east-1:${aws:PrincipalAccount}:q", QUEUE, True),
    ("ArnLike", QUEUE, None, False),
    ("ArnNotEquals", QUEUE, QUEUE, False),
    ("ArnNotLike", "arn:aws:sns:*:*:*", QUEUE, True),
    ("ArnNotLike", "arn:aws:sqs:*:*:*", QUEUE, False),
    ("Null", "true", None, True),
    ("Null", "true", "a", False),
    ("Null", "false", "a", True),
    ("Null", "false", None, False),
    ("Null", True, None, True),
    ("Null", "true", [], True),
    ("StringEqualsIfExists", "a", None, True),
    ("StringEqualsIfExists", "a", "b", False),
    ("NumericLessThanIfExists", "3", None, True),
    ("NumericLessThanIfExists", "3", "4", False),
    ("IpAddressIfExists", "10.0.0.0/8", None, True),
    ("BoolIfExists", "true", None, True),
    ("BoolIfExists", "true", "false", False),
    ("ArnLikeIfExists", QUEUE, None, True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
    ("ForAllValues:StringEquals", ["a"], [], True),
    ("ForAllValues:StringEquals", ["a"], None, True),
    ("ForAllValues:StringLike", "a*", ["a1", "a2"], True),
    ("ForAllValues:StringNotEquals", ["a"], ["b", "c"], True),
    ("ForAllValues:StringNotEquals", ["a"], ["b", "a"], False),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False),
    ("ForAnyValue:StringEquals", ["a"], [], False),
    ("ForAnyValue:StringEquals", ["a"], None, False),
    ("ForAnyValue:StringNotEquals", ["a"], ["a", "b"], True),
    ("ForAnyValue:StringNotEquals", ["a"], ["a"], False),
    ("ForAnyValue:StringNotEquals", ["a"], None, False),
    ("ForAnyValue:StringEqualsIfExists", ["a"], None, True),
    ("StringNotEquals", "a", ["a", "b"], False),
]


@pytest.mark.parametrize(("operator", "wanted", "actual", "expected"), OPERATORS)
def test_operators(operator: str, wanted: Any, actual: Any, expected: bool) -> None:
    context = {"aws:username": "ann", "aws:PrincipalAccount": "1" * 12}
    if actual is not None:
        context[K] = actual
    assert holds({operator: {K: wanted}}, context) is expected


def test_keys_ignore_case() -> None:
    assert holds({"StringEquals": {"AWS:K": "a"}}, {"aws:k": "a"})
    assert holds({"StringEquals": {"aws:k": "a"}}, {"AWS:K": "a"})


def test_keys_and_operators_must_all_hold() -> None:
    both = {"StringEquals": {"aws:a": "1", "aws:b": "2"}}
    assert holds(both, {"aws:a": "1", "aws:b": "2"})
    assert not holds(both, {"aws:a": "1", "aws:b": "3"})
    two = {"StringEquals": {"aws:a": "1"}, "NumericLessThan": {"aws:b": "2"}}
    assert holds(two, {"aws:a": "1", "aws:b": "1"})
    assert not holds(two, {"aws:a": "1", "aws:b": "2"})


def test_the_current_time_follows_from_the_epoch() -> None:
    condition = {"DateLessThan": {"aws:CurrentTime": "2026-01-31T12:00:01Z"}}
    assert holds(condition, {"aws:EpochTime": "1769860800"})
    assert not holds(condition, {"aws:EpochTime": "1769860801"})


def test_an_empty_condition_is_none() -> None:
    assert holds({}, {})
    assert holds({"StringEquals": {}}, {})


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ({"StringIs": {"aws:k": "a"}}, "Syntax errors in policy."),
        ({"ForSomeValues:StringEquals": {"aws:k": "a"}}, "Syntax errors in policy."),
        ({"NumericEquals": {"aws:k": "ten"}}, "Syntax errors in policy."),
        ({"NumericEquals": {"aws:k": "9" * 5000}}, "Syntax errors in policy."),
        ({"IpAddress": {"aws:k": "10.0.0.0/33"}}, "Syntax errors in policy."),
        ({"BinaryEquals": {"aws:k": "?"}}, "Syntax errors in policy."),
        ({"DateLessThan": {"aws:k": "tomorrow"}}, "The policy failed legacy parsing"),
        ({"StringEquals": {"aws:k": None}}, "Syntax errors in policy."),
        ({"StringEquals": {"aws:k": {"a": "b"}}}, "Syntax errors in policy."),
        ({"StringEquals": "a"}, "Syntax errors in policy."),
        (["StringEquals"], "Syntax errors in policy."),
        (
            {"StringEquals": {"k": "a"}},
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused(condition: Any, text: str) -> None:
    with pytest.raises(AwsError) as refused:
        holds(condition, {})
    assert (refused.value.code, refused.value.message, refused.value.status) == (
        "MalformedPolicyDocument",
        text,
        400,
    )
