"""Documents that AWS refuses, in AWS's words, and what the evaluator takes from those that it accepts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from noria.errors import AwsError
from noria.policy.document import parse_identity_policy, parse_trust_policy, size
from noria.policy.statement import Policy

ALLOW = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
SYNTAX = "Syntax errors in policy."
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def document(*statements: Any, **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)} | more)


def without(statement: dict[str, Any], *names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name not in names} | more


def refusal(parse: Callable[[str], Policy], text: str) -> str:
    with pytest.raises(AwsError) as refused:
        parse(text)
    assert (refused.value.code, refused.value.status) == ("MalformedPolicyDocument", 400)
    return refused.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SYNTAX),
        ("{", SYNTAX),
        ("null", SYNTAX),
        ("[]", SYNTAX),
        ('"text"', SYNTAX),
        ("{}", SYNTAX),
        ('{"Version": "2012-10-17"}', SYNTAX),
        (document(), SYNTAX),
        (document("text"), SYNTAX),
        (document([ALLOW]), SYNTAX),
        (document(ALLOW, Extra=1), SYNTAX),
        (document(ALLOW, Id=1), SYNTAX),
        (document(ALLOW, Version="2012-10-18"), SYNTAX),
        (document(ALLOW, Version=20121017), SYNTAX),
        (document(ALLOW, Version=["2012-10-17"]), SYNTAX),
        (document(ALLOW, Version="2008-10-17"), "Policy document must be version 2012-10-17 or greater."),
        (json.dumps({"Statement": ALLOW}), "Policy document must be version 2012-10-17 or greater."),
        (document(without(ALLOW, "Effect")), SYNTAX),
        (document(without(ALLOW, Effect="Permit")), SYNTAX),
        (document(without(ALLOW, Effect=["Allow"])), SYNTAX),
        (document(without(ALLOW, effect="Allow")), SYNTAX),
        (document(without(ALLOW, Sid=1)), SYNTAX),
        (
            document(without(ALLOW, Sid="a b")),
            "Statement IDs (SID) must be alpha-numeric. "
            "Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
        (
            document(without(ALLOW, Sid="A"), without(ALLOW, Sid="A")),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (document(without(ALLOW, NotAction="sqs:*")), SYNTAX),
        (document(without(ALLOW, NotResource="*")), SYNTAX),
        (document(without(ALLOW, Action=1)), SYNTAX),
        (document(without(ALLOW, Action=["sqs:*", 1])), SYNTAX),
        (document(without(ALLOW, Resource={})), SYNTAX),
        (document(without(ALLOW, Principal="*")), "Policy document should not specify a principal."),
        (document(without(ALLOW, NotPrincipal="*")), "Policy document should not specify a principal."),
        (document(without(ALLOW, "Action")), "Policy statement must contain actions."),
        (document(without(ALLOW, Action=[])), "Policy statement must contain actions."),
        (document(without(ALLOW, "Resource")), "Policy statement must contain resources."),
        (document(without(ALLOW, Resource=[])), "Policy statement must contain resources."),
        (document(without(ALLOW, Action="SendMessage")), VENDOR),
        (
            document(without(ALLOW, Action="sqs:Send:Message")),
            "Actions/Condition can contain only one colon.",
        ),
        (document(without(ALLOW, Action="s*:SendMessage")), "Vendor s* is not valid"),
        (
            document(without(ALLOW, Resource="activity25")),
            'Resource activity25 must be in ARN format or "*".',
        ),
        (document(without(ALLOW, Resource="a:b")), 'Resource a:b must be in ARN format or "*".'),
        (
            document(without(ALLOW, Resource="arn:amazon:sqs:us-east-1:1:q")),
            'Partition "amazon" is not valid for resource "arn:amazon:sqs:us-east-1:1:q".',
        ),
        (
            document(without(ALLOW, Resource="arn:amazon:sqs")),
            'Partition "amazon" is not valid for resource "arn:amazon:sqs:*:*:*".',
        ),
        (
            document(without(ALLOW, Resource="arn:aws:*:us-east-1:1:q")),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            document(without(ALLOW, Resource="arn:aws")),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (document(without(ALLOW, Resource="arn:aws:s3::bucket")), "The policy failed legacy parsing"),
        (document(without(ALLOW, Resource="arn:aws::us-east-1:1:q")), "The policy failed legacy parsing"),
        (
            document(without(ALLOW, Resource="arn:aws:iam:us-east-1:1:role/R")),
            "IAM resource arn:aws:iam:us-east-1:1:role/R cannot contain region information.",
        ),
        (
            document(without(ALLOW, Resource="arn:aws:s3:us-east-1:1:b")),
            "Resource arn:aws:s3:us-east-1:1:b can not contain region information.",
        ),
        (
            document(without(ALLOW, Resource="arn:aws:iam::1:queue/R")),
            'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, '
            "instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, "
            "oidc-provider/, report/, access-report/.",
        ),
    ],
)
def test_a_malformed_identity_policy_is_refused(text: str, expected: str) -> None:
    assert refusal(parse_identity_policy, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "This policy contains invalid Json"),
        ("trust.json", "This policy contains invalid Json"),
        ("[]", "This policy contains invalid Json"),
        (document(TRUST, Version="2012"), "The policy must contain a valid version string"),
        (document(), "Could not parse the policy: Statement is empty!"),
        (document(without(TRUST, "Effect")), "Missing required field Effect"),
        (document(without(TRUST, Effect="Permit")), "Invalid effect: Permit"),
        (document(without(TRUST, "Principal")), "Missing required field Principal"),
        (document(without(TRUST, Principal={})), "Missing required field Principal cannot be empty!"),
        (document(without(TRUST, Principal="*")), "Principal must be a JSON object."),
        (document(without(TRUST, Principal=["*"])), "Syntax error in policy."),
        (document(without(TRUST, Principal={"AWS": []})), "Syntax error in policy."),
        (document(without(TRUST, Principal={"AWS": 1})), "Syntax error in policy."),
        (
            document(without(TRUST, "Principal", NotPrincipal={"AWS": "*"})),
            "Allow with NotPrincipal is not allowed.",
        ),
        (
            document(without(TRUST, "Principal", NotPrincipal={"AWS": "*"}, Effect="Deny")),
            "AssumeRole policy must not contain NotPrincipal field.",
        ),
        (document(without(TRUST, "Action")), "Missing required field Action"),
        (
            document(without(TRUST, Action="sqs:*")),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (document(without(TRUST, Action="*")), "AssumeRole policy may only specify STS AssumeRole actions."),
        (document(without(TRUST, Resource="*")), "Has prohibited field Resource"),
        (document(without(TRUST, NotResource="*")), "AssumeRole policy must not contain resources."),
        (document(without(TRUST, Colour="red")), "Unknown field Colour"),
        (
            document(without(TRUST, Sid="A"), without(TRUST, Sid="A")),
            "The Statement Ids in the policy are not unique",
        ),
        (
            document(without(TRUST, Principal={"Service": "lambda"})),
            'Invalid principal in policy: "SERVICE":"lambda"',
        ),
        (document(without(TRUST, Principal={"AWS": "me"})), 'Invalid principal in policy: "AWS":"me"'),
        (
            document(without(TRUST, Principal={"AWS": "arn:aws:iam::111111111111:role/*"})),
            'Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:role/*"',
        ),
        (document(without(TRUST, Principal={"Planet": "*"})), 'Invalid principal in policy: "Planet"'),
        (
            document(without(TRUST, Principal={"Federated": "arn:aws:iam::111111111111:saml-provider/x"})),
            'Invalid principal in policy: "Federated":"arn:aws:iam::111111111111:saml-provider/x"',
        ),
    ],
)
def test_a_malformed_trust_policy_is_refused(text: str, expected: str) -> None:
    assert refusal(parse_trust_policy, text) == expected


@pytest.mark.parametrize(
    "statement",
    [
        ALLOW,
        without(ALLOW, Sid=""),
        without(ALLOW, Sid="VisualEditor0"),
        without(ALLOW, Action="*"),
        without(ALLOW, Action=["sqs:SendMessage", "logs:*"]),
        without(ALLOW, Resource="arn:aws:sqs:us-west-1:939096940193:activity25"),
        without(ALLOW, Resource="arn:aws:sqs:*"),
        without(ALLOW, Resource="arn:*:sqs:*:*:*"),
        without(ALLOW, Resource="arn:aws-cn:sqs:cn-north-1:1:q"),
        without(ALLOW, Resource="arn:aws:s3:::bucket/*"),
        without(ALLOW, Resource="arn:aws:iam::*:role/*"),
        without(ALLOW, Resource="arn:aws:iam::1:*"),
        without(ALLOW, "Action", NotAction="iam:*"),
        without(ALLOW, "Resource", NotResource="arn:aws:sqs:*:*:secret"),
        without(ALLOW, Condition={"Bool": {"aws:SecureTransport": True}}),
        without(ALLOW, Effect="Deny"),
    ],
)
def test_what_aws_accepts_is_accepted(statement: dict[str, Any]) -> None:
    parse_identity_policy(document(statement))
    parse_identity_policy(json.dumps({"Version": "2012-10-17", "Id": "x", "Statement": statement}))


@pytest.mark.parametrize(
    "principal",
    [
        {"Service": "lambda.amazonaws.com"},
        {"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]},
        {"AWS": "111111111111"},
        {"AWS": "arn:aws:iam::111111111111:root"},
        {"AWS": ["arn:aws:iam::111111111111:role/path/R", "*"]},
        {"AWS": "arn:aws:sts::111111111111:assumed-role/R/session"},
        {"Federated": "cognito-identity.amazonaws.com"},
    ],
)
def test_the_principals_that_aws_accepts_are_accepted(principal: dict[str, Any]) -> None:
    parse_trust_policy(document(without(TRUST, Principal=principal)))


def test_a_trust_policy_names_whom_iam_must_know() -> None:
    arns = {"arn:aws:iam::111111111111:role/R", "arn:aws:iam::111111111111:user/ann"}
    principal = {"AWS": [*arns, "111111111111"], "Service": "lambda.amazonaws.com"}
    assert parse_trust_policy(document(without(TRUST, Principal=principal))).named_principals() == arns


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ('{ "a" :\n\t"b" }', 9),
        ('{"a": "b  c"}', 12),
        (r'{"a": "\"  \\", "b": 1}', 20),
        ("   ", 0),
        ('"   ', 4),
        ("", 0),
    ],
)
def test_white_space_between_tokens_does_not_count(text: str, characters: int) -> None:
    assert size(text) == characters


def test_counting_takes_time_linear_in_the_text() -> None:
    began = time.perf_counter()
    for text in ('"' * 131_072, '"' + "\\" * 131_071, '" ' * 65_536, '"\\' * 65_536, " " * 131_072):
        size(text)
    assert time.perf_counter() - began < 1


def test_nesting_without_end_is_refused() -> None:
    deep = "[" * 60_000 + "]" * 60_000
    assert refusal(parse_identity_policy, deep) == SYNTAX
    assert refusal(parse_identity_policy, f'{{"Version":"2012-10-17","Statement":{deep}}}') == SYNTAX
    assert refusal(parse_trust_policy, deep) == "This policy contains invalid Json"


def test_only_the_request_makes_a_policy_dynamic() -> None:
    assert not parse_identity_policy(document(ALLOW)).dynamic
    assert parse_identity_policy(document(without(ALLOW, Resource="arn:aws:s3:::${aws:username}"))).dynamic
    condition = {"StringEquals": {"aws:username": "ann"}}
    assert parse_identity_policy(document(ALLOW, without(ALLOW, Condition=condition))).dynamic
