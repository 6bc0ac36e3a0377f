"""Queue attributes: ranges, defaults, and what is refused."""

from __future__ import annotations

import pytest
from tests.support.sqs import SqsClient

from noria.errors import AwsError

DEFAULTS = {
    "ApproximateNumberOfMessages": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "ApproximateNumberOfMessagesNotVisible": "0",
    "CreatedTimestamp": "1700000000",
    "DelaySeconds": "0",
    "LastModifiedTimestamp": "1700000000",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "QueueArn": "arn:aws:sqs:us-east-1:000000000000:q",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}


async def all_of(sqs: SqsClient, url: str) -> dict[str, str]:
    answer = await sqs("get_queue_attributes", queue_url=url, attribute_names=["All"])
    attributes: dict[str, str] = answer["Attributes"]
    return attributes


async def test_the_defaults_as_recorded(sqs: SqsClient) -> None:
    assert await all_of(sqs, await sqs.queue()) == DEFAULTS


async def test_create_and_update_as_recorded(sqs: SqsClient) -> None:
    url = await sqs.queue(
        MessageRetentionPeriod="604800", ReceiveMessageWaitTimeSeconds="10", VisibilityTimeout="20"
    )
    created = DEFAULTS | {
        "MessageRetentionPeriod": "604800",
        "ReceiveMessageWaitTimeSeconds": "10",
        "VisibilityTimeout": "20",
    }
    assert await all_of(sqs, url) == created
    sqs.clock.advance(5)
    update = {"MaximumMessageSize": "2048", "VisibilityTimeout": "69", "DelaySeconds": "420"}
    await sqs("set_queue_attributes", queue_url=url, attributes=update)
    assert await all_of(sqs, url) == created | update | {"LastModifiedTimestamp": "1700000005"}


async def test_only_what_is_asked_for_is_answered(sqs: SqsClient) -> None:
    url = await sqs.queue()
    answer = await sqs(
        "get_queue_attributes", queue_url=url, attribute_names=["VisibilityTimeout", "QueueArn", "Policy"]
    )
    assert answer == {
        "Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:q", "VisibilityTimeout": "30"}
    }
    assert await sqs("get_queue_attributes", queue_url=url) == {}
    assert await sqs("get_queue_attributes", queue_url=url, attribute_names=["RedrivePolicy"]) == {}


@pytest.mark.parametrize(
    ("name", "least", "greatest"),
    [
        ("DelaySeconds", 0, 900),
        ("MaximumMessageSize", 1024, 1048576),
        ("MessageRetentionPeriod", 60, 1209600),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("VisibilityTimeout", 0, 43200),
    ],
)
async def test_ranges(sqs: SqsClient, name: str, least: int, greatest: int) -> None:
    url = await sqs.queue()
    for right in (str(least), str(greatest)):
        await sqs("set_queue_attributes", queue_url=url, attributes={name: right})
        assert await sqs.attribute(url, name) == right
    wrong = [str(least - 1), str(greatest + 1), "", " 60", "60.5", "+60", "1_0", "true", "٦٠", "9" * 5000]
    for value in wrong:
        for call in (
            sqs("set_queue_attributes", queue_url=url, attributes={name: value}),
            sqs("create_queue", queue_name="other", attributes={name: value}),
        ):
            with pytest.raises(AwsError) as info:
                await call
            assert info.value.code == info.value.query_code == "InvalidAttributeValue"
            assert info.value.message == f"Invalid value for the parameter {name}."
    assert await sqs.attribute(url, name) == str(greatest)


async def test_managed_sse_is_a_switch(sqs: SqsClient) -> None:
    url = await sqs.queue(SqsManagedSseEnabled="false")
    assert await sqs.attribute(url, "SqsManagedSseEnabled") == "false"
    with pytest.raises(AwsError, match="Invalid value for the parameter SqsManagedSseEnabled"):
        await sqs("set_queue_attributes", queue_url=url, attributes={"SqsManagedSseEnabled": "yes"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Wrong", "Unknown Attribute Wrong."),
        ("QueueArn", "Unknown Attribute QueueArn."),
        ("ApproximateNumberOfMessages", "Unknown Attribute ApproximateNumberOfMessages."),
        ("FifoQueue", "Unknown Attribute FifoQueue."),
        ("ContentBasedDeduplication", "Unknown Attribute ContentBasedDeduplication."),
        ("DeduplicationScope", "You can specify the DeduplicationScope only when FifoQueue is set to true."),
        (
            "FifoThroughputLimit",
            "You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
        ),
    ],
)
async def test_names_that_a_standard_queue_does_not_take(sqs: SqsClient, name: str, text: str) -> None:
    with pytest.raises(AwsError) as info:
        await sqs("create_queue", queue_name="q", attributes={name: "false"})
    assert (info.value.code, info.value.message) == ("InvalidAttributeName", text)


async def test_a_refused_attribute_changes_none_of_the_others(sqs: SqsClient) -> None:
    url = await sqs.queue()
    with pytest.raises(AwsError):
        await sqs("set_queue_attributes", queue_url=url, attributes={"DelaySeconds": "5", "Wrong": "1"})
    assert await sqs.attribute(url, "DelaySeconds") == "0"


async def test_unknown_names_are_not_to_be_asked_for(sqs: SqsClient) -> None:
    url = await sqs.queue()
    with pytest.raises(AwsError, match=r"Unknown Attribute Wrong\."):
        await sqs("get_queue_attributes", queue_url=url, attribute_names=["Wrong"])


async def test_attributes_are_required(sqs: SqsClient) -> None:
    url = await sqs.queue()
    with pytest.raises(AwsError, match="The request must contain the parameter Attributes"):
        await sqs("set_queue_attributes", queue_url=url)
