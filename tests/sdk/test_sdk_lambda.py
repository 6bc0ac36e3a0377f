"""Lambda as boto3 sees it: functions that live, change and run."""

from __future__ import annotations

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.aws import (
    ACCOUNT,
    BASIC_EXECUTION,
    Aws,
    allow,
    package,
    refused,
    trust,
    unique,
)

ECHO = """
def handler(event, context):
    return {"event": event, "name": context.function_name, "id": context.aws_request_id}
"""
WAIT = {"Delay": 0.02, "MaxAttempts": 500}


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    return aws.role(BASIC_EXECUTION)


def test_a_function_is_pending_then_active_then_listed_then_gone(aws: Aws, role: str) -> None:
    name = unique("life")
    code = package(ECHO)
    created = aws.functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": code},
        Description="an echo",
        Environment={"Variables": {"COLOUR": "blue"}},
    )
    assert created["State"] == "Pending"
    assert created["StateReasonCode"] == "Creating"
    assert created["CodeSize"] == len(code)
    assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(code).digest()).decode()
    aws.functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAIT)

    got = aws.functions.get_function(FunctionName=name)
    configuration = got["Configuration"]
    assert configuration["FunctionArn"] == function_arn(name)
    assert configuration["State"] == "Active"
    assert configuration["LastUpdateStatus"] == "Successful"
    assert (configuration["Timeout"], configuration["MemorySize"]) == (3, 128)
    assert configuration["Environment"] == {"Variables": {"COLOUR": "blue"}}
    assert configuration["Runtime"] == "python3.12"
    by_arn = aws.functions.get_function_configuration(FunctionName=function_arn(name))
    assert by_arn["Description"] == "an echo"
    pages = aws.functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
    assert name in [listed["FunctionName"] for page in pages for listed in page["Functions"]]

    aws.functions.delete_function(FunctionName=name)
    with refused(404, "ResourceNotFoundException", f"Function not found: {function_arn(name)}"):
        aws.functions.get_function(FunctionName=name)


def test_invoke_answers_what_the_handler_returns(aws: Aws, role: str) -> None:
    name = aws.function(ECHO, role)
    answer, payload = aws.invoke(name, {"hello": "wörld"})
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert payload == {
        "event": {"hello": "wörld"},
        "name": name,
        "id": answer["ResponseMetadata"]["RequestId"],
    }


def test_a_tail_holds_the_invocations_last_lines(aws: Aws, role: str) -> None:
    name = aws.function("def handler(event, context):\n    print('said', event)\n", role)
    answer, _ = aws.invoke(name, 42, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert f"START RequestId: {request_id} Version: $LATEST" in lines
    assert "said 42" in lines
    assert f"END RequestId: {request_id}" in lines
    assert lines[-1].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "\tMemory Size: 128 MB\tMax Memory Used: " in lines[-1]


def test_an_event_is_accepted_at_once_and_runs(aws: Aws, role: str) -> None:
    name = aws.function("def handler(event, context):\n    print('ran', event)\n", role)
    answer, payload = aws.invoke(name, "later", InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert payload is None
    assert "ran later\n" in aws.log_of(name, 1)


def test_a_dry_run_runs_nothing(aws: Aws, role: str) -> None:
    name = aws.function("def handler(event, context):\n    print('ran')\n", role)
    answer, payload = aws.invoke(name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert payload is None
    aws.invoke(name)
    starts = [line for line in aws.log_of(name, 1) if line.startswith("START ")]
    assert len(starts) == 1


def test_new_code_and_new_configuration_take_effect(aws: Aws, role: str) -> None:
    name = aws.function("def handler(event, context):\n    return 'old'\n", role)
    assert aws.invoke(name)[1] == "old"
    source = "import os\ndef handler(event, context):\n    return os.environ.get('COLOUR', 'none')\n"
    updated = aws.functions.update_function_code(FunctionName=name, ZipFile=package(source))
    assert updated["LastUpdateStatus"] == "InProgress"
    aws.functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAIT)
    assert aws.invoke(name)[1] == "none"
    aws.functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"COLOUR": "green"}}, Timeout=5, MemorySize=256
    )
    aws.functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=WAIT)
    assert aws.invoke(name)[1] == "green"
    configuration = aws.functions.get_function_configuration(FunctionName=name)
    assert (configuration["Timeout"], configuration["MemorySize"]) == (5, 256)


