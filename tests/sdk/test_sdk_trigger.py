"""The SQS trigger as boto3 sees it."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from tests.support.aws import ACCOUNT, BASIC_EXECUTION, QUEUE_EXECUTION, Aws, eventually, refused

CONSUMER = """
def handler(event, context):
    for record in event["Records"]:
        print("body", record["body"])
"""
EMPTY = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}
NO_MAPPING = "The resource you requested does not exist."


def depth(aws: Aws, url: str) -> dict[str, str]:
    attributes: dict[str, str] = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(EMPTY))[
        "Attributes"
    ]
    return attributes


def bodies(aws: Aws, function: str) -> list[str]:
    return [line.split()[1] for line in aws.log_lines(function) if line.startswith("body ")]


def trigger(aws: Aws, arn: str, function: str, **options: Any) -> str:
    """The UUID of a mapping, once it is enabled."""
    uuid: str = aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=function, **options
    )["UUID"]
    reaches(aws, uuid, "Enabled")
    return uuid


def reaches(aws: Aws, uuid: str, state: str) -> None:
    eventually(
        lambda: aws.functions.get_event_source_mapping(UUID=uuid)["State"] == state, f"the mapping {state}"
    )


def test_a_mapping_is_created_read_listed_changed_and_deleted(aws: Aws) -> None:
    _, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    created = aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name)
    assert created["State"] == "Creating"
    assert created["BatchSize"] == 10
    assert created["MaximumBatchingWindowInSeconds"] == 0
    assert created["EventSourceArn"] == arn
    assert created["FunctionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    assert created["StateTransitionReason"] == "USER_INITIATED"
    uuid = created["UUID"]
    with refused(
        409,
        "ResourceConflictException",
        f'An event source mapping with SQS arn (" {arn} ") and function (" {name} ") already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}",
    ):
        aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name)
    reaches(aws, uuid, "Enabled")
    pages = aws.functions.get_paginator("list_event_source_mappings").paginate(FunctionName=name)
    assert [mapping["UUID"] for page in pages for mapping in page["EventSourceMappings"]] == [uuid]

    updated = aws.functions.update_event_source_mapping(UUID=uuid, BatchSize=2, Enabled=False)
    assert updated["BatchSize"] == 2
    eventually(
        lambda: aws.functions.get_event_source_mapping(UUID=uuid)["State"] == "Disabled",
        "the mapping disabled",
    )
    assert aws.functions.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"

    def gone() -> bool:
        listed = aws.functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        return not listed

    eventually(gone, "the mapping gone")
    with refused(404, "ResourceNotFoundException", NO_MAPPING):
        aws.functions.get_event_source_mapping(UUID=uuid)


def test_the_handler_gets_the_record_as_on_aws(aws: Aws) -> None:
    url, arn = aws.queue()
    source = "import json\ndef handler(event, context):\n    print('event', json.dumps(event))\n"
    name = aws.function(source, aws.role(QUEUE_EXECUTION))
    trigger(aws, arn, name)
    sent = aws.sqs.send_message(
        QueueUrl=url,
        MessageBody="hello",
        MessageAttributes={"Kind": {"DataType": "String", "StringValue": "greeting"}},
    )

    def found() -> str | None:
        return next((line for line in aws.log_lines(name) if line.startswith("event ")), None)

    [record] = json.loads(eventually(found, "the event in the log")[len("event ") :])["Records"]
    assert record["receiptHandle"]
    assert set(record["attributes"]) == {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    }
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    del record["receiptHandle"], record["attributes"]
    assert record == {
        "messageId": sent["MessageId"],
        "body": "hello",
        "messageAttributes": {
            "Kind": {
                "stringValue": "greeting",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            }
        },
        "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": "us-east-1",
    }


def test_a_thousand_messages_are_each_seen_in_the_consumers_log(aws: Aws) -> None:
    url, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    expected = [f"m{number}" for number in range(1000)]
    for start in range(0, 500, 10):  # half waits for the trigger, half is sent while it runs
        _send_batch(aws, url, expected[start : start + 10])
    trigger(aws, arn, name)
    for start in range(500, 1000, 10):
        _send_batch(aws, url, expected[start : start + 10])
    eventually(lambda: depth(aws, url) == EMPTY, "the queue empty", within_s=30)
    eventually(lambda: len(bodies(aws, name)) >= len(expected), "a line of each message")
    assert sorted(bodies(aws, name)) == sorted(expected)


def test_failed_messages_stay_in_the_queue_and_come_again(aws: Aws) -> None:
    url, arn = aws.queue(VisibilityTimeout="1")
    source = """
