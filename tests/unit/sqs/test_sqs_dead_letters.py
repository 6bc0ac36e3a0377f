"""Dead-letter queues: RedrivePolicy, RedriveAllowPolicy, and what moves when."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.support.sqs import SqsClient, refused

ARN = "arn:aws:sqs:us-east-1:000000000000:"


def redrive(target: str = "dlq", most: Any = 1) -> str:
    return json.dumps({"deadLetterTargetArn": ARN + target, "maxReceiveCount": most}, separators=(",", ":"))


async def pipe(sqs: SqsClient, most: int = 1, suffix: str = "", **attributes: str) -> tuple[str, str]:
    """(source, dead-letter queue)"""
    dlq = await sqs.queue(f"dlq{suffix}", **attributes)
    return await sqs.queue(f"source{suffix}", RedrivePolicy=redrive(f"dlq{suffix}", most), **attributes), dlq


async def fail(sqs: SqsClient, url: str, times: int = 1) -> None:
    for _ in range(times):
        await sqs.receive(url, visibility_timeout=0)


async def bodies(sqs: SqsClient, url: str, **params: Any) -> list[str]:
    return [message["Body"] for message in await sqs.receive(url, **params)]


async def test_a_message_received_too_often_moves_at_the_next_receive(sqs: SqsClient) -> None:
    source, dlq = await pipe(sqs, most=2)
    sent_ms = sqs.clock.now_ms()
    sent = await sqs("send_message", queue_url=source, message_body="a")
    sqs.clock.advance(1)
    await fail(sqs, source, 2)
    assert await sqs.depth(source) == (1, 0, 0)
    assert await sqs.receive(source) == []
    assert await sqs.depth(source) == (0, 0, 0)
    (dead,) = await sqs.receive(dlq, message_system_attribute_names=["All"])
    assert (dead["Body"], dead["MessageId"]) == ("a", sent["MessageId"])
    assert dead["Attributes"]["DeadLetterQueueSourceArn"] == ARN + "source"
    assert dead["Attributes"]["SentTimestamp"] == str(sent_ms)  # kept in a standard queue
    assert dead["Attributes"]["ApproximateReceiveCount"] == "3"


async def test_dead_letters_do_not_hide_those_behind_them(sqs: SqsClient) -> None:
    source, dlq = await pipe(sqs)
    await sqs.send(source, *"abc")
    await fail(sqs, source)
    await sqs.send(source, "d")
    assert await bodies(sqs, source) == ["d"]
    assert await bodies(sqs, dlq) == ["a", "b", "c"]


async def test_a_fifo_queue_moves_in_order_and_goes_on_with_the_group(sqs: SqsClient) -> None:
    source, dlq = await pipe(sqs, suffix=".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body in "ab":
        await sqs.send(source, body, message_group_id="g")
    await fail(sqs, source)
    sqs.clock.advance(1)
    moved_ms = sqs.clock.now_ms()
    await sqs.send(source, "c", message_group_id="g")
    assert await bodies(sqs, source) == ["c"]
    assert await bodies(sqs, source) == []
    dead = await sqs.receive(dlq, message_system_attribute_names=["All"])
    assert [message["Body"] for message in dead] == ["a", "b"]
    assert dead[0]["Attributes"]["SentTimestamp"] == str(moved_ms)  # begins anew in a FIFO queue
    assert dead[0]["Attributes"]["MessageGroupId"] == "g"
    assert dead[0]["Attributes"]["SequenceNumber"] < dead[1]["Attributes"]["SequenceNumber"]


async def test_a_long_poll_of_the_dead_letter_queue_wakes(sqs: SqsClient) -> None:
    source, dlq = await pipe(sqs)
    await sqs.send(source, "a")
    poll = asyncio.create_task(bodies(sqs, dlq, wait_time_seconds=20))
    await sqs.settle()
    await fail(sqs, source, 2)
    await sqs.settle()
    assert poll.done()
    assert await poll == ["a"]


async def test_without_its_dead_letter_queue_a_queue_keeps_its_messages(sqs: SqsClient) -> None:
    source, dlq = await pipe(sqs)
    await sqs.send(source, "a")
    await sqs("delete_queue", queue_url=dlq)
    await fail(sqs, source, 3)
    assert await bodies(sqs, source) == ["a"]


async def test_the_policy_is_answered_and_can_be_removed(sqs: SqsClient) -> None:
    await sqs.queue("dlq")
    url = await sqs.queue("source", RedrivePolicy=redrive(most="5"))
    assert await sqs.attribute(url, "RedrivePolicy") == redrive(most=5)
    await sqs("set_queue_attributes", queue_url=url, attributes={"RedrivePolicy": ""})
    found = await sqs("get_queue_attributes", queue_url=url, attribute_names=["RedrivePolicy"])
    assert found == {}


async def test_listing_the_sources_of_a_dead_letter_queue(sqs: SqsClient) -> None:
    dlq = await sqs.queue("dlq")
    urls = [await sqs.queue(name, RedrivePolicy=redrive()) for name in ("a", "b", "c")]
    await sqs.queue("other")
    found = await sqs("list_dead_letter_source_queues", queue_url=dlq)
    assert found == {"queueUrls": urls}
    page = await sqs("list_dead_letter_source_queues", queue_url=dlq, max_results=2)
    assert page["queueUrls"] == urls[:2]
    rest = await sqs(
        "list_dead_letter_source_queues", queue_url=dlq, max_results=2, next_token=page["NextToken"]
    )
    assert rest == {"queueUrls": urls[2:]}
    assert await sqs("list_dead_letter_source_queues", queue_url=urls[0]) == {"queueUrls": []}


COUNT_RULE = "valid values are from 1 to 1000 both inclusive."


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("{", "Redrive policy is not a valid JSON map."),
        ("[]", "Redrive policy is not a valid JSON map."),
        ("{}", "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
        (
            json.dumps({"deadLetterTargetArn": ARN + "dlq"}),
            "Redrive policy does not contain mandatory attribute: maxReceiveCount.",
        ),
        (redrive(most=0), f"Invalid value for maxReceiveCount: 0, {COUNT_RULE}"),
        (redrive(most=1001), f"Invalid value for maxReceiveCount: 1001, {COUNT_RULE}"),
        (redrive(most="x"), f"Invalid value for maxReceiveCount: x, {COUNT_RULE}"),
        ('{"deadLetterTargetArn":"dummy","maxReceiveCount":42}', "Invalid value for deadLetterTargetArn."),
        (redrive("nope"), "Dead letter target does not exist."),
        (redrive("dlq.fifo"), "Dead-letter queue must be same type of queue as the source."),
        (
            '{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dlq","maxReceiveCount":1}',
            "Dead letter target does not exist.",
        ),
    ],
)
async def test_redrive_policies_that_are_refused(sqs: SqsClient, policy: str, reason: str) -> None:
    await sqs.queue("dlq")
    await sqs.queue("dlq.fifo", FifoQueue="true")
    assert await refused(sqs.queue("source", RedrivePolicy=policy)) == (
        "InvalidParameterValueException",
        "InvalidParameterValue",
        400,
        f"Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}",
    )
    source = await sqs.queue("source")
    change = sqs("set_queue_attributes", queue_url=source, attributes={"RedrivePolicy": policy})
    assert (await refused(change))[0] == "InvalidParameterValueException"


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        ({"redrivePermission": "allowAll"}, True),
        ({"redrivePermission": "denyAll"}, False),
        ({"redrivePermission": "byQueue", "sourceQueueArns": [ARN + "source"]}, True),
        ({"redrivePermission": "byQueue", "sourceQueueArns": [ARN + "other"]}, False),
    ],
)
async def test_a_dead_letter_queue_says_who_may_use_it(
    sqs: SqsClient, policy: dict[str, Any], allowed: bool
) -> None:
    text = json.dumps(policy, separators=(",", ":"))
    dlq = await sqs.queue("dlq", RedriveAllowPolicy=text)
    assert await sqs.attribute(dlq, "RedriveAllowPolicy") == text
    if allowed:
        await sqs.queue("source", RedrivePolicy=redrive())
    else:
        assert (await refused(sqs.queue("source", RedrivePolicy=redrive())))[0] == (
            "InvalidParameterValueException"
        )


@pytest.mark.parametrize(
    "policy",
    [
        "{",
        "[]",
        "{}",
        '{"redrivePermission":"some"}',
        '{"redrivePermission":"byQueue"}',
        '{"redrivePermission":"byQueue","sourceQueueArns":[]}',
        '{"redrivePermission":"byQueue","sourceQueueArns":["x"]}',
        json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [ARN + "q"] * 11}),
        json.dumps({"redrivePermission": "denyAll", "sourceQueueArns": [ARN + "q"]}),
        '{"redrivePermission":"denyAll","more":1}',
    ],
)
async def test_redrive_allow_policies_that_are_refused(sqs: SqsClient, policy: str) -> None:
    code, _, _, text = await refused(sqs.queue("dlq", RedriveAllowPolicy=policy))
    assert code == "InvalidParameterValueException"
    assert text.startswith(f"Value {policy} for parameter RedriveAllowPolicy is invalid. Reason: ")