def test_a_stale_revision_is_refused(aws: Aws, role: str) -> None:
    name = aws.function(ECHO, role)
    with refused(
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    ):
        aws.functions.update_function_configuration(FunctionName=name, Timeout=9, RevisionId="stale")


def test_a_handler_uses_boto3_with_the_roles_permissions(aws: Aws) -> None:
    url, arn = aws.queue()
    source = """
import boto3, os

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=event)
    return boto3.client("sts").get_caller_identity()["Arn"]
"""
    role = aws.role(BASIC_EXECUTION, send=allow("sqs:SendMessage", arn))
    name = aws.function(source, role, Timeout=20, Environment={"Variables": {"QUEUE_URL": url}})
    answer, payload = aws.invoke(name, "from within")
    assert "FunctionError" not in answer, payload
    assert payload == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{name}"
    [message] = aws.sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "from within"


def test_a_warm_environment_keeps_its_state_and_runs_one_invocation_at_a_time(aws: Aws, role: str) -> None:
    name = aws.function(
        "seen = []\ndef handler(event, context):\n    seen.append(event)\n    return seen\n", role
    )
    assert [aws.invoke(name, number)[1] for number in range(3)] == [[0], [0, 1], [0, 1, 2]]


def test_the_packages_libraries_come_before_the_runtimes(aws: Aws, role: str) -> None:
    name = unique("own")
    aws.functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=role,
        Handler="boto3.handler",
        Code={"ZipFile": package("def handler(event, context):\n    return __file__\n", "boto3")},
    )
    aws.functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAIT)
    answer, payload = aws.invoke(name)
    assert "FunctionError" not in answer, payload
    assert payload.endswith("/boto3.py")


def test_concurrent_invocations_each_have_an_environment(aws: Aws, role: str) -> None:
    source = """
import time

def handler(event, context):
    time.sleep(0.5)
    return context.log_stream_name
"""
    name = aws.function(source, role)
    with ThreadPoolExecutor(3) as threads:
        environments = {payload for _, payload in threads.map(lambda _: aws.invoke(name), range(3))}
    assert len(environments) == 3


def test_unknown_functions_and_bad_packages_are_refused(aws: Aws, role: str) -> None:
    with refused(404, "ResourceNotFoundException", f"Function not found: {function_arn('nobody')}:$LATEST"):
        aws.functions.invoke(FunctionName="nobody")
    for operation in ("get_function", "get_function_configuration", "delete_function"):
        with refused(404, "ResourceNotFoundException", f"Function not found: {function_arn('nobody')}"):
            getattr(aws.functions, operation)(FunctionName="nobody")
    bad_zip = "Could not unzip uploaded file. Please check your file, then try to upload again."
    with refused(400, "InvalidParameterValueException", bad_zip):
        aws.functions.create_function(
            FunctionName=unique("bad"),
            Runtime="python3.12",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": b"not a zip"},
        )
    name = aws.function(ECHO, role)
    with refused(409, "ResourceConflictException", f"Function already exist: {name}"):
        aws.function(ECHO, role, FunctionName=name)
    with refused(400, "InvalidParameterValueException", bad_zip):
        aws.functions.update_function_code(FunctionName=name, ZipFile=b"not a zip")


def test_a_role_that_lambda_may_not_assume_is_refused(aws: Aws) -> None:
    text = "The role defined for the function cannot be assumed by Lambda."
    for role in (
        aws.role(trusting=trust({"Service": "ec2.amazonaws.com"})),
        f"arn:aws:iam::{ACCOUNT}:role/nobody",
    ):
        with refused(400, "InvalidParameterValueException", text):
            aws.function(ECHO, role)


def test_bad_members_are_refused_in_aws_words(aws: Aws, role: str) -> None:
    with refused(
        400,
        "ValidationException",
        "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: "
        "Member must have value less than or equal to 900",
    ):
        aws.function(ECHO, role, Timeout=901)
    big = {"Variables": {"BIG": "x" * 4096}}
    measured = json.dumps(big["Variables"], separators=(",", ":"))
    with refused(
        400,
        "InvalidParameterValueException",
        "Lambda was unable to configure your environment variables because the environment variables you "
        f"have provided exceeded the 4KB limit. String measured: {measured}",
    ):
        aws.function(ECHO, role, Environment=big)
    name = aws.function(ECHO, role)
    with refused(
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    ):
        aws.functions.invoke(FunctionName=name, Payload=b'"' + b"x" * 6_291_456 + b'"')
