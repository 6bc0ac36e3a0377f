"""A FIFO queue as a trigger: order within a group, through failures; groups side by side; dead letters."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from tests.support.aws import QUEUE_EXECUTION, Aws, eventually, unique

EMPTY = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}
# Says what it gets, and fails the first time for bodies that end in "!".
CONSUMER = """
import json, time
def handler(event, context):
    failed = []
    for record in event["Records"]:
        attributes = record["attributes"]
        count = attributes["ApproximateReceiveCount"]
        print("got", json.dumps([attributes["MessageGroupId"], record["body"], count, time.time()]))
        if record["body"].endswith("!") and count == "1":
            raise ValueError(record["body"])
"""


def is_empty(aws: Aws, url: str) -> bool:
    answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(EMPTY))
    return bool(answer["Attributes"] == EMPTY)


def fifo(aws: Aws, **attributes: str) -> tuple[str, str]:
    return aws.queue(
        f"{unique('queue')}.fifo", FifoQueue="true", ContentBasedDeduplication="true", **attributes
    )


def send(aws: Aws, url: str, group: str, bodies: list[str]) -> None:
    for body in bodies:
        aws.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)


def got(aws: Aws, function: str) -> list[list[Any]]:
    lines = [line for line in aws.log_lines(function) if line.startswith("got ")]
    return sorted((json.loads(line.removeprefix("got ")) for line in lines), key=lambda each: each[3])


def test_the_order_of_a_group_holds_through_failures_and_groups_do_not_wait_for_each_other(aws: Aws) -> None:
    url, arn = fifo(aws, VisibilityTimeout="2")
    name = aws.function(CONSUMER, aws.role(QUEUE_EXECUTION), Timeout=2)
    for group in "ab":
        send(aws, url, group, [f"{group}{number}" for number in range(5)])
    send(aws, url, "bad", ["bad0", "bad1!", "bad2"])
    aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, BatchSize=2)
    eventually(partial(is_empty, aws, url), "the queue emptied", within_s=30)
    eventually(lambda: len(got(aws, name)) >= 14, "every message in the log")
    seen = got(aws, name)
    order: dict[str, list[str]] = {}
    for group, body, _, _ in seen:
        bodies = order.setdefault(group, [])
        if body in bodies:  # again, after a failure: what was after it was not handled yet
            del bodies[bodies.index(body) :]
        bodies.append(body)
    assert order == {
        "a": ["a0", "a1", "a2", "a3", "a4"],
        "b": ["b0", "b1", "b2", "b3", "b4"],
        "bad": ["bad0", "bad1!", "bad2"],
    }
    attempts = [(body, count) for _, body, count, _ in seen if body == "bad1!"]
    assert attempts == [("bad1!", "1"), ("bad1!", "2")]
    retried_s = next(at for _, body, count, at in seen if (body, count) == ("bad1!", "2"))
    others_s = [at for group, _, _, at in seen if group in "ab"]
    assert len([at for at in others_s if at < retried_s]) >= 8


def test_the_record_of_a_fifo_queue_has_its_group_and_sequence(aws: Aws) -> None:
    url, arn = fifo(aws)
    source = "import json\ndef handler(event, context):\n    print('event', json.dumps(event))\n"
    name = aws.function(source, aws.role(QUEUE_EXECUTION))
    sent = aws.sqs.send_message(
        QueueUrl=url, MessageBody="hello", MessageGroupId="g", MessageDeduplicationId="d"
    )
    aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name)

    def found() -> str | None:
        return next((line for line in aws.log_lines(name) if line.startswith("event ")), None)

    [record] = json.loads(eventually(found, "the event in the log")[len("event ") :])["Records"]
    assert set(record["attributes"]) == {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SequenceNumber",
        "MessageGroupId",
        "SenderId",
        "MessageDeduplicationId",
        "ApproximateFirstReceiveTimestamp",
    }
    assert record["attributes"]["SequenceNumber"] == sent["SequenceNumber"]
    assert record["attributes"]["MessageGroupId"] == "g"
    assert record["attributes"]["MessageDeduplicationId"] == "d"
    assert record["eventSourceARN"] == arn


def test_a_message_that_fails_for_good_is_a_dead_letter_after_exactly_so_many_receives(aws: Aws) -> None:
    dead_url, dead_arn = aws.queue()
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "2"})
    url, arn = aws.queue(VisibilityTimeout="1", RedrivePolicy=redrive)
    source = (
        "def handler(event, context):\n"
        "    for record in event['Records']:\n"
        "        print('received', record['attributes']['ApproximateReceiveCount'])\n"
        "    raise ValueError\n"
    )
    name = aws.function(source, aws.role(QUEUE_EXECUTION), Timeout=1)
    aws.sqs.send_message(QueueUrl=url, MessageBody="bad")
    aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name)

    def dead() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] | None = aws.sqs.receive_message(QueueUrl=dead_url).get("Messages")
        return found

    [message] = eventually(dead, "the dead letter")
    assert message["Body"] == "bad"
    lines = aws.log_of(name, 2)
    assert [line.strip() for line in lines if line.startswith("received")] == ["received 1", "received 2"]
    assert is_empty(aws, url)
