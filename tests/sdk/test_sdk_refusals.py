"""Whose request it is, is proven; what is not supported, is refused by name."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore import xform_name
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, BASIC_EXECUTION, Aws, allow, package, refused, unique
from tests.support.server import Keys, ServerProcess

from noria.auth.credentials import Credentials
from noria.context import Principal

WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)
UNKNOWN_KEY = "The security token included in the request is invalid."
EXPIRED = "The security token included in the request is expired"

Call = Callable[[Any], object]
CALLS: dict[str, Call] = {
    "sqs": lambda client: client.list_queues(),
    "lambda": lambda client: client.list_functions(),
    "iam": lambda client: client.list_roles(),
    "sts": lambda client: client.get_caller_identity(),
    "logs": lambda client: client.describe_log_groups(),
}


@pytest.mark.parametrize(
    ("service", "status", "code"),
    [
        ("sqs", 403, "SignatureDoesNotMatch"),
        ("lambda", 403, "InvalidSignatureException"),
        ("iam", 403, "SignatureDoesNotMatch"),
        ("sts", 403, "SignatureDoesNotMatch"),
        ("logs", 400, "InvalidSignatureException"),
    ],
)
def test_a_wrong_secret_is_refused(server: ServerProcess, service: str, status: int, code: str) -> None:
    client = server.client(service, Keys(server.root.access_key_id, "wrong"))
    with refused(status, code, WRONG_SIGNATURE):
        CALLS[service](client)


@pytest.mark.parametrize(
    ("service", "status", "code"),
    [
        ("sqs", 403, "InvalidClientTokenId"),
        ("lambda", 403, "UnrecognizedClientException"),
        ("iam", 403, "InvalidClientTokenId"),
        ("sts", 403, "InvalidClientTokenId"),
        ("logs", 400, "UnrecognizedClientException"),
    ],
)
def test_an_unknown_key_is_refused(server: ServerProcess, service: str, status: int, code: str) -> None:
    client = server.client(service, Keys("AKIAIOSFODNN7EXAMPLE", "any"))
    with refused(status, code, UNKNOWN_KEY):
        CALLS[service](client)


@pytest.mark.parametrize(
    ("service", "status", "code"),
    [
        ("sqs", 403, "ExpiredToken"),
        ("lambda", 403, "ExpiredTokenException"),
        ("iam", 403, "ExpiredToken"),
        ("sts", 403, "ExpiredToken"),
        ("logs", 400, "ExpiredTokenException"),
    ],
)
def test_an_expired_token_is_refused(server: ServerProcess, service: str, status: int, code: str) -> None:
    role = Principal("assumed-role", ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s", "AROAX:s", "r")
    two_hours_ago_ms = round((time.time() - 7200) * 1000)
    # Issued as the server itself does, with its own key: nothing is wrong with it but its age.
    session = Credentials(server.root).issue(role, two_hours_ago_ms, 3600)
    keys = Keys(session.access_key_id, session.secret_access_key, session.session_token)
    client = server.client(service, keys)
    with refused(status, code, EXPIRED):
        CALLS[service](client)


def test_a_tampered_session_token_is_refused(aws: Aws, server: ServerProcess) -> None:
    keys = aws.assume(aws.role(trusting=ACCOUNT_TRUST), "someone")
    token = keys.session_token or ""
    tampered = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    client = server.client("sts", keys._replace(session_token=tampered))
    with refused(403, "InvalidClientTokenId", UNKNOWN_KEY):
        client.get_caller_identity()


def test_a_presigned_url_works_and_a_tampered_one_does_not(aws: Aws) -> None:
    url = aws.sts.generate_presigned_url("get_caller_identity", HttpMethod="GET")
    assert f"<Arn>arn:aws:iam::{ACCOUNT}:root</Arn>" in fetch(url)[1]
    for tampered in (
        url.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601"),
        f"{url[:-1]}{'01'[url[-1] == '0']}",
    ):
        assert tampered != url
        status, body = fetch(tampered)
        assert status == 403
        assert "<Code>SignatureDoesNotMatch</Code>" in body

    listing = aws.functions.generate_presigned_url("list_functions", Params={"MaxItems": 1}, HttpMethod="GET")
    assert fetch(listing)[0] == 200
    assert fetch(listing.replace("MaxItems=1", "MaxItems=2"))[0] == 403


def test_an_unsigned_request_is_refused(server: ServerProcess) -> None:
    status, body = fetch(f"{server.url}/?Action=GetCallerIdentity&Version=2011-06-15")
    assert status == 403
    assert "<Code>MissingAuthenticationToken</Code>" in body


@pytest.mark.parametrize(
    ("service", "status", "code", "action", "resource"),
    [
        ("sqs", 403, "AccessDenied", "sqs:listqueues", f"arn:aws:sqs:us-east-1:{ACCOUNT}:"),
        ("lambda", 403, "AccessDeniedException", "lambda:ListFunctions", "*"),
        ("iam", 403, "AccessDenied", "iam:ListRoles", f"arn:aws:iam::{ACCOUNT}:role/"),
        (
            "logs",
            400,
            "AccessDeniedException",
            "logs:DescribeLogGroups",
            f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group::log-stream:",
        ),
    ],
)
def test_a_denial_names_the_missing_action_and_the_resource(
    aws: Aws, server: ServerProcess, service: str, status: int, code: str, action: str, resource: str
) -> None:
    role = aws.role(trusting=ACCOUNT_TRUST)
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/someone"
    client = server.client(service, aws.assume(role, "someone"))
    with refused(
        status,
        code,
        f"User: {session} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action",
    ):
        CALLS[service](client)


def test_a_role_is_passed_to_a_function_only_by_who_may(aws: Aws, server: ServerProcess) -> None:
    passed = aws.role(BASIC_EXECUTION)
    deployer = aws.role(trusting=ACCOUNT_TRUST, deploy=allow("lambda:*", "*"))
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{deployer.rpartition('/')[2]}/someone"
    with refused(
        403,
        "AccessDeniedException",
        f"User: {session} is not authorized to perform: iam:PassRole on resource: {passed} "
        "because no identity-based policy allows the iam:PassRole action",
    ):
        server.client("lambda", aws.assume(deployer, "someone")).create_function(
            FunctionName=unique("passed"),
            Runtime="python3.12",
            Role=passed,
            Handler="app.handler",
            Code={"ZipFile": package("")},
        )


def test_a_region_does_not_see_anothers_resources(aws: Aws, server: ServerProcess) -> None:
    url, arn = aws.queue()
    elsewhere = server.client("sqs", region="eu-west-1")
    with refused(400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."):
        elsewhere.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    name = arn.rpartition(":")[2]
    other = elsewhere.create_queue(QueueName=name)["QueueUrl"]
    attributes = elsewhere.get_queue_attributes(QueueUrl=other, AttributeNames=["QueueArn"])["Attributes"]
    assert attributes["QueueArn"] == f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{name}"


def test_a_member_that_is_not_supported_is_refused_by_name(aws: Aws) -> None:
    role = aws.role(BASIC_EXECUTION)
    with refused(
        501,
        "NotImplemented",
        "CreateFunction's FileSystemConfigs is not supported by Noria, see docs/parity.md.",
    ):
        aws.functions.create_function(
            FunctionName=unique("vpc"),
            Runtime="python3.12",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": package("")},
            FileSystemConfigs=[
                {
                    "Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-"
                    + "0123456789abcdef0",
                    "LocalMountPath": "/mnt/x",
                }
            ],
        )
    _, arn = aws.queue()
    with refused(
        501,
        "NotImplemented",
        "CreateEventSourceMapping's KMSKeyArn is not supported by Noria, see docs/parity.md.",
    ):
        aws.functions.create_event_source_mapping(
            EventSourceArn=arn, FunctionName="any", KMSKeyArn="arn:aws:kms:us-east-1:000000000000:key/k"
        )


@pytest.mark.parametrize(
    ("service", "operation", "members"),
    [
        ("lambda", "ListCapacityProviders", {}),
        ("iam", "CreateVirtualMFADevice", {"VirtualMFADeviceName": "m"}),
        (
            "sts",
            "AssumeRoot",
            {
                "TargetPrincipal": ACCOUNT,
                "TaskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"},
            },
        ),
        ("logs", "DescribeExportTasks", {}),
    ],
)
def test_an_operation_that_is_not_supported_is_refused_by_name(
    server: ServerProcess, service: str, operation: str, members: dict[str, str]
) -> None:
    with refused(501, "NotImplemented", f"{operation} is not supported by Noria, see docs/parity.md."):
        getattr(server.client(service), xform_name(operation))(**members)


def fetch(url: str) -> tuple[int, str]:
    """Status and body of a GET without headers of its own."""
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
