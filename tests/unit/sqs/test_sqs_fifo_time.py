"""What time does in a FIFO queue: delays, and receive attempts."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.sqs import SqsClient
from tests.unit.sqs.test_sqs_fifo import bodies, delete, fifo, send


async def test_a_delay_is_the_queues_and_keeps_the_order(sqs: SqsClient) -> None:
    url = await fifo(sqs, DelaySeconds="2")
    for body in ("message-1", "message-2", "message-3"):
        await send(sqs, url, body, "1")
    assert await bodies(sqs, url) == []
    assert await sqs.depth(url) == (0, 0, 3)
    sqs.clock.advance(2)
    assert await bodies(sqs, url) == ["message-1", "message-2", "message-3"]


@pytest.mark.parametrize("delay", ["1", "9"])
async def test_a_new_delay_holds_for_messages_that_are_delayed_already(sqs: SqsClient, delay: str) -> None:
    url = await fifo(sqs, DelaySeconds="5")
    await send(sqs, url, "visible", "2")
    sqs.clock.advance(5)
    for number in range(1_200):  # more than is changed at once
        await send(sqs, url, f"{number}", "1")
    await sqs("set_queue_attributes", queue_url=url, attributes={"DelaySeconds": delay})
    assert await bodies(sqs, url) == ["visible"]
    sqs.clock.advance(int(delay) - 0.001)
    assert await bodies(sqs, url) == []
    sqs.clock.advance(0.001)
    received = []
    while some := await sqs.receive(url):
        received += [message["Body"] for message in some]
        for message in some:
            await delete(sqs, url, message)
    assert received == [str(number) for number in range(1_200)]


async def test_a_shorter_delay_wakes_who_waits(sqs: SqsClient) -> None:
    url = await fifo(sqs, DelaySeconds="900")
    await send(sqs, url, "a")
    poll = asyncio.create_task(bodies(sqs, url, wait_time_seconds=20))
    await sqs.settle()
    await sqs("set_queue_attributes", queue_url=url, attributes={"DelaySeconds": "1"})
    await sqs.settle()
    assert not poll.done()
    sqs.clock.advance(1)
    await sqs.settle()
    assert await poll == ["a"]


async def test_an_attempt_repeated_receives_the_same_and_hides_it_anew(sqs: SqsClient) -> None:
    url = await fifo(sqs)
    for body in "abc":
        await send(sqs, url, body)
    first = await sqs.receive(url, 2, receive_request_attempt_id="r")
    sqs.clock.advance(20)
    assert await sqs.receive(url, 2, receive_request_attempt_id="r") == first
    sqs.clock.advance(20)
    assert await bodies(sqs, url) == []  # hidden for 30 s since the second attempt
    await delete(sqs, url, first[0])
    assert await bodies(sqs, url, receive_request_attempt_id="r") == []  # changed meanwhile: not repeated
    sqs.clock.advance(10)
    assert await bodies(sqs, url, receive_request_attempt_id="r") == ["b", "c"]
