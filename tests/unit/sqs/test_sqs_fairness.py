"""Fair queues: MessageGroupId on a standard queue."""

from __future__ import annotations

from tests.support.sqs import SqsClient


async def send(sqs: SqsClient, url: str, group: str | None, count: int) -> None:
    for start in range(0, count, 10):
        entries = [
            {"Id": str(n), "MessageBody": f"{group}-{n}", **({"MessageGroupId": group} if group else {})}
            for n in range(start, min(count, start + 10))
        ]
        await sqs("send_message_batch", queue_url=url, entries=entries)


async def groups(sqs: SqsClient, url: str, count: int = 10) -> list[str]:
    received = await sqs.receive(url, count, message_system_attribute_names=["MessageGroupId"])
    return [message.get("Attributes", {}).get("MessageGroupId", "none") for message in received]


async def test_a_group_does_not_block_and_is_answered(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await send(sqs, url, "a", 3)
    assert await groups(sqs, url, 1) == ["a"]
    assert await groups(sqs, url) == ["a", "a"]


async def test_others_go_before_a_group_that_has_taken_much(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await send(sqs, url, "noisy", 60)
    await send(sqs, url, "quiet", 2)
    await send(sqs, url, "calm", 1)
    for _ in range(3):
        assert await groups(sqs, url) == ["noisy"] * 10
    assert sorted(await groups(sqs, url, 4)) == ["calm", "noisy", "quiet", "quiet"]
    assert await groups(sqs, url) == ["noisy"] * 10  # nobody is kept from working


async def test_a_group_with_less_than_thirty_in_flight_is_not_noisy(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await send(sqs, url, "busy", 50)
    await send(sqs, url, "quiet", 1)
    await groups(sqs, url)
    await groups(sqs, url)
    await groups(sqs, url, 9)
    assert await groups(sqs, url) == ["busy"] * 10


async def test_a_group_is_noisy_no_more_when_its_messages_are_done(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await send(sqs, url, "noisy", 60)
    handles = []
    for _ in range(3):
        handles += [message["ReceiptHandle"] for message in await sqs.receive(url)]
    for handle in handles:
        await sqs("delete_message", queue_url=url, receipt_handle=handle)
    await send(sqs, url, "quiet", 1)
    assert await groups(sqs, url) == ["noisy"] * 10


async def test_messages_without_a_group_go_before_a_noisy_one(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await send(sqs, url, "noisy", 50)
    await send(sqs, url, None, 1)
    for _ in range(3):
        await groups(sqs, url)
    assert await groups(sqs, url, 1) == ["none"]


async def test_of_the_others_those_served_the_longest_ago_come_first(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await send(sqs, url, "noisy", 60)
    for _ in range(3):
        await groups(sqs, url)
    for group in "abc":
        await send(sqs, url, group, 5)
    served = []
    for _ in range(3):
        sqs.clock.advance(1)
        served += await groups(sqs, url, 1)
    assert served == ["a", "b", "c"]
