"""SQS as boto3 sees it."""

from __future__ import annotations

import threading
import time

from tests.support.aws import ACCOUNT, Aws, refused, unique

NO_QUEUE = "The specified queue does not exist."


def test_a_queue_is_created_found_listed_changed_and_deleted(aws: Aws) -> None:
    name = unique("life")
    url = aws.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "45"})["QueueUrl"]
    assert url.endswith(f"/{ACCOUNT}/{name}")
    assert aws.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "45"})["QueueUrl"] == url
    assert aws.sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    assert aws.sqs.list_queues(QueueNamePrefix=name)["QueueUrls"] == [url]

    attributes = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["QueueArn"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    assert attributes["VisibilityTimeout"] == "45"
    assert attributes["MessageRetentionPeriod"] == "345600"
    assert attributes["MaximumMessageSize"] == "1048576"
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    changed = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert changed["Attributes"] == {"VisibilityTimeout": "7"}

    aws.sqs.delete_queue(QueueUrl=url)
    with refused(400, "AWS.SimpleQueueService.NonExistentQueue", NO_QUEUE):
        aws.sqs.get_queue_url(QueueName=name)
    assert "QueueUrls" not in aws.sqs.list_queues(QueueNamePrefix=name)


def test_the_paginator_walks_through_all_queues(aws: Aws) -> None:
    prefix = unique("page")
    urls = [aws.queue(f"{prefix}-{number}")[0] for number in range(5)]
    pages = aws.sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2}
    )
    listed = [page["QueueUrls"] for page in pages]
    assert [len(page) for page in listed] == [2, 2, 1]
    assert sorted(url for page in listed for url in page) == urls


def test_a_message_arrives_with_its_attributes_and_is_deleted(aws: Aws) -> None:
    url, _ = aws.queue(VisibilityTimeout="0")
    sent = aws.sqs.send_message(
        QueueUrl=url,
        MessageBody="héllo",
        MessageAttributes={
            "Kind": {"DataType": "String", "StringValue": "greeting"},
            "Raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
            "Count": {"DataType": "Number", "StringValue": "3"},
        },
    )  # boto3 itself checks the MD5 sums of what is sent and received
    [message] = aws.sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["Body"] == "héllo"
    assert message["MessageAttributes"] == {
        "Kind": {"DataType": "String", "StringValue": "greeting"},
        "Raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        "Count": {"DataType": "Number", "StringValue": "3"},
    }
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["SenderId"] == ACCOUNT
    assert abs(int(message["Attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60
    aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=url)


def test_a_received_message_is_hidden_until_its_visibility_is_given_back(aws: Aws) -> None:
    url, _ = aws.queue()
    aws.sqs.send_message(QueueUrl=url, MessageBody="once")
    [message] = aws.sqs.receive_message(QueueUrl=url)["Messages"]
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=url)
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    in_flight = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
    assert in_flight == {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "1"}
    aws.sqs.change_message_visibility(
        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    [again] = aws.sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    assert again["ReceiptHandle"] != message["ReceiptHandle"]


def test_a_batch_succeeds_and_fails_entry_by_entry(aws: Aws) -> None:
    url, _ = aws.queue(MaximumMessageSize="1024")
    answer = aws.sqs.send_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "good", "MessageBody": "a"},
            {"Id": "bad", "MessageBody": "b", "DelaySeconds": 901},
            {"Id": "also-good", "MessageBody": "c"},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["good", "also-good"]
    assert answer["Failed"] == [
        {
            "Id": "bad",
            "SenderFault": True,
            "Code": "InvalidParameterValue",
            "Message": "Value 901 for parameter DelaySeconds is invalid. "
            "Reason: DelaySeconds must be >= 0 and <= 900.",
        }
    ]
    received = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in received) == ["a", "c"]
    deleted = aws.sqs.delete_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "one", "ReceiptHandle": received[0]["ReceiptHandle"]},
            {"Id": "garbage", "ReceiptHandle": "garbage"},
        ],
    )
    assert [entry["Id"] for entry in deleted["Successful"]] == ["one"]
    [failed] = deleted["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == (
        "garbage",
        "ReceiptHandleIsInvalid",
        True,
    )


