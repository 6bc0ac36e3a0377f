"""Constraints are checked with the texts that AWS answered (recorded from Lambda, Logs and STS)."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from noria.errors import AwsError
from noria.protocol.constraints import _matcher, scalar_checks
from noria.protocol.models import load_service
from noria.protocol.validate import MAX_REPORTED, _Compiler, validate

ROLE = "arn:aws:iam::111111111111:role/r"
FUNCTION_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
STS_ARN_PATTERN = r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+"


def refusal(service: str, operation: str, **arguments: Any) -> AwsError:
    found = load_service(service).operation(operation)
    assert found is not None
    with pytest.raises(AwsError) as caught:
        validate(found, arguments)
    assert caught.value.status == 400
    return caught.value


def accept(service: str, operation: str, **arguments: Any) -> None:
    found = load_service(service).operation(operation)
    assert found is not None
    validate(found, arguments)


def one(text: str) -> str:
    return f"1 validation error detected: {text}"


@pytest.mark.parametrize(
    ("operation", "arguments", "text"),
    [
        (
            "CreateAlias",
            {"function_name": "f", "name": "2024", "function_version": "1"},
            "Value '2024' at 'name' failed to satisfy constraint: Member must satisfy regular expression"
            " pattern:"
            " (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
        ),
        (
            "CreateAlias",
            {
                "function_name": "f",
                "name": "a",
                "function_version": "1",
                "routing_config": {"AdditionalVersionWeights": {"2": -1.0}},
            },
            "Value '{2=-1.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map"
            " value"
            " must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have"
            " value"
            " greater than or equal to 0.0, Member must not be null]",
        ),
        (
            "CreateAlias",
            {
                "function_name": "f",
                "name": "a",
                "function_version": "1",
                "routing_config": {"AdditionalVersionWeights": {"$LATEST": 0.5}},
            },
            "Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy"
            " constraint: Map"
            " keys must satisfy constraint: [Member must have length less than or equal to 1024, Member"
            " must have"
            " length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]",
        ),
        (
            "CreateEventSourceMapping",
            {"function_name": "f", "starting_position": "invalid"},
            "Value 'invalid' at 'startingPosition' failed to satisfy constraint: Member must satisfy enum"
            " value"
            " set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
        ),
        (
            "CreateFunction",
            {"function_name": "invalid:function:name", "role": ROLE, "code": {}},
            "Value 'invalid:function:name' at 'functionName' failed to satisfy constraint: Member must"
            " satisfy"
            f" regular expression pattern: {FUNCTION_PATTERN}",
        ),
        (
            "CreateFunction",
            {
                "function_name": f"arn:aws:lambda:us-east-1:111111111111:function:{'a' * 100}",
                "role": ROLE,
                "code": {},
            },
            f"Value 'arn:aws:lambda:us-east-1:111111111111:function:{'a' * 100}' at 'functionName' failed"
            f" to satisfy"
            " constraint: Member must have length less than or equal to 140",
        ),
        (
            "CreateFunction",
            {
                "function_name": "f",
                "role": ROLE,
                "code": {},
                "vpc_config": {"SubnetIds": [], "SecurityGroupIds": ["sg-1", "nope"]},
            },
            "Value '[sg-1, nope]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: Member must"
            " satisfy"
            " constraint: [Member must have length less than or equal to 1024, Member must have length"
            " greater"
            " than or equal to 0, Member must satisfy regular expression pattern: sg-[0-9a-zA-Z]*]",
        ),
        (
            "UpdateFunctionConfiguration",
            {"function_name": "f", "role": "r1"},
            "Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression"
            " pattern:"
            r" arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
        ),
        (
            "AddPermission",
            {
                "function_name": "f",
                "statement_id": "example.com",
                "action": "lambda:InvokeFunction",
                "principal": "*",
            },
            "Value 'example.com' at 'statementId' failed to satisfy constraint: Member must satisfy regular"
            " expression pattern: ([a-zA-Z0-9-_]+)",
        ),
        (
            "UpdateFunctionConfiguration",
            {"function_name": "f", "snap_start": {"ApplyOn": "invalidOption"}},
            "Value 'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy"
            " enum"
            " value set: [PublishedVersions, None]",
        ),
        (
            "CreateFunction",
            {"function_name": "f", "role": ROLE, "code": {}, "architectures": ["mips"]},
            "Value '[mips]' at 'architectures' failed to satisfy constraint: Member must satisfy"
            " constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
        ),
        (
            "UntagResource",
            {"resource": "arn:aws:lambda:us-east-1:111111111111:function:f"},
            "Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
        ),
    ],
)
def test_lambdas_texts(operation: str, arguments: dict[str, Any], text: str) -> None:
    error = refusal("lambda", operation, **arguments)
    assert (error.code, error.message) == ("ValidationException", one(text))


def test_logs_has_a_code_of_its_own() -> None:
    error = refusal("logs", "FilterLogEvents", log_group_name="g", limit=10001)
    assert error.code == "InvalidParameterException"
    assert error.message == one(
        "Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal"
        " to 10000"
    )
    events = [{"timestamp": 1, "message": "m"}, {"timestamp": -1}]
    assert refusal(
        "logs", "PutLogEvents", log_group_name="g", log_stream_name="s", log_events=events
    ).message == (
        "2 validation errors detected: Value '-1' at 'logEvents.2.member.timestamp' failed to satisfy"
        " constraint:"
        " Member must have value greater than or equal to 0; Value null at 'logEvents.2.member.message'"
        " failed to"
        " satisfy constraint: Member must not be null"
    )


def test_sts_reports_pattern_before_length_and_counts_code_points() -> None:
    def arn(value: str) -> str:
        return refusal("sts", "AssumeRole", role_arn=value, role_session_name="ok").message

    pattern = (
        f"failed to satisfy constraint: Member must satisfy regular expression pattern: {STS_ARN_PATTERN}"
    )
    short = "failed to satisfy constraint: Member must have length greater than or equal to 20"
    long = "failed to satisfy constraint: Member must have length less than or equal to 2048"
    assert (
        arn("")
        == f"2 validation errors detected: Value '' at 'roleArn' {pattern}; Value '' at 'roleArn' {short}"
    )
    assert arn("not-an-arn") == one(f"Value 'not-an-arn' at 'roleArn' {short}")
    assert arn("é" * 2049) == one(f"Value '{'é' * 2049}' at 'roleArn' {long}")
    assert arn("😀" * 2048) == one(f"Value '{'😀' * 2048}' at 'roleArn' {pattern}")
    accept("sts", "AssumeRole", role_arn="é" * 2048, role_session_name="ok")
    error = refusal("sts", "AssumeRole", role_arn="x" * 20, role_session_name="Session1:2")
    assert (error.code, error.message) == (
        "ValidationError",
        one(
            "Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy"
            " regular"
            r" expression pattern: [\w+=,.@-]*"
        ),
    )
    assert refusal("sts", "AssumeRole", role_session_name="é" * 65).message.startswith(
        "3 validation errors detected: Value null at 'roleArn' failed"
    )


def test_iam_tells_neither_values_nor_sets() -> None:
    error = refusal(
        "iam", "UpdateServiceSpecificCredential", service_specific_credential_id="a" * 20, status="wrong"
    )
    assert (error.code, error.message) == (
        "ValidationError",
        one("Value at 'status' failed to satisfy constraint: Member must satisfy enum value set"),
    )
    assert refusal(
        "iam", "UpdateServiceSpecificCredential", service_specific_credential_id="a-" * 10, status="Active"
    ).message == one(
        "Value at 'serviceSpecificCredentialId' failed to satisfy constraint: Member must satisfy regular"
        " expression"
        r" pattern: [\w]+"
    )


def test_sqs_checks_itself() -> None:
    accept("sqs", "SendMessage")
    accept("sqs", "GetQueueAttributes", queue_url="u", attribute_names=["NotAnAttribute"])


def test_what_holds_is_accepted() -> None:
    accept("lambda", "Invoke", function_name="f", payload=b"x")
    accept("iam", "TagRole", role_name="r", tags=[{"Key": "é Ⅷ-日本_.:/=+@", "Value": "\u00a0"}])
    accept("logs", "DescribeLogGroups")
    accept("lambda", "CreateFunction", function_name="f", role=ROLE, code={}, runtime="nonsense")


def test_unicode_classes_are_javas() -> None:
    for key in ("a!", "a\n", "☃"):
        assert "pattern" in refusal("iam", "TagRole", role_name="r", tags=[{"Key": key, "Value": ""}]).message
    name = refusal("sts", "AssumeRole", role_arn="x" * 20, role_session_name="é٣").message
    assert "pattern" in name  # Java's \\w is ASCII


def test_answers_are_bounded_however_much_is_wrong() -> None:
    tags: list[dict[str, str]] = [{}] * 100_000
    message = refusal("iam", "TagRole", role_name="r", tags=tags).message
    assert message.count("Member must not be null") <= MAX_REPORTED + 2


@pytest.mark.parametrize("service", ["sqs", "lambda", "iam", "sts", "logs"])
def test_every_operation_and_pattern_compiles(service: str) -> None:
    model = load_service(service)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in model.operation_names():
            operation = model.operation(name)
            assert operation is not None
            _Compiler(False).operation(operation)


@pytest.mark.parametrize("seed", ["a", "-", "/", "/a", "1", "a:", " ", "a b", "_", "aws-", "a.", "us-"])
def test_no_pattern_can_be_made_to_take_long(seed: str) -> None:
    """Texts that almost match, as long as any may be; a pattern that backtracks would not return."""
    patterns = {
        shape.pattern
        for service in ("lambda", "iam", "sts", "logs")
        for shape in (load_service(service).shape(name) for name in load_service(service)._shapes)
        if shape.pattern is not None
    }
    for pattern in patterns:
        matches = _matcher(pattern)
        matches(seed * (9_990 // len(seed)) + "\n")
        matches(seed * 100_000 + "\n")


def test_a_text_too_long_for_its_pattern_does_not_match() -> None:
    name = load_service("lambda").shape("FunctionName")
    matches = scalar_checks(name)[0][0]
    assert matches("a" * 10_000)
    assert not matches("a" * 10_001)