def handler(event, context):
    for record in event["Records"]:
        print("body", record["body"], record["attributes"]["ApproximateReceiveCount"])
        if record["attributes"]["ApproximateReceiveCount"] == "1":
            raise RuntimeError("not yet")
"""
    name = aws.function(source, aws.role(QUEUE_EXECUTION), Timeout=1)
    trigger(aws, arn, name)
    aws.sqs.send_message(QueueUrl=url, MessageBody="stubborn")
    eventually(lambda: depth(aws, url) == EMPTY, "the message consumed")
    tries = [line.split()[2] for line in aws.log_of(name, 2) if line.startswith("body stubborn")]
    assert tries == ["1", "2"]


def test_of_a_batch_only_the_reported_failures_come_again(aws: Aws) -> None:
    url, arn = aws.queue(VisibilityTimeout="1")
    source = """
def handler(event, context):
    failures = []
    for record in event["Records"]:
        print("body", record["body"])
        if record["body"] == "bad" and record["attributes"]["ApproximateReceiveCount"] == "1":
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
"""
    name = aws.function(source, aws.role(QUEUE_EXECUTION), Timeout=1)
    _send_batch(aws, url, ["good", "bad", "fine"])
    trigger(aws, arn, name, FunctionResponseTypes=["ReportBatchItemFailures"])
    eventually(lambda: depth(aws, url) == EMPTY, "the messages consumed")
    eventually(lambda: len(bodies(aws, name)) >= 4, "a line of each delivery")
    assert sorted(bodies(aws, name)) == ["bad", "bad", "fine", "good"]


def test_the_exercises_consumer_sees_one_of_a_batch_and_all_are_deleted(aws: Aws) -> None:
    url, arn = aws.queue()
    source = """
def handler(event, context):
    # get message packaged in event
    for record in event['Records']:
        payload = record["body"]
        print('body', payload)
        return {
            'message' : str(payload)
        }
"""
    name = aws.function(source, aws.role(QUEUE_EXECUTION))
    _send_batch(aws, url, [str(number) for number in range(10)])
    trigger(aws, arn, name)
    eventually(lambda: depth(aws, url) == EMPTY, "the messages consumed")
    assert len(eventually(partial(bodies, aws, name), "what it has seen")) < 10


def test_a_role_without_receive_message_is_refused(aws: Aws) -> None:
    _, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(BASIC_EXECUTION))
    with refused(
        400,
        "InvalidParameterValueException",
        "The function execution role does not have permissions to call ReceiveMessage on SQS",
    ):
        aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name)


def test_unknown_queues_functions_and_mappings_are_refused(aws: Aws) -> None:
    _, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    with refused(
        400,
        "InvalidParameterValueException",
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
        "SQS Error Message: The specified queue does not exist.",
    ):
        aws.functions.create_event_source_mapping(EventSourceArn=f"{arn}-gone", FunctionName=name)
    with refused(400, "InvalidParameterValueException", "Function does not exist"):
        aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName="nobody")
    uuid = "00000000-0000-4000-8000-000000000000"
    for call in (
        aws.functions.get_event_source_mapping,
        aws.functions.update_event_source_mapping,
        aws.functions.delete_event_source_mapping,
    ):
        with refused(404, "ResourceNotFoundException", NO_MAPPING):
            call(UUID=uuid)


def test_a_queue_that_hides_messages_too_briefly_is_refused(aws: Aws) -> None:
    _, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION), Timeout=60)
    with refused(
        400,
        "InvalidParameterValueException",
        "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
    ):
        aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name)


def _send_batch(aws: Aws, url: str, batch: list[str]) -> None:
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
    assert "Failed" not in aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)
