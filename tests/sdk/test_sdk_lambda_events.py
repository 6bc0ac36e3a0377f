"""Asynchronous invocation to its end, as boto3 sees it: destinations, dead-letter queues, the code URL."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest
from tests.support.aws import ACCOUNT, BASIC_EXECUTION, Aws, allow, eventually, package, refused

SOURCE = """
def handler(event, context):
    print("event:", event)
    if event == "fail":
        raise ValueError("as asked")
    return event
"""


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    """May send to any queue and invoke any function."""
    return aws.role(BASIC_EXECUTION, records=allow(["sqs:SendMessage", "lambda:InvokeFunction"], "*"))


def received(aws: Aws, url: str) -> Any:
    def look() -> Any:
        answer = aws.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"])
        return answer.get("Messages")

    (message,) = eventually(look, "a message")
    return message


def test_records_reach_a_queue_and_a_function(aws: Aws, role: str) -> None:
    api = aws.functions
    name, next_name = aws.function(SOURCE, role), aws.function(SOURCE, role)
    url, arn = aws.queue()
    there = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{next_name}"
    config = api.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn}, "OnSuccess": {"Destination": there}},
    )
    assert config["FunctionArn"].endswith(f":{name}:$LATEST")
    assert config["LastModified"].year > 2000
    request_id = api.invoke(FunctionName=name, Payload=b'"fail"', InvocationType="Event")["ResponseMetadata"][
        "RequestId"
    ]
    record = json.loads(received(aws, url)["Body"])
    assert record["requestContext"]["requestId"] == request_id
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"]["errorType"] == "ValueError"

    api.invoke(FunctionName=name, Payload=b'"fine"', InvocationType="Event")
    (line,) = [line for line in aws.log_of(next_name, 1) if line.startswith("event:")]
    assert "'condition': 'Success'" in line

    api.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    found = api.get_function_event_invoke_config(FunctionName=name)
    assert (found["MaximumEventAgeInSeconds"], found["MaximumRetryAttempts"]) == (60, 0)
    pages = api.get_paginator("list_function_event_invoke_configs").paginate(FunctionName=name)
    assert len([each for page in pages for each in page["FunctionEventInvokeConfigs"]]) == 1
    api.delete_function_event_invoke_config(FunctionName=name)
    with refused(
        404,
        "ResourceNotFoundException",
        f"The function arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}:$LATEST doesn't have an "
        "EventInvokeConfig",
    ):
        api.get_function_event_invoke_config(FunctionName=name)


def test_a_failed_event_is_in_the_dead_letter_queue(aws: Aws, role: str) -> None:
    url, arn = aws.queue()
    name = aws.function(SOURCE, role, DeadLetterConfig={"TargetArn": arn})
    aws.functions.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    aws.functions.invoke(FunctionName=name, Payload=b'"fail"', InvocationType="Event")
    message = received(aws, url)
    assert message["Body"] == '"fail"'
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "as asked"
    assert message["MessageAttributes"]["ErrorCode"] == {"DataType": "Number", "StringValue": "200"}


def test_a_destination_needs_the_roles_permission(aws: Aws) -> None:
    name = aws.function(SOURCE, aws.role(BASIC_EXECUTION))
    _, arn = aws.queue()
    with refused(
        400,
        "InvalidParameterValueException",
        f"The function's execution role does not have permissions to call SendMessage on {arn}",
    ):
        aws.functions.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn}}
        )


def test_the_code_is_downloaded_without_credentials(aws: Aws, role: str) -> None:
    name = aws.function(SOURCE, role)
    location = aws.functions.get_function(FunctionName=name)["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert answer.read() == package(SOURCE)