def test_a_long_poll_is_answered_by_a_send_at_once(aws: Aws) -> None:
    url, _ = aws.queue()
    received: list[tuple[str, float]] = []

    def poll() -> None:
        [message] = aws.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        received.append((message["Body"], time.monotonic()))

    poller = threading.Thread(target=poll)
    poller.start()
    time.sleep(0.1)  # so that the poll most likely waits; the test holds if it does not
    sent_s = time.monotonic()
    aws.sqs.send_message(QueueUrl=url, MessageBody="wake up")
    poller.join(25)
    [(body, at_s)] = received
    assert body == "wake up"
    assert at_s - sent_s < 5  # far from the 20 seconds of the poll


def test_a_long_poll_waits_as_long_as_it_was_told(aws: Aws) -> None:
    url, _ = aws.queue()
    started_s = time.monotonic()
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    assert 0.9 < time.monotonic() - started_s < 10


def test_visibility_is_changed_by_the_batch(aws: Aws) -> None:
    url, _ = aws.queue()
    for body in ("a", "b"):
        aws.sqs.send_message(QueueUrl=url, MessageBody=body)
    received = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    entries = [
        {"Id": message["Body"], "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": timeout_s}
        for message, timeout_s in zip(received, (0, 43_201), strict=True)
    ]
    answer = aws.sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["a"]
    [failed] = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("b", "InvalidParameterValue", True)
    [again] = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert again["Body"] == "a"


def test_a_queue_is_tagged_and_untagged(aws: Aws) -> None:
    url = aws.sqs.create_queue(QueueName=unique("tags"), tags={"team": "blue"})["QueueUrl"]
    aws.sqs.tag_queue(QueueUrl=url, Tags={"stage": "test"})
    assert aws.sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "blue", "stage": "test"}
    aws.sqs.untag_queue(QueueUrl=url, TagKeys=["team"])
    assert aws.sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"stage": "test"}


def test_a_delayed_message_waits_and_a_purge_empties_the_queue(aws: Aws) -> None:
    url, _ = aws.queue()
    aws.sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=60)
    aws.sqs.send_message(QueueUrl=url, MessageBody="now")
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
    before = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
    assert before == {"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesDelayed": "1"}
    aws.sqs.purge_queue(QueueUrl=url)
    after = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
    assert after == {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0"}
    with refused(
        403,
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        f"Only one PurgeQueue operation on {url.rpartition('/')[2]} is allowed every 60 seconds.",
    ):
        aws.sqs.purge_queue(QueueUrl=url)


def test_an_unknown_queue_is_refused_by_every_operation(aws: Aws) -> None:
    url, _ = aws.queue()
    gone = f"{url}-gone"
    calls: list[tuple[str, dict[str, object]]] = [
        ("send_message", {"MessageBody": "x"}),
        ("receive_message", {}),
        ("get_queue_attributes", {"AttributeNames": ["All"]}),
        ("purge_queue", {}),
        ("delete_queue", {}),
    ]
    for operation, members in calls:
        with refused(400, "AWS.SimpleQueueService.NonExistentQueue", NO_QUEUE):
            getattr(aws.sqs, operation)(QueueUrl=gone, **members)


def test_an_oversized_message_is_refused(aws: Aws) -> None:
    url, _ = aws.queue()
    aws.sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_576)
    too_long = "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."
    with refused(400, "InvalidParameterValue", too_long):
        aws.sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_577)
    with refused(
        400,
        "AWS.SimpleQueueService.BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
    ):
        aws.sqs.send_message_batch(
            QueueUrl=url,
            Entries=[{"Id": "1", "MessageBody": "x" * 524_288}, {"Id": "2", "MessageBody": "x" * 524_289}],
        )


def test_bad_parameters_are_refused_in_aws_words(aws: Aws) -> None:
    url, _ = aws.queue()
    with refused(
        400,
        "InvalidParameterValue",
        "Value 11 for parameter MaxNumberOfMessages is invalid. "
        "Reason: Must be between 1 and 10, if provided.",
    ):
        aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=11)
    with refused(400, "InvalidAttributeName", "Unknown Attribute Nonsense."):
        aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Nonsense": "1"})
    with refused(400, "InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."):
        aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "43201"})
    with refused(
        400,
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "Maximum number of entries per request are 10. You have sent 11.",
    ):
        entries = [{"Id": str(number), "MessageBody": "x"} for number in range(11)]
        aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    with refused(
        400, "ReceiptHandleIsInvalid", 'The input receipt handle "nonsense" is not a valid receipt handle.'
    ):
        aws.sqs.delete_message(QueueUrl=url, ReceiptHandle="nonsense")
