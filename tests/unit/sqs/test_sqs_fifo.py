"""FIFO queues: order, blocked groups, deduplication, attempts. Bodies and answers as AWS recorded them."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from tests.support.sqs import SqsClient, refused


async def fifo(sqs: SqsClient, name: str = "q.fifo", **attributes: str) -> str:
    return await sqs.queue(name, **{"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes})


async def send(sqs: SqsClient, url: str, body: str, group: str = "g", **params: Any) -> dict[str, Any]:
    return await sqs("send_message", queue_url=url, message_body=body, message_group_id=group, **params)


async def bodies(sqs: SqsClient, url: str, count: int = 10, **params: Any) -> list[str]:
    return [message["Body"] for message in await sqs.receive(url, count, **params)]


async def delete(sqs: SqsClient, url: str, message: dict[str, Any]) -> None:
    await sqs("delete_message", queue_url=url, receipt_handle=message["ReceiptHandle"])


async def hide(sqs: SqsClient, url: str, message: dict[str, Any], timeout_s: int) -> None:
    await sqs(
        "change_message_visibility",
        queue_url=url,
        receipt_handle=message["ReceiptHandle"],
        visibility_timeout=timeout_s,
    )


# -- order ------------------------------------------------------------------------------------------------


async def test_a_group_is_blocked_while_its_first_message_is_in_flight(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    for body in ("Message 1", "Message 2"):
        await send(sqs, url, body)
    (first,) = await sqs.receive(url, 1)
    assert first["Body"] == "Message 1"
    assert await bodies(sqs, url) == []
    await delete(sqs, url, first)
    assert await bodies(sqs, url) == ["Message 2"]


async def test_a_receive_takes_as_many_of_a_group_as_it_can_before_the_next_group(sqs: SqsClient) -> None:
    """The order of AWS itself, also of what comes after the deletions."""
    url = await fifo(sqs)
    sent = ["g1-m1", "g2-m1", "g1-m2", "g2-m2", "g1-m3", "g1-m4", "g3-m1"]
    for body in sent:
        await send(sqs, url, body, body[:2])
    first, second = await sqs.receive(url, 2)
    assert [first["Body"], second["Body"]] == ["g1-m1", "g1-m2"]
    await delete(sqs, url, first)
    await delete(sqs, url, second)
    assert await bodies(sqs, url) == ["g2-m1", "g2-m2", "g1-m3", "g1-m4", "g3-m1"]


async def test_a_group_stays_blocked_when_only_some_of_its_messages_are_deleted(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    for body in ["g1-m1", "g2-m1", "g1-m2", "g2-m2", "g1-m3", "g3-m1"]:
        await send(sqs, url, body, body[:2])
    first, _ = await sqs.receive(url, 2)
    await delete(sqs, url, first)
    assert await bodies(sqs, url) == ["g2-m1", "g2-m2", "g3-m1"]


async def test_deleting_out_of_order_keeps_the_order(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    for body in "abcd":
        await send(sqs, url, body)
    _, second, third = await sqs.receive(url, 3)
    await delete(sqs, url, second)
    await delete(sqs, url, third)
    assert await bodies(sqs, url) == []
    sqs.clock.advance(30)
    assert await bodies(sqs, url) == ["a", "d"]


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [([], ["foo", "bar", "baz"]), ([0], []), ([1], ["foo"]), ([2], ["foo", "bar"]), ([0, 1, 2], [])],
)
async def test_what_stands_before_the_first_hidden_message_can_be_received(
    sqs: SqsClient, hidden: list[int], expected: list[str]
) -> None:
    url = await fifo(sqs)
    for body in ("foo", "bar", "baz"):
        await send(sqs, url, body)
    received = await sqs.receive(url)
    for number in hidden:
        await hide(sqs, url, received[number], 100)
    sqs.clock.advance(30)
    assert await bodies(sqs, url) == expected


async def test_making_a_message_visible_gives_it_and_those_before_it_back_in_order(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    for body in "abc":
        await send(sqs, url, body)
    first, second, _ = await sqs.receive(url)
    await hide(sqs, url, second, 0)
    assert await bodies(sqs, url) == []  # "a" is in flight
    await hide(sqs, url, first, 0)
    assert await bodies(sqs, url) == ["a", "b"]


async def test_counts_hold_what_waits_behind_others(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    for body, group in [("g1-m1", "1"), ("g1-m2", "1"), ("g1-m3", "1"), ("g2-m1", "2"), ("g3-m1", "3")]:
        await send(sqs, url, body, group)
    assert await sqs.depth(url) == (5, 0, 0)
    received = await sqs.receive(url, 4)
    assert await sqs.depth(url) == (1, 4, 0)
    for message in received:
        await delete(sqs, url, message)
    assert await sqs.depth(url) == (1, 0, 0)


async def test_expired_messages_unblock_those_behind_them(sqs: SqsClient) -> None:
    url = await fifo(sqs, MessageRetentionPeriod="60")
    await send(sqs, url, "old")
    sqs.clock.advance(59)
    await send(sqs, url, "new")
    sqs.clock.advance(1)
    assert await bodies(sqs, url) == ["new"]


async def test_expiry_in_the_background_unblocks_a_group_too(sqs: SqsClient) -> None:
    url = await fifo(sqs, MessageRetentionPeriod="60")
    await send(sqs, url, "old")
    await sqs.settle()
    sqs.clock.advance(59)
    await send(sqs, url, "new")
    await sqs.settle()
    sqs.clock.advance(2)  # the tidier's minute is over
    await sqs.settle()
    assert await sqs.depth(url) == (1, 0, 0)
    assert await bodies(sqs, url) == ["new"]


async def test_deleting_wakes_a_long_poll_for_the_next_of_the_group(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    await send(sqs, url, "a")
    await send(sqs, url, "b")
    (first,) = await sqs.receive(url, 1)
    poll = asyncio.create_task(bodies(sqs, url, wait_time_seconds=20))
    await sqs.settle()
    assert not poll.done()
    await delete(sqs, url, first)
    await sqs.settle()
    assert await poll == ["b"]


async def test_too_many_in_flight_is_no_error(sqs: SqsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noria.services.sqs.receive_api.MAX_IN_FLIGHT", 1)
    url = await fifo(sqs)
    await send(sqs, url, "a", "1")
    await send(sqs, url, "b", "2")
    assert await bodies(sqs, url) == ["a"]
    assert await bodies(sqs, url) == []


# -- deduplication ----------------------------------------------------------------------------------------


async def test_a_duplicate_is_accepted_and_not_delivered_for_five_minutes(sqs: SqsClient) -> None:
    url = await fifo(sqs, ContentBasedDeduplication="false")
    first = await send(sqs, url, "one", message_deduplication_id="d")
    again = await send(sqs, url, "other", "h", message_deduplication_id="d")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    (message,) = await sqs.receive(url)
    assert message["Body"] == "one"
    await delete(sqs, url, message)
    await send(sqs, url, "one", message_deduplication_id="d")
    assert await sqs.depth(url) == (0, 0, 0)
    sqs.clock.advance(300)
    await send(sqs, url, "three", message_deduplication_id="d")
    assert await bodies(sqs, url) == ["three"]


async def test_content_stands_for_the_deduplication_id(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    await send(sqs, url, "same")
    await send(
        sqs, url, "same", message_attributes={"a": {"DataType": "String", "StringValue": "not content"}}
    )
    await send(sqs, url, "same", message_deduplication_id="its-own")
    received = await sqs.receive(url, message_system_attribute_names=["MessageDeduplicationId"])
    assert [message["Attributes"]["MessageDeduplicationId"] for message in received] == [
        hashlib.sha256(b"same").hexdigest(),
        "its-own",
    ]


async def test_the_scope_of_deduplication_is_the_queue_or_the_group(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    await send(sqs, url, "Test1", "1", message_deduplication_id="d")
    await send(sqs, url, "Test2", "2", message_deduplication_id="d")
    assert await bodies(sqs, url) == ["Test1"]
    per_group = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    url = await fifo(sqs, "high.fifo", **per_group)
    await send(sqs, url, "Test1", "1", message_deduplication_id="d")
    await send(sqs, url, "Test2", "2", message_deduplication_id="d")
    await send(sqs, url, "Test3", "2", message_deduplication_id="d")
    assert await bodies(sqs, url) == ["Test1", "Test2"]
    regular = {"DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}
    await sqs("set_queue_attributes", queue_url=url, attributes=regular)
    await send(sqs, url, "Test3", "3", message_deduplication_id="d")
    assert await bodies(sqs, url) == ["Test3"]


async def test_a_purge_forgets_deduplication(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    first = await send(sqs, url, "message-1", message_deduplication_id="d")
    await sqs("purge_queue", queue_url=url)
    second = await send(sqs, url, "message-2", message_deduplication_id="d")
    assert await bodies(sqs, url) == ["message-2"]
    assert first["SequenceNumber"] <= second["SequenceNumber"]


async def test_a_batch_holds_to_order_and_deduplication(sqs: SqsClient) -> None:
    url = await fifo(sqs, ContentBasedDeduplication="false")
    entries = [
        {"Id": "1", "MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "1"},
        {"Id": "2", "MessageBody": "b", "MessageGroupId": "g", "MessageDeduplicationId": "2"},
        {"Id": "3", "MessageBody": "c", "MessageGroupId": "g", "MessageDeduplicationId": "1"},
        {"Id": "4", "MessageBody": "d", "MessageGroupId": "g"},
    ]
    answer = await sqs("send_message_batch", queue_url=url, entries=entries)
    one, two, three = answer["Successful"]
    assert one["SequenceNumber"] < two["SequenceNumber"]
    assert (three["MessageId"], three["SequenceNumber"]) == (one["MessageId"], one["SequenceNumber"])
    assert answer["Failed"] == [
        {
            "Id": "4",
            "Code": "InvalidParameterValue",
            "Message": "The queue should either have ContentBasedDeduplication enabled or"
            " MessageDeduplicationId provided explicitly",
            "SenderFault": True,
        }
    ]
    assert await bodies(sqs, url) == ["a", "b"]


# -- what is answered and refused -------------------------------------------------------------------------


async def test_system_attributes_of_a_fifo_message(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    sent = await send(sqs, url, "a", "group-1", message_deduplication_id="dedup-1")
    (message,) = await sqs.receive(url, message_system_attribute_names=["All"])
    attributes = message["Attributes"]
    assert attributes["MessageGroupId"] == "group-1"
    assert attributes["MessageDeduplicationId"] == "dedup-1"
    assert attributes["SequenceNumber"] == sent["SequenceNumber"]
    assert len(sent["SequenceNumber"]) == 20


async def test_attributes_of_a_fifo_queue(sqs: SqsClient) -> None:
    url = await sqs.queue("q.fifo", FifoQueue="true")
    found = (await sqs("get_queue_attributes", queue_url=url, attribute_names=["All"]))["Attributes"]
    fifo_only = ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
    assert [found[name] for name in fifo_only] == ["true", "false", "queue", "perQueue"]


async def test_an_expired_receipt_handle_deletes_nothing(sqs: SqsClient) -> None:
    url = await fifo(sqs, VisibilityTimeout="1")
    await send(sqs, url, "g1-m1")
    (message,) = await sqs.receive(url)
    sqs.clock.advance(1)
    handle = message["ReceiptHandle"]
    text = f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    assert await refused(delete(sqs, url, message)) == (
        "InvalidParameterValueException",
        "InvalidParameterValue",
        400,
        text,
    )
    entries = [{"Id": "1", "ReceiptHandle": handle}]
    answer = await sqs("delete_message_batch", queue_url=url, entries=entries)
    assert [(failed["Id"], failed["Message"]) for failed in answer["Failed"]] == [("1", text)]
    assert await bodies(sqs, url) == ["g1-m1"]


async def test_a_message_whose_timeout_was_extended_is_deleted(sqs: SqsClient) -> None:
    url = await fifo(sqs, VisibilityTimeout="2")
    await send(sqs, url, "foobar")
    (message,) = await sqs.receive(url)
    await hide(sqs, url, message, 4)
    sqs.clock.advance(3)
    await delete(sqs, url, message)
    await delete(sqs, url, message)  # again: it is gone already
    sqs.clock.advance(3)
    assert await bodies(sqs, url) == []


INVALID = "InvalidParameterValueException"
ID_RULE = " can only include alphanumeric and punctuation characters. 1 to 128 in length."
WRONG_TYPE = "The request include parameter that is not valid for this queue type."


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        (
            {"message_group_id": None},
            "MissingRequiredParameterException",
            "The request must contain the parameter MessageGroupId.",
        ),
        (
            {"message_group_id": "a b"},
            INVALID,
            f"Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId{ID_RULE}",
        ),
        (
            {"message_deduplication_id": "x" * 129},
            INVALID,
            f"Value {'x' * 129} for parameter MessageDeduplicationId is invalid."
            f" Reason: MessageDeduplicationId{ID_RULE}",
        ),
        (
            {"delay_seconds": 2},
            INVALID,
            f"Value 2 for parameter DelaySeconds is invalid. Reason: {WRONG_TYPE}",
        ),
    ],
)
async def test_messages_that_a_fifo_queue_refuses(
    sqs: SqsClient, params: dict[str, Any], code: str, text: str
) -> None:
    url = await fifo(sqs)
    call = {"queue_url": url, "message_body": "a", "message_group_id": "g", **params}
    assert (await refused(sqs("send_message", **call)))[0::3] == (code, text)


async def test_a_standard_queue_takes_no_deduplication_and_no_attempts(sqs: SqsClient) -> None:
    url = await sqs.queue()
    assert (await refused(sqs.send(url, "a", message_deduplication_id="d")))[3] == (
        f"Value d for parameter MessageDeduplicationId is invalid. Reason: {WRONG_TYPE}"
    )
    assert (await refused(sqs.receive(url, receive_request_attempt_id="r")))[3] == (
        f"Value r for parameter ReceiveRequestAttemptId is invalid. Reason: {WRONG_TYPE}"
    )


@pytest.mark.parametrize("name", ["q", ".fifo", "a" * 76 + ".fifo", "a b.fifo"])
async def test_a_fifo_queues_name_ends_with_its_suffix(sqs: SqsClient, name: str) -> None:
    assert await refused(sqs.queue(name, FifoQueue="true")) == (
        INVALID,
        "InvalidParameterValue",
        400,
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores,"
        " must end with .fifo suffix and be 1 to 80 in length.",
    )


async def test_a_queue_stays_of_its_type(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    change = sqs("set_queue_attributes", queue_url=url, attributes={"FifoQueue": "false"})
    assert (await refused(change))[0::3] == (
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    )
    await sqs("set_queue_attributes", queue_url=url, attributes={"FifoQueue": "true"})
    url = await sqs.queue("standard")
    change = sqs("set_queue_attributes", queue_url=url, attributes={"FifoQueue": "true"})
    assert (await refused(change))[0::3] == ("InvalidAttributeName", "Unknown Attribute FifoQueue.")


async def test_throughput_per_group_needs_deduplication_per_group(sqs: SqsClient) -> None:
    code, _, _, text = await refused(fifo(sqs, FifoThroughputLimit="perMessageGroupId"))
    assert code == "InvalidAttributeValue"
    assert text.startswith("Invalid value for the parameter FifoThroughputLimit. Reason: ")
