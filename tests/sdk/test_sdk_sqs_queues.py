"""FIFO queues, dead-letter queues, move tasks and queue policies as boto3 sees them."""

from __future__ import annotations

import json

from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, Aws, eventually, refused, unique
from tests.support.server import ServerProcess

FIFO = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}


def test_a_fifo_queue_keeps_order_and_drops_duplicates(aws: Aws) -> None:
    url, _ = aws.queue(unique("orders") + ".fifo", **FIFO)
    first = aws.sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="g")
    again = aws.sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="g")
    second = aws.sqs.send_message(
        QueueUrl=url, MessageBody="1", MessageGroupId="g", MessageDeduplicationId="d"
    )
    assert again["MessageId"] == first["MessageId"]
    assert int(first["SequenceNumber"]) < int(second["SequenceNumber"])
    received = aws.sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        ReceiveRequestAttemptId="attempt",
        MessageSystemAttributeNames=["All"],
    )["Messages"]
    assert [message["Attributes"]["SequenceNumber"] for message in received] == [
        first["SequenceNumber"],
        second["SequenceNumber"],
    ]
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=url)


def test_dead_letters_are_listed_and_moved_back(aws: Aws) -> None:
    dlq, dlq_arn = aws.queue()
    redrive = json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": 1})
    source, source_arn = aws.queue(RedrivePolicy=redrive, VisibilityTimeout="0")
    assert aws.sqs.list_dead_letter_source_queues(QueueUrl=dlq)["queueUrls"] == [source]
    aws.sqs.send_message(QueueUrl=source, MessageBody="poison")
    for _ in range(2):
        aws.sqs.receive_message(QueueUrl=source)
    [dead] = aws.sqs.receive_message(
        QueueUrl=dlq, VisibilityTimeout=0, MessageSystemAttributeNames=["DeadLetterQueueSourceArn"]
    )["Messages"]
    assert dead["Attributes"] == {"DeadLetterQueueSourceArn": source_arn}

    handle = aws.sqs.start_message_move_task(SourceArn=dlq_arn)["TaskHandle"]

    def completed() -> bool:
        [task] = aws.sqs.list_message_move_tasks(SourceArn=dlq_arn)["Results"]
        moved: int = task["ApproximateNumberOfMessagesMoved"]
        return task["Status"] == "COMPLETED" and moved == 1

    eventually(completed, "the move task completes")
    with refused(404, "ResourceNotFoundException", "Only active tasks can be cancelled."):
        aws.sqs.cancel_message_move_task(TaskHandle=handle)
    assert aws.sqs.receive_message(QueueUrl=source)["Messages"][0]["Body"] == "poison"


def test_a_queues_policy_lets_in_and_keeps_out(aws: Aws, server: ServerProcess) -> None:
    url, arn = aws.queue()
    role = aws.role(trusting=ACCOUNT_TRUST)
    guest = server.client("sqs", aws.assume(role, "guest"))
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/guest"
    denial = f"User: {session} is not authorized to perform: sqs:sendmessage on resource: {arn} "
    with refused(
        403,
        "AccessDenied",
        denial + "because no identity-based policy allows the sqs:sendmessage action",
    ):
        guest.send_message(QueueUrl=url, MessageBody="hello")
    statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    guest.send_message(QueueUrl=url, MessageBody="hello")
    statement["Effect"] = "Deny"
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    with refused(403, "AccessDenied", denial + "with an explicit deny in a resource-based policy"):
        guest.send_message(QueueUrl=url, MessageBody="hello")
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})


def test_permissions_come_and_go(aws: Aws) -> None:
    url, arn = aws.queue()
    aws.sqs.add_permission(
        QueueUrl=url, Label="partner", AWSAccountIds=["111111111111"], Actions=["SendMessage"]
    )
    found = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert json.loads(found)["Statement"] == [
        {
            "Sid": "partner",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": "SQS:SendMessage",
            "Resource": arn,
        }
    ]
    aws.sqs.remove_permission(QueueUrl=url, Label="partner")
    assert "Attributes" not in aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
