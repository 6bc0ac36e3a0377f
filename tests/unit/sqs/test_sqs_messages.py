"""Messages: what is accepted, its digests, its attributes, and how it comes back."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.sqs import SqsClient, refused

from noria.context import Principal

ATTRIBUTES = {
    "Dummy1Name": {"DataType": "String", "StringValue": "dummy 1 value"},
    "Dummy2Name": {"DataType": "String", "StringValue": "dummy 2 value"},
    "OtherName": {"DataType": "String", "StringValue": "other value"},
}
INVALID = ("InvalidParameterValueException", "InvalidParameterValue", 400)
NO_BODY = (
    "MissingRequiredParameterException",
    "MissingParameter",
    400,
    "The request must contain the parameter MessageBody.",
)
CONTENTS = (
    "InvalidMessageContents",
    "InvalidMessageContents",
    400,
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF"
    " | #xE000 to #xFFFD | #x10000 to #x10FFFF",
)


async def send(sqs: SqsClient, url: str, body: str = "test", **params: Any) -> dict[str, Any]:
    return await sqs("send_message", queue_url=url, message_body=body, **params)


async def test_a_message_and_its_digest(sqs: SqsClient) -> None:
    url = await sqs.queue()
    sent = await send(sqs, url)
    assert sent == {"MessageId": sent["MessageId"], "MD5OfMessageBody": "098f6bcd4621d373cade4e832627b4f6"}
    (received,) = await sqs.receive(url)
    assert received == {
        "MessageId": sent["MessageId"],
        "ReceiptHandle": received["ReceiptHandle"],
        "MD5OfBody": "098f6bcd4621d373cade4e832627b4f6",
        "Body": "test",
    }


async def test_an_empty_queue_answers_nothing(sqs: SqsClient) -> None:
    url = await sqs.queue()
    assert await sqs("receive_message", queue_url=url) == {}


async def test_one_message_is_received_unless_more_are_asked_for(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await sqs.send(url, "a", "b", "c")
    assert len((await sqs("receive_message", queue_url=url))["Messages"]) == 1
    assert [message["Body"] for message in await sqs.receive(url)] == ["b", "c"]


@pytest.mark.parametrize("body", ["\t\n\r ~", "\x7f\x85\xa0", "\ud7ff\ue000\ufffd", "\U00010000\U0010ffff"])
async def test_valid_characters(sqs: SqsClient, body: str) -> None:
    url = await sqs.queue()
    await send(sqs, url, body)
    assert [message["Body"] for message in await sqs.receive(url)] == [body]


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
async def test_invalid_characters(sqs: SqsClient, character: str) -> None:
    url = await sqs.queue()
    assert await refused(send(sqs, url, f"text {character}")) == CONTENTS
    attribute = {"a": {"DataType": "String", "StringValue": character}}
    assert await refused(send(sqs, url, message_attributes=attribute)) == CONTENTS


async def test_a_body_is_required(sqs: SqsClient) -> None:
    url = await sqs.queue()
    assert await refused(send(sqs, url, "")) == NO_BODY
    assert await refused(sqs("send_message", queue_url=url)) == NO_BODY


async def test_a_message_is_as_long_as_1_mib(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await send(sqs, url, "ü" * 524_288)
    assert await refused(send(sqs, url, "ü" * 524_288 + "x")) == (
        *INVALID,
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    )


async def test_the_queues_own_limit_counts_attributes_too(sqs: SqsClient) -> None:
    url = await sqs.queue(MaximumMessageSize="1024")
    attributes = {"n": {"DataType": "String.x", "StringValue": "v" * 15}}  # 1 + 8 + 15
    await send(sqs, url, "b" * 1000, message_attributes=attributes)
    assert await refused(send(sqs, url, "b" * 1001, message_attributes=attributes)) == (
        *INVALID,
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.",
    )


async def test_delays_of_message_and_queue(sqs: SqsClient) -> None:
    url = await sqs.queue(DelaySeconds="10")
    await send(sqs, url, "queue's")
    await send(sqs, url, "own", delay_seconds=20)
    await send(sqs, url, "none", delay_seconds=0)
    assert [message["Body"] for message in await sqs.receive(url)] == ["none"]
    assert await sqs.depth(url) == (0, 1, 2)
    sqs.clock.advance(10)
    assert [message["Body"] for message in await sqs.receive(url)] == ["queue's"]
    sqs.clock.advance(10)
    assert [message["Body"] for message in await sqs.receive(url)] == ["own"]


@pytest.mark.parametrize("delay_s", [-1, 901])
async def test_delays_out_of_range(sqs: SqsClient, delay_s: int) -> None:
    url = await sqs.queue()
    assert await refused(send(sqs, url, delay_seconds=delay_s)) == (
        *INVALID,
        f"Value {delay_s} for parameter DelaySeconds is invalid."
        " Reason: DelaySeconds must be >= 0 and <= 900.",
    )


@pytest.mark.parametrize(
    ("attributes", "md5"),
    [
        ({"Foo": {"DataType": "String", "StringValue": "Bar"}}, "ae7155c6026991b6d54b11589678bf9c"),
        (
            {
                "attr1": {
                    "DataType": "Binary",
                    "BinaryValue": b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01",
                }
            },
            "8cbe4db156db8a94db8b801b7addb984",
        ),
        (
            {"UserId": {"DataType": "Number.bigint", "StringValue": "1234567890123456789012"}},
            "797ab158d73dcb5242dedc4412c8e855",
        ),
        (ATTRIBUTES | {"Dummy3Name": {"DataType": "Binary.x", "BinaryValue": b"\xff\x00"}}, None),
    ],
)
async def test_attributes_and_their_digest_as_recorded(
    sqs: SqsClient, attributes: dict[str, Any], md5: str | None
) -> None:
    url = await sqs.queue()
    sent = await send(sqs, url, message_attributes=attributes)
    assert md5 in (None, sent["MD5OfMessageAttributes"])
    (received,) = await sqs.receive(url, message_attribute_names=["All"])
    assert received["MessageAttributes"] == attributes
    assert received["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]


async def test_attributes_come_only_when_asked_for(sqs: SqsClient) -> None:
    url = await sqs.queue(VisibilityTimeout="0")
    await send(sqs, url, message_attributes=ATTRIBUTES)

    async def names(*asked: str) -> list[str]:
        (received,) = await sqs.receive(url, message_attribute_names=list(asked))
        assert ("MD5OfMessageAttributes" in received) == ("MessageAttributes" in received)
        return sorted(received.get("MessageAttributes", {}))

    assert await names() == []
    assert await names("nope", "dummy1name") == []
    assert await names("OtherName", "nope") == ["OtherName"]
    assert await names("Dummy.*") == ["Dummy1Name", "Dummy2Name"]
    assert await names("Dummy1.*", "OtherName") == ["Dummy1Name", "OtherName"]
    assert await names(".*") == await names("All") == sorted(ATTRIBUTES)


async def test_the_digest_is_of_the_attributes_that_are_returned(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await send(sqs, url, message_attributes=ATTRIBUTES)
    (received,) = await sqs.receive(url, message_attribute_names=["Dummy.*"])
    assert received["MD5OfMessageAttributes"] == "00954f005e854e11dbe82998292c6666"


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        (
            {"ErrorDetails": {"DataType": "String", "StringValue": ""}},
            "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
        ),
        (
            {"a": {"DataType": "Binary.x"}},
            "Message (user) attribute 'a' must contain a non-empty value of type 'Binary'.",
        ),
        (
            {"a": {"DataType": "Binary", "StringValue": "x"}},
            "Message (user) attribute 'a' with type 'Binary' must use field 'Binary'.",
        ),
        (
            {"a": {"DataType": "Number.int", "BinaryValue": b"1"}},
            "Message (user) attribute 'a' with type 'Number' must use field 'String'.",
        ),
        (  # nothing of it may be dropped in silence
            {"a": {"DataType": "String", "StringValue": "x", "BinaryValue": b"y"}},
            "Message (user) attribute 'a' with type 'String' must use field 'String'.",
        ),
        (
            {"a": {"DataType": "Number", "StringValue": "world"}},
            "Can't cast the value of message (user) attribute 'a' to a number.",
        ),
        (
            {"a": {"StringValue": "x"}},
            "The message (user) attribute 'a' must contain a non-empty message attribute type.",
        ),
        (
            {"a": {"DataType": "Stringy", "StringValue": "x"}},
            "The type of message (user) attribute 'a' is invalid. You must use only the following supported"
            " type prefixes: Binary, Number, String.",
        ),
        (
            {"a": {"DataType": "String." + "x" * 250, "StringValue": "x"}},
            "Message (user) attribute type must be shorter than 256 bytes.",
        ),
        (
            {"a" * 257: {"DataType": "String", "StringValue": "x"}},
            "Message (user) attribute name must be shorter than 256 bytes.",
        ),
        (
            {"": {"DataType": "String", "StringValue": "x"}},
            "The request must contain non-empty message (user) attribute names.",
        ),
        (
            {"a b": {"DataType": "String", "StringValue": "x"}},
            "The message attribute name 'a b' is invalid. Attribute name can contain A-Z, a-z, 0-9,"
            " underscore (_), hyphen (-), and period (.) characters.",
        ),
        (
            {"a..b": {"DataType": "String", "StringValue": "x"}},
            "The message attribute name 'a..b' is invalid. Attribute name can contain A-Z, a-z, 0-9,"
            " underscore (_), hyphen (-), and period (.) characters.",
        ),
        (
            {"aws.x": {"DataType": "String", "StringValue": "x"}},
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon'."
            " These strings are reserved for internal use.",
        ),
        (
            {"a": {"DataType": "String", "StringListValues": ["x"]}},
            "Message attribute list values in SendMessage operation are not supported.",
        ),
        (
            {str(n): {"DataType": "String", "StringValue": "x"} for n in range(11)},
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ),
    ],
)
async def test_attributes_that_are_refused(sqs: SqsClient, attributes: dict[str, Any], text: str) -> None:
    url = await sqs.queue()
    assert await refused(send(sqs, url, message_attributes=attributes)) == (*INVALID, text)
    assert await sqs.depth(url) == (0, 0, 0)


@pytest.mark.parametrize("number", ["0", "-1", "+1.5", "1e-128", ".5", "1."])
async def test_numbers(sqs: SqsClient, number: str) -> None:
    url = await sqs.queue()
    await send(sqs, url, message_attributes={"a": {"DataType": "Number", "StringValue": number}})
    (received,) = await sqs.receive(url, message_attribute_names=["a"])
    assert received["MessageAttributes"]["a"]["StringValue"] == number


async def test_system_attributes(sqs: SqsClient) -> None:
    sqs.principal = Principal("assumed-role", sqs.account, "arn:aws:sts::0:assumed-role/R/s", "AROAX:s", "R")
    url = await sqs.queue()
    await send(sqs, url)
    sqs.clock.advance(2.5)
    wanted = {"SenderId": "AROAX:s", "SentTimestamp": "1700000000000", "ApproximateReceiveCount": "1"}
    wanted["ApproximateFirstReceiveTimestamp"] = "1700000002500"
    (received,) = await sqs.receive(url, message_system_attribute_names=["All"])
    assert received["Attributes"] == wanted
    sqs.clock.advance(30)
    (received,) = await sqs.receive(url, attribute_names=["All"])  # the old spelling
    assert received["Attributes"] == wanted | {"ApproximateReceiveCount": "2"}
    sqs.clock.advance(30)
    (received,) = await sqs.receive(
        url, attribute_names=["SenderId"], message_system_attribute_names=["SentTimestamp", "SequenceNumber"]
    )
    assert received["Attributes"] == {"SenderId": "AROAX:s", "SentTimestamp": "1700000000000"}


async def test_unknown_system_attributes_are_refused(sqs: SqsClient) -> None:
    url = await sqs.queue()
    assert await refused(sqs.receive(url, message_system_attribute_names=["Wrong"])) == (
        "InvalidAttributeName",
        "InvalidAttributeName",
        400,
        "Unknown Attribute Wrong.",
    )


async def test_the_trace_header_travels_with_the_message(sqs: SqsClient) -> None:
    url = await sqs.queue(MaximumMessageSize="1024")
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "some-trace-id"}}
    sent = await send(sqs, url, "b" * 1024, message_system_attributes=header)  # it doesn't count as size
    assert sent["MD5OfMessageSystemAttributes"] == "fdce4f2818803f2f73becc09a54792c0"
    assert "MD5OfMessageAttributes" not in sent
    (received,) = await sqs.receive(url, message_system_attribute_names=["AWSTraceHeader"])
    assert received["Attributes"] == {"AWSTraceHeader": "some-trace-id"}


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        (
            {"Hello": {"DataType": "String", "StringValue": "x"}},
            "Message system attribute name 'Hello' is invalid.",
        ),
        (
            {"AWSTraceHeader": {"DataType": "Binary", "BinaryValue": b"x"}},
            "Message (system) attribute 'AWSTraceHeader' must contain a non-empty value of type 'String'.",
        ),
    ],
)
async def test_system_attributes_that_are_refused(
    sqs: SqsClient, attributes: dict[str, Any], text: str
) -> None:
    url = await sqs.queue()
    assert await refused(send(sqs, url, message_system_attributes=attributes)) == (*INVALID, text)


async def test_a_message_older_than_the_retention_is_never_delivered(sqs: SqsClient) -> None:
    url = await sqs.queue(MessageRetentionPeriod="60")
    await send(sqs, url, "old")
    sqs.clock.advance(59.999)
    await send(sqs, url, "young")
    sqs.clock.advance(0.001)
    assert [message["Body"] for message in await sqs.receive(url)] == ["young"]


async def test_expired_messages_are_deleted_without_anybody_asking(sqs: SqsClient) -> None:
    url = await sqs.queue(MessageRetentionPeriod="60")
    await send(sqs, url)
    for _ in range(3):
        sqs.clock.advance(60)
        await sqs.settle()
    assert await sqs.store.messages.queues() == []
