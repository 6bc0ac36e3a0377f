"""What a trigger can be told, as boto3 tells it: filters, windows, concurrency."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.aws import QUEUE_EXECUTION, Aws, eventually, refused

CONSUMER = """
import json
def handler(event, context):
    print("batch", json.dumps([record["body"] for record in event["Records"]]))
"""
EMPTY = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}


def batches(aws: Aws, function: str) -> list[list[str]]:
    lines = [line for line in aws.log_lines(function) if line.startswith("batch ")]
    return [json.loads(line.removeprefix("batch ")) for line in lines]


def is_empty(aws: Aws, url: str) -> bool:
    answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(EMPTY))
    return bool(answer["Attributes"] == EMPTY)


def send(aws: Aws, url: str, bodies: list[str]) -> None:
    for start in range(0, len(bodies), 10):
        entries = [
            {"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[start : start + 10])
        ]
        assert "Failed" not in aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)


def test_filtered_messages_never_reach_the_function_and_leave_the_queue(aws: Aws) -> None:
    url, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    criteria = {"Filters": [{"Pattern": json.dumps({"body": {"price": [{"numeric": [">", 100]}]}})}]}
    created = aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, FilterCriteria=criteria
    )
    assert created["FilterCriteria"] == criteria
    send(aws, url, ['{"price": 99}', '{"price": 101}', "text", '{"price": 100}', '{"price": 5000}'])
    eventually(lambda: is_empty(aws, url), "the queue emptied")
    eventually(lambda: sum(map(len, batches(aws, name))) == 2, "two messages handled")
    handled = [body for batch in batches(aws, name) for body in batch]
    assert sorted(handled) == ['{"price": 101}', '{"price": 5000}']


def test_a_large_batch_comes_in_one_invocation(aws: Aws) -> None:
    url, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    bodies = [str(number) for number in range(300)]
    send(aws, url, bodies)
    aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, BatchSize=300, MaximumBatchingWindowInSeconds=20
    )
    eventually(lambda: is_empty(aws, url), "the queue emptied")
    [batch] = eventually(lambda: batches(aws, name), "the batch in the log")
    assert sorted(batch) == sorted(bodies)


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"a": 1}}'}]}},
            "InvalidParameterValueException",
            "Invalid filter pattern definition.",
        ),
        (
            {"ScalingConfig": {"MaximumConcurrency": 1001}},
            "ValidationException",
            "1 validation error detected: Value '1001' at 'scalingConfig.maximumConcurrency' failed to"
            " satisfy constraint: Member must have value less than or equal to 1000",
        ),
    ],
)
def test_options_that_aws_refuses_are_refused(
    aws: Aws, options: dict[str, Any], code: str, text: str
) -> None:
    _, arn = aws.queue()
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION))
    with refused(400, code, text):
        aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, **options)


def test_maximum_concurrency_bounds_how_many_run_at_once(aws: Aws) -> None:
    url, arn = aws.queue()
    source = "import time\ndef handler(event, context):\n    print('ran', time.time())\n    time.sleep(0.3)\n"
    name = aws.function(source, aws.role(QUEUE_EXECUTION))
    send(aws, url, [str(number) for number in range(8)])
    aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2}
    )
    eventually(lambda: is_empty(aws, url), "the queue emptied")
    lines = aws.log_of(name, 8)
    began_s = sorted(float(line.split()[1]) for line in lines if line.startswith("ran "))
    assert all(later - earlier >= 0.29 for earlier, later in zip(began_s, began_s[2:], strict=False))
