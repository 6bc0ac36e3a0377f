"""Batches: what fails a whole one, and what fails a single entry of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.sqs import SqsClient, refused

SEND, DELETE, CHANGE = "send_message_batch", "delete_message_batch", "change_message_visibility_batch"
SHAPES = {
    SEND: "SendMessageBatchRequestEntry",
    DELETE: "DeleteMessageBatchRequestEntry",
    CHANGE: "ChangeMessageVisibilityBatchRequestEntry",
}
PREFIX = "AWS.SimpleQueueService."


def entries(ids: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"Id": entry_id, "MessageBody": "m", "ReceiptHandle": "x", "VisibilityTimeout": 1} for entry_id in ids
    ]


@pytest.mark.parametrize("operation", SHAPES)
@pytest.mark.parametrize(
    ("ids", "code", "text"),
    [
        ([], "EmptyBatchRequest", "There should be at least one {shape} in the request."),
        (
            [str(n) for n in range(20)],
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10. You have sent 20.",
        ),
        (
            ["a.b"],
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
            " It can be at most 80 letters long.",
        ),
        (
            ["a" * 81],
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores."
            " It can be at most 80 letters long.",
        ),
        (["a", "b", "a"], "BatchEntryIdsNotDistinct", "Id a repeated."),
    ],
)
async def test_what_fails_a_whole_batch(
    sqs: SqsClient, operation: str, ids: list[str], code: str, text: str
) -> None:
    url = await sqs.queue()
    assert await refused(sqs(operation, queue_url=url, entries=entries(ids))) == (
        code,
        PREFIX + code,
        400,
        text.format(shape=SHAPES[operation]),
    )
    assert await sqs.depth(url) == (0, 0, 0)


@pytest.mark.parametrize("operation", SHAPES)
async def test_entries_and_their_ids_are_required(sqs: SqsClient, operation: str) -> None:
    url = await sqs.queue()
    assert (await refused(sqs(operation, queue_url=url)))[1::2] == (
        "MissingParameter",
        "The request must contain the parameter Entries.",
    )
    assert (await refused(sqs(operation, queue_url=url, entries=entries(["a", ""]))))[3] == (
        f"The request must contain the parameter {SHAPES[operation]}.2.Id."
    )


async def test_a_batch_is_sent_in_order(sqs: SqsClient) -> None:
    url = await sqs.queue()
    batch = [{"Id": str(n), "MessageBody": str(n)} for n in range(10)]
    answer = await sqs(SEND, queue_url=url, entries=batch)
    assert "Failed" not in answer
    assert [entry["Id"] for entry in answer["Successful"]] == [str(n) for n in range(10)]
    assert answer["Successful"][0]["MD5OfMessageBody"] == "cfcd208495d565ef66e7dff9f98764da"
    received = await sqs.receive(url)
    assert [message["MessageId"] for message in received] == [e["MessageId"] for e in answer["Successful"]]


async def test_entries_fail_one_by_one(sqs: SqsClient) -> None:
    url = await sqs.queue(MaximumMessageSize="1024")
    batch = [
        {"Id": "ok", "MessageBody": "a", "DelaySeconds": 0},
        {"Id": "empty"},
        {"Id": "long", "MessageBody": "x" * 1025},
        {"Id": "delay", "MessageBody": "a", "DelaySeconds": 901},
        {"Id": "contents", "MessageBody": "\x00"},
    ]
    answer = await sqs(SEND, queue_url=url, entries=batch)
    assert [entry["Id"] for entry in answer["Successful"]] == ["ok"]
    assert [(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]] == [
        ("empty", "MissingParameter", True),
        ("long", "InvalidParameterValue", True),
        ("delay", "InvalidParameterValue", True),
        ("contents", "InvalidMessageContents", True),
    ]
    assert answer["Failed"][0]["Message"] == "The request must contain the parameter MessageBody."
    assert await sqs.depth(url) == (1, 0, 0)


async def test_a_batch_is_as_long_as_1_mib_in_all(sqs: SqsClient) -> None:
    url = await sqs.queue(MaximumMessageSize="1024")
    attributes = {"k": {"DataType": "String", "StringValue": "v" * 17}}  # 1 + 6 + 17
    batch: list[dict[str, Any]] = [
        {"Id": "1", "MessageBody": "a" * 1000, "MessageAttributes": attributes},
        {"Id": "2", "MessageBody": "a" * (1_048_576 - 1024)},
    ]
    answer = await sqs(SEND, queue_url=url, entries=batch)
    assert [entry["Id"] for entry in answer["Successful"]] == ["1"]  # the queue's own limit is per message
    batch[1]["MessageBody"] += "a"
    assert await refused(sqs(SEND, queue_url=url, entries=batch)) == (
        "BatchRequestTooLong",
        "AWS.SimpleQueueService.BatchRequestTooLong",
        400,
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
    )
    assert await sqs.depth(url) == (1, 0, 0)


async def test_a_batch_deletes(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await sqs.send(url, "a", "b", "c")
    batch = [
        {"Id": message["Body"], "ReceiptHandle": message["ReceiptHandle"]}
        for message in await sqs.receive(url)
    ]
    batch[1]["ReceiptHandle"] = "dummy"
    batch.append({"Id": "missing"})
    answer = await sqs(DELETE, queue_url=url, entries=batch)
    assert answer["Successful"] == [{"Id": "a"}, {"Id": "c"}]
    assert answer["Failed"] == [
        {
            "Id": "b",
            "Code": "ReceiptHandleIsInvalid",
            "Message": 'The input receipt handle "dummy" is not a valid receipt handle.',
            "SenderFault": True,
        },
        {
            "Id": "missing",
            "Code": "MissingParameter",
            "Message": "The request must contain the parameter ReceiptHandle.",
            "SenderFault": True,
        },
    ]
    assert await sqs.depth(url) == (0, 1, 0)


async def test_lambdas_pollers_take_and_delete_more_at_once_than_clients(sqs: SqsClient) -> None:
    url = await sqs.queue()
    for start in range(0, 120, 10):
        entries = [{"Id": str(n), "MessageBody": str(start + n)} for n in range(10)]
        await sqs("send_message_batch", queue_url=url, entries=entries)
    sqs.via_service = "lambda.amazonaws.com"
    received = await sqs.receive(url, 100)
    assert [message["Body"] for message in received] == [str(number) for number in range(100)]
    entries = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
        for number, message in enumerate(received)
    ]
    answer = await sqs("delete_message_batch", queue_url=url, entries=entries)
    assert len(answer["Successful"]) == 100
    assert await sqs.depth(url) == (20, 0, 0)
    assert (await refused(sqs.receive(url, 101)))[1] == "InvalidParameterValue"
    sqs.via_service = ""
    assert (await refused(sqs.receive(url, 11)))[1] == "InvalidParameterValue"


async def test_a_batch_changes_visibility(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await sqs.send(url, "a", "b")
    first, second = await sqs.receive(url)
    batch = [
        {"Id": "1", "ReceiptHandle": first["ReceiptHandle"], "VisibilityTimeout": 0},
        {"Id": "2", "ReceiptHandle": second["ReceiptHandle"], "VisibilityTimeout": 43201},
    ]
    answer = await sqs(CHANGE, queue_url=url, entries=batch)
    assert answer["Successful"] == [{"Id": "1"}]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("2", "InvalidParameterValue")]
    assert await sqs.depth(url) == (1, 1, 0)
