"""Decisions about the example policies of the IAM User Guide ("Example IAM identity-based policies", "Policy
evaluation logic", the reference of elements, keys and variables), derived by hand."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.policies import identity_of, identity_policy

from noria.context import Principal
from noria.policy.evaluate import PolicyRequest, evaluate

ACCOUNT = "123456789012"
USER = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/JohnDoe", "AIDAJOHN", "JohnDoe")


def arn(service: str, rest: str, region: str = "us-east-1", account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{rest}"


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def when(operator: str, **keys: Any) -> dict[str, Any]:
    """Condition; a double underscore stands for the colon of a key."""
    return {"Condition": {operator: {name.replace("__", ":"): value for name, value in keys.items()}}}


BETWEEN_DATES = allow("sqs:*", Condition={
    "DateGreaterThan": {"aws:CurrentTime": "2020-04-01T00:00:00Z"},
    "DateLessThan": {"aws:CurrentTime": "2020-06-30T23:59:59Z"},
})  # fmt: skip
REGIONS = {
    "Effect": "Deny",
    "NotAction": ["cloudfront:*", "iam:*", "route53:*", "support:*"],
    "Resource": "*",
    "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-west-1"]}},
}
SOURCE_IP = deny("*", Condition={
    "NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"]},
    "Bool": {"aws:ViaAWSService": "false"},
})  # fmt: skip
MFA = {
    "Sid": "BlockMostAccessUnlessSignedInWithMFA",
    "Effect": "Deny",
    "NotAction": ["iam:CreateVirtualMFADevice", "iam:ListUsers", "sts:GetSessionToken"],
    "Resource": "*",
    "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
}
ABAC = allow("sqs:*", Condition={
    "StringEquals": {"aws:ResourceTag/project": "${aws:PrincipalTag/project}"},
})  # fmt: skip
TAGGING = allow(["sqs:CreateQueue", "sqs:TagQueue"], Condition={
    "StringEquals": {"aws:RequestTag/environment": ["preprod", "production"]},
    "ForAllValues:StringEquals": {"aws:TagKeys": ["environment", "owner"]},
    "Null": {"aws:TagKeys": "false"},
})  # fmt: skip
OWN_QUEUES = allow("sqs:*", arn("sqs", "${aws:username}-*", "*"))
PASS_ROLE = allow("iam:PassRole", arn("iam", "role/service-role/*", ""), **when(
    "StringEquals", iam__PassedToService="lambda.amazonaws.com"))  # fmt: skip
BOUNDARY_KEEPER = [
    allow("iam:CreateRole", Condition={
        "StringEquals": {"iam:PermissionsBoundary": arn("iam", "policy/Limit", "")}}),
    deny(["iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"]),
]  # fmt: skip
ATTACH_ONLY = allow(["iam:AttachRolePolicy", "iam:DetachRolePolicy"], Condition={
    "ArnLike": {"iam:PolicyARN": [arn("iam", "policy/team/*", ""), "arn:aws:iam::aws:policy/AmazonSQS*"]},
})  # fmt: skip
MAPPINGS = allow("lambda:CreateEventSourceMapping", Condition={
    "ArnLike": {"lambda:FunctionArn": arn("lambda", "function:team-*", "*")},
})  # fmt: skip
IN_FUNCTION = deny("sqs:*", Condition={
    "ArnNotLikeIfExists": {"lambda:SourceFunctionArn": arn("lambda", "function:producer", "*")},
})  # fmt: skip
REVOKED = deny("*", Condition={"DateLessThan": {"aws:TokenIssueTime": "2020-05-01T00:00:00Z"}})
LAMBDA_WRITE = allow(["lambda:*"], arn("lambda", "function:${aws:PrincipalTag/team, 'nobody'}-*"))
NOT_RESOURCE = {"Effect": "Deny", "Action": "sqs:*", "NotResource": arn("sqs", "public-*", "*")}
LOGS = [
    allow("logs:CreateLogGroup", arn("logs", "*")),
    allow(["logs:CreateLogStream", "logs:PutLogEvents"], arn("logs", "log-group:/aws/lambda/producer:*")),
]
EVERYTHING = allow("*")
NUMBERS = allow("sqs:*", **when("NumericLessThanEquals", aws__MultiFactorAuthAge="3600"))
SECURE = deny("sqs:*", **when("Bool", aws__SecureTransport="false"))
OUTSIDERS = deny("*", Condition={"StringNotEqualsIfExists": {"aws:ResourceAccount": ACCOUNT}})
AGENT = allow("sqs:*", **when("StringLike", aws__UserAgent="aws-cli/*"))
SESSION_NAME = allow("sqs:*", **when("StringLike", aws__userid="*:${aws:username, 'john'}"))
PRINCIPALS = deny("sqs:*", Condition={
    "ArnNotLike": {"aws:PrincipalArn": [arn("iam", "user/John*", ""), arn("iam", "role/admin/*", "")]},
})  # fmt: skip

QUEUE = arn("sqs", "q")
EU_QUEUE = arn("sqs", "q", "eu-west-1")

Row = tuple[str, list[dict[str, Any]], str, str, dict[str, Any], bool]

# the example, its statements, action, resource, the request's keys, whether it is allowed
ROWS: list[Row] = [
    ("between dates: before", [BETWEEN_DATES], "sqs:SendMessage", QUEUE, {"aws:CurrentTime": "2020-03-31T23:59:59Z"}, False),
    ("between dates: the first second", [BETWEEN_DATES], "sqs:SendMessage", QUEUE, {"aws:CurrentTime": "2020-04-01T00:00:01Z"}, True),
    ("between dates: on the edge", [BETWEEN_DATES], "sqs:SendMessage", QUEUE, {"aws:CurrentTime": "2020-04-01T00:00:00Z"}, False),
    ("between dates: within", [BETWEEN_DATES], "sqs:SendMessage", QUEUE, {"aws:CurrentTime": "2020-05-15T12:00:00Z"}, True),
    ("between dates: after", [BETWEEN_DATES], "sqs:SendMessage", QUEUE, {"aws:CurrentTime": "2020-07-01T00:00:00Z"}, False),
    ("between dates: no time known", [BETWEEN_DATES], "sqs:SendMessage", QUEUE, {}, False),
    ("regions: an approved one", [EVERYTHING, REGIONS], "sqs:SendMessage", EU_QUEUE, {"aws:RequestedRegion": "eu-west-1"}, True),
    ("regions: the other approved one", [EVERYTHING, REGIONS], "lambda:InvokeFunction", "*", {"aws:RequestedRegion": "eu-central-1"}, True),
    ("regions: another", [EVERYTHING, REGIONS], "sqs:SendMessage", QUEUE, {"aws:RequestedRegion": "us-east-1"}, False),
    ("regions: a global service", [EVERYTHING, REGIONS], "iam:CreateRole", "*", {"aws:RequestedRegion": "us-east-1"}, True),
    ("regions: no region is not approved", [EVERYTHING, REGIONS], "sqs:SendMessage", QUEUE, {}, False),
    ("regions: the deny alone allows nothing", [REGIONS], "sqs:SendMessage", EU_QUEUE, {"aws:RequestedRegion": "eu-west-1"}, False),
    ("source ip: inside", [EVERYTHING, SOURCE_IP], "sqs:SendMessage", QUEUE, {"aws:SourceIp": "192.0.2.7", "aws:ViaAWSService": "false"}, True),
    ("source ip: inside the second", [EVERYTHING, SOURCE_IP], "sqs:SendMessage", QUEUE, {"aws:SourceIp": "203.0.113.255", "aws:ViaAWSService": "false"}, True),
    ("source ip: outside", [EVERYTHING, SOURCE_IP], "sqs:SendMessage", QUEUE, {"aws:SourceIp": "198.51.100.1", "aws:ViaAWSService": "false"}, False),
    ("source ip: outside, by a service", [EVERYTHING, SOURCE_IP], "sqs:SendMessage", QUEUE, {"aws:SourceIp": "198.51.100.1", "aws:ViaAWSService": "true"}, True),
    ("source ip: none", [EVERYTHING, SOURCE_IP], "sqs:SendMessage", QUEUE, {"aws:ViaAWSService": "false"}, False),
    ("mfa: with it", [EVERYTHING, MFA], "sqs:SendMessage", QUEUE, {"aws:MultiFactorAuthPresent": "true"}, True),
    ("mfa: without it", [EVERYTHING, MFA], "sqs:SendMessage", QUEUE, {"aws:MultiFactorAuthPresent": "false"}, False),
    ("mfa: a long-term key has no such key, IfExists denies", [EVERYTHING, MFA], "sqs:SendMessage", QUEUE, {}, False),
    ("mfa: what is needed to sign in with it", [EVERYTHING, MFA], "sts:GetSessionToken", "*", {"aws:MultiFactorAuthPresent": "false"}, True),
    ("abac: the same project", [ABAC], "sqs:SendMessage", QUEUE, {"aws:ResourceTag/project": "Heart", "aws:PrincipalTag/project": "Heart"}, True),
    ("abac: another project", [ABAC], "sqs:SendMessage", QUEUE, {"aws:ResourceTag/project": "Sun", "aws:PrincipalTag/project": "Heart"}, False),
    ("abac: values respect case", [ABAC], "sqs:SendMessage", QUEUE, {"aws:ResourceTag/project": "heart", "aws:PrincipalTag/project": "Heart"}, False),
    ("abac: an untagged resource", [ABAC], "sqs:SendMessage", QUEUE, {"aws:PrincipalTag/project": "Heart"}, False),
    ("abac: an untagged principal", [ABAC], "sqs:SendMessage", QUEUE, {"aws:ResourceTag/project": "Heart"}, False),
    ("abac: nobody is tagged", [ABAC], "sqs:SendMessage", QUEUE, {}, False),
    ("tagging: a right value", [TAGGING], "sqs:CreateQueue", QUEUE, {"aws:RequestTag/environment": "preprod", "aws:TagKeys": ["environment"]}, True),
    ("tagging: with an allowed second key", [TAGGING], "sqs:CreateQueue", QUEUE, {"aws:RequestTag/environment": "production", "aws:TagKeys": ["environment", "owner"]}, True),
    ("tagging: a wrong value", [TAGGING], "sqs:CreateQueue", QUEUE, {"aws:RequestTag/environment": "test", "aws:TagKeys": ["environment"]}, False),
    ("tagging: a key too many", [TAGGING], "sqs:CreateQueue", QUEUE, {"aws:RequestTag/environment": "preprod", "aws:TagKeys": ["environment", "x"]}, False),
    ("tagging: no tag", [TAGGING], "sqs:CreateQueue", QUEUE, {}, False),
    ("tagging: without the key that counts", [TAGGING], "sqs:CreateQueue", QUEUE, {"aws:TagKeys": ["owner"], "aws:RequestTag/owner": "me"}, False),
    ("own resources: her own", [OWN_QUEUES], "sqs:SendMessage", arn("sqs", "JohnDoe-jobs"), {"aws:username": "JohnDoe"}, True),
    ("own resources: in another region", [OWN_QUEUES], "sqs:SendMessage", arn("sqs", "JohnDoe-jobs", "eu-west-1"), {"aws:username": "JohnDoe"}, True),
    ("own resources: another's", [OWN_QUEUES], "sqs:SendMessage", arn("sqs", "Jane-jobs"), {"aws:username": "JohnDoe"}, False),
    ("own resources: no dash", [OWN_QUEUES], "sqs:SendMessage", arn("sqs", "JohnDoe"), {"aws:username": "JohnDoe"}, False),
    ("own resources: a role has no username", [OWN_QUEUES], "sqs:SendMessage", arn("sqs", "JohnDoe-jobs"), {}, False),
    ("own resources: a name that is a star is no wildcard", [OWN_QUEUES], "sqs:SendMessage", arn("sqs", "Jane-jobs"), {"aws:username": "*"}, False),
    ("pass role: to Lambda", [PASS_ROLE], "iam:PassRole", arn("iam", "role/service-role/R", ""), {"iam:PassedToService": "lambda.amazonaws.com"}, True),
    ("pass role: to EC2", [PASS_ROLE], "iam:PassRole", arn("iam", "role/service-role/R", ""), {"iam:PassedToService": "ec2.amazonaws.com"}, False),
    ("pass role: to nobody named", [PASS_ROLE], "iam:PassRole", arn("iam", "role/service-role/R", ""), {}, False),
    ("pass role: of another path", [PASS_ROLE], "iam:PassRole", arn("iam", "role/R", ""), {"iam:PassedToService": "lambda.amazonaws.com"}, False),
    ("pass role: of another account", [PASS_ROLE], "iam:PassRole", arn("iam", "role/service-role/R", "", "999999999999"), {"iam:PassedToService": "lambda.amazonaws.com"}, False),
    ("delegated boundary: with it", BOUNDARY_KEEPER, "iam:CreateRole", arn("iam", "role/R", ""), {"iam:PermissionsBoundary": arn("iam", "policy/Limit", "")}, True),
    ("delegated boundary: with another", BOUNDARY_KEEPER, "iam:CreateRole", arn("iam", "role/R", ""), {"iam:PermissionsBoundary": arn("iam", "policy/Other", "")}, False),
    ("delegated boundary: without", BOUNDARY_KEEPER, "iam:CreateRole", arn("iam", "role/R", ""), {}, False),
    ("delegated boundary: it stays", [EVERYTHING, *BOUNDARY_KEEPER], "iam:DeleteRolePermissionsBoundary", arn("iam", "role/R", ""), {}, False),
    ("attach only: of the team", [ATTACH_ONLY], "iam:AttachRolePolicy", arn("iam", "role/R", ""), {"iam:PolicyARN": arn("iam", "policy/team/P", "")}, True),
    ("attach only: AWS's for SQS", [ATTACH_ONLY], "iam:AttachRolePolicy", arn("iam", "role/R", ""), {"iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonSQSFullAccess"}, True),
    ("attach only: AWS's other", [ATTACH_ONLY], "iam:AttachRolePolicy", arn("iam", "role/R", ""), {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}, False),
    ("attach only: keys ignore case", [ATTACH_ONLY], "iam:AttachRolePolicy", arn("iam", "role/R", ""), {"iam:policyarn": arn("iam", "policy/team/P", "")}, True),
    ("mappings: of the team's function", [MAPPINGS], "lambda:CreateEventSourceMapping", "*", {"lambda:FunctionArn": arn("lambda", "function:team-x")}, True),
    ("mappings: of another", [MAPPINGS], "lambda:CreateEventSourceMapping", "*", {"lambda:FunctionArn": arn("lambda", "function:x")}, False),
    ("mappings: of none", [MAPPINGS], "lambda:CreateEventSourceMapping", "*", {}, False),
    ("in a function: the right one", [EVERYTHING, IN_FUNCTION], "sqs:SendMessage", QUEUE, {"lambda:SourceFunctionArn": arn("lambda", "function:producer")}, True),
    ("in a function: another", [EVERYTHING, IN_FUNCTION], "sqs:SendMessage", QUEUE, {"lambda:SourceFunctionArn": arn("lambda", "function:consumer")}, False),
    ("in a function: in none", [EVERYTHING, IN_FUNCTION], "sqs:SendMessage", QUEUE, {}, False),
    ("revoked sessions: an old one", [EVERYTHING, REVOKED], "sqs:SendMessage", QUEUE, {"aws:TokenIssueTime": "2020-04-30T23:59:59Z"}, False),
    ("revoked sessions: a new one", [EVERYTHING, REVOKED], "sqs:SendMessage", QUEUE, {"aws:TokenIssueTime": "2020-05-01T00:00:00Z"}, True),
    ("revoked sessions: a long-term key", [EVERYTHING, REVOKED], "sqs:SendMessage", QUEUE, {}, True),
    ("a default: tagged", [LAMBDA_WRITE], "lambda:InvokeFunction", arn("lambda", "function:blue-f"), {"aws:PrincipalTag/team": "blue"}, True),
    ("a default: of another team", [LAMBDA_WRITE], "lambda:InvokeFunction", arn("lambda", "function:red-f"), {"aws:PrincipalTag/team": "blue"}, False),
    ("a default: untagged", [LAMBDA_WRITE], "lambda:InvokeFunction", arn("lambda", "function:nobody-f"), {}, True),
    ("a default: untagged elsewhere", [LAMBDA_WRITE], "lambda:InvokeFunction", arn("lambda", "function:blue-f"), {}, False),
    ("a default: not for the tagged", [LAMBDA_WRITE], "lambda:InvokeFunction", arn("lambda", "function:nobody-f"), {"aws:PrincipalTag/team": "blue"}, False),
    ("NotResource: what it spares", [EVERYTHING, NOT_RESOURCE], "sqs:SendMessage", arn("sqs", "public-q"), {}, True),
    ("NotResource: all else", [EVERYTHING, NOT_RESOURCE], "sqs:SendMessage", QUEUE, {}, False),
    ("NotResource: another service", [EVERYTHING, NOT_RESOURCE], "logs:PutLogEvents", arn("logs", "log-group:g:*"), {}, True),
    ("NotResource: a listing is not spared", [EVERYTHING, NOT_RESOURCE], "sqs:ListQueues", "*", {}, False),
    ("the basic execution role's form: its group", LOGS, "logs:CreateLogGroup", arn("logs", "log-group:/aws/lambda/producer"), {}, True),
    ("the basic execution role's form: its stream", LOGS, "logs:PutLogEvents", arn("logs", "log-group:/aws/lambda/producer:log-stream:2020/01/01/[$LATEST]a"), {}, True),
    ("the basic execution role's form: another's stream", LOGS, "logs:PutLogEvents", arn("logs", "log-group:/aws/lambda/consumer:log-stream:s"), {}, False),
    ("the basic execution role's form: a group in another region", LOGS, "logs:CreateLogGroup", arn("logs", "log-group:g", "eu-west-1"), {}, False),
    ("mfa age: young enough", [NUMBERS], "sqs:SendMessage", QUEUE, {"aws:MultiFactorAuthAge": "3600"}, True),
    ("mfa age: too old", [NUMBERS], "sqs:SendMessage", QUEUE, {"aws:MultiFactorAuthAge": "3601"}, False),
    ("mfa age: none", [NUMBERS], "sqs:SendMessage", QUEUE, {}, False),
    ("tls only: with it", [EVERYTHING, SECURE], "sqs:SendMessage", QUEUE, {"aws:SecureTransport": "true"}, True),
    ("tls only: without", [EVERYTHING, SECURE], "sqs:SendMessage", QUEUE, {"aws:SecureTransport": "false"}, False),
    ("own account's resources: one", [EVERYTHING, OUTSIDERS], "sqs:SendMessage", QUEUE, {"aws:ResourceAccount": ACCOUNT}, True),
    ("own account's resources: another's", [EVERYTHING, OUTSIDERS], "sqs:SendMessage", QUEUE, {"aws:ResourceAccount": "999999999999"}, False),
    ("user agent: the command", [AGENT], "sqs:SendMessage", QUEUE, {"aws:UserAgent": "aws-cli/2.15.0 Python/3.11"}, True),
    ("user agent: another", [AGENT], "sqs:SendMessage", QUEUE, {"aws:UserAgent": "Boto3/1.34"}, False),
    ("userid: the session's name", [SESSION_NAME], "sqs:SendMessage", QUEUE, {"aws:userid": "AROAX:john"}, True),
    ("userid: another session's", [SESSION_NAME], "sqs:SendMessage", QUEUE, {"aws:userid": "AROAX:jane"}, False),
    ("principals: by user", [EVERYTHING, PRINCIPALS], "sqs:SendMessage", QUEUE, {"aws:PrincipalArn": USER.arn}, True),
    ("principals: by a role's path", [EVERYTHING, PRINCIPALS], "sqs:SendMessage", QUEUE, {"aws:PrincipalArn": arn("iam", "role/admin/x/R", "")}, True),
    ("principals: any other", [EVERYTHING, PRINCIPALS], "sqs:SendMessage", QUEUE, {"aws:PrincipalArn": arn("iam", "role/R", "")}, False),
    ("principals: nobody", [EVERYTHING, PRINCIPALS], "sqs:SendMessage", QUEUE, {}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("statements", "action", "resource", "conditions", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in ROWS],
)
def test_the_examples_of_the_user_guide(
    statements: list[dict[str, Any]], action: str, resource: str, conditions: dict[str, Any], expected: bool
) -> None:
    identity = identity_of(identity_policy(*statements))
    request = PolicyRequest(USER, action, resource, conditions)
    assert evaluate(request, identity).allowed is expected
