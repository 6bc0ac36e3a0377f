"""What a consumer does: receive, wait, delete, change visibility; and receipt handles."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from tests.support.sqs import SqsClient, refused

from noria.clock import ManualClock
from noria.services.sqs.polling import Polls

INVALID = ("InvalidParameterValueException", "InvalidParameterValue", 400)


def not_a_handle(handle: str) -> tuple[str, str, int, str]:
    text = f'The input receipt handle "{handle}" is not a valid receipt handle.'
    return "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 400, text


async def delete(sqs: SqsClient, url: str, handle: str) -> None:
    await sqs("delete_message", queue_url=url, receipt_handle=handle)


async def change(sqs: SqsClient, url: str, handle: str, timeout_s: int) -> None:
    await sqs("change_message_visibility", queue_url=url, receipt_handle=handle, visibility_timeout=timeout_s)


def waiting(sqs: SqsClient, url: str, wait_s: int = 20, **params: Any) -> asyncio.Task[list[dict[str, Any]]]:
    return asyncio.create_task(sqs.receive(url, wait_time_seconds=wait_s, **params))


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [message["Body"] for message in messages]


# -- receiving --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"max_number_of_messages": 11},
            "Value 11 for parameter MaxNumberOfMessages is invalid."
            " Reason: Must be between 1 and 10, if provided.",
        ),
        (
            {"max_number_of_messages": 0},
            "Value 0 for parameter MaxNumberOfMessages is invalid."
            " Reason: Must be between 1 and 10, if provided.",
        ),
        (
            {"wait_time_seconds": 21},
            "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
        (
            {"visibility_timeout": 43201},
            "Value 43201 for parameter VisibilityTimeout is invalid."
            " Reason: Must be >= 0 and <= 43200, if provided.",
        ),
    ],
)
async def test_receives_out_of_range(sqs: SqsClient, params: dict[str, int], text: str) -> None:
    url = await sqs.queue()
    assert await refused(sqs("receive_message", queue_url=url, **params)) == (*INVALID, text)


async def test_a_receive_hides_by_its_own_timeout_or_the_queues(sqs: SqsClient) -> None:
    url = await sqs.queue(VisibilityTimeout="10")
    await sqs.send(url, "a", "b")
    await sqs.receive(url, 1)
    await sqs.receive(url, 1, visibility_timeout=20)
    sqs.clock.advance(10)
    assert bodies(await sqs.receive(url, visibility_timeout=0)) == ["a"]
    sqs.clock.advance(10)
    assert bodies(await sqs.receive(url)) == ["a", "b"]


async def test_too_many_in_flight(sqs: SqsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short poll is refused, a long poll waits until others delete."""
    monkeypatch.setattr("noria.services.sqs.receive_api.MAX_IN_FLIGHT", 2)
    url = await sqs.queue()
    await sqs.send(url, "a", "b", "c")
    first, _ = await sqs.receive(url)
    assert (await refused(sqs.receive(url)))[0::2] == ("OverLimit", 403)
    poll = waiting(sqs, url)
    await sqs.settle()
    assert not poll.done()
    await delete(sqs, url, first["ReceiptHandle"])
    assert bodies(await poll) == ["c"]


# -- long polls -------------------------------------------------------------------------------------------


async def test_a_long_poll_takes_what_is_there_at_once(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await sqs.send(url, "a")
    assert bodies(await sqs.receive(url, wait_time_seconds=20)) == ["a"]


async def test_a_send_wakes_a_long_poll(sqs: SqsClient) -> None:
    url = await sqs.queue(ReceiveMessageWaitTimeSeconds="20")
    poll = asyncio.create_task(sqs.receive(url))  # the queue's own wait time
    await sqs.settle()
    sqs.clock.advance(19)
    await sqs.settle()
    assert not poll.done()
    await sqs.send(url, "a")
    assert bodies(await poll) == ["a"]


async def test_a_long_poll_ends_empty_at_its_time(sqs: SqsClient) -> None:
    url = await sqs.queue(ReceiveMessageWaitTimeSeconds="20")
    assert await sqs.receive(url, wait_time_seconds=0) == []
    poll = waiting(sqs, url, 5)
    await sqs.settle()
    sqs.clock.advance(4.999)
    await sqs.settle()
    assert not poll.done()
    sqs.clock.advance(0.001)
    assert await poll == []


async def test_messages_go_to_the_poll_that_waits_longest(sqs: SqsClient) -> None:
    url = await sqs.queue()
    polls = []
    for _ in range(3):
        polls.append(waiting(sqs, url, count=1))
        await sqs.settle()
    for number, body in enumerate("abc"):
        await sqs.send(url, body)
        await sqs.settle()
        assert [poll.done() for poll in polls] == [number >= place for place in range(3)]
    assert [bodies(await poll) for poll in polls] == [["a"], ["b"], ["c"]]


async def test_a_batch_is_shared_by_the_polls_that_wait(sqs: SqsClient) -> None:
    url = await sqs.queue()
    polls = [waiting(sqs, url, count=2) for _ in range(3)]
    await sqs.settle()
    entries = [{"Id": body, "MessageBody": body} for body in "abcde"]
    await sqs("send_message_batch", queue_url=url, entries=entries)
    got = [bodies(await poll) for poll in polls]
    assert sorted(body for part in got for body in part) == list("abcde")


@pytest.mark.parametrize("how", ["delayed", "timed out"])
async def test_a_poll_wakes_when_a_hidden_message_becomes_visible(sqs: SqsClient, how: str) -> None:
    url = await sqs.queue(VisibilityTimeout="10")
    if how == "delayed":
        await sqs.send(url, "a", delay_seconds=10)
    else:
        await sqs.send(url, "a")
        await sqs.receive(url)
    poll = waiting(sqs, url)
    await sqs.settle()
    sqs.clock.advance(9.999)
    await sqs.settle()
    assert not poll.done()
    sqs.clock.advance(0.001)
    assert bodies(await poll) == ["a"]


async def test_a_poll_learns_of_what_is_hidden_while_it_waits(sqs: SqsClient) -> None:
    url = await sqs.queue()
    polls = [waiting(sqs, url, count=1) for _ in range(4)]
    await sqs.settle()
    await sqs.send(url, "delayed", delay_seconds=9)
    await sqs.send(url, "sooner", delay_seconds=5)
    await sqs.settle()
    assert not any(poll.done() for poll in polls)
    sqs.clock.advance(5)
    assert bodies(await polls[0]) == ["sooner"]
    sqs.clock.advance(4)
    assert bodies(await polls[1]) == ["delayed"]
    await sqs.send(url, "again")
    (message,) = await polls[2]
    await change(sqs, url, message["ReceiptHandle"], 3)
    sqs.clock.advance(3)
    assert bodies(await polls[3]) == ["again"]


async def test_a_poll_whose_client_went_away_takes_nothing(sqs: SqsClient) -> None:
    url = await sqs.queue()
    gone, stays = waiting(sqs, url), waiting(sqs, url)
    await sqs.settle()
    gone.cancel()
    await sqs.settle()
    await sqs.send(url, "a")
    assert bodies(await stays) == ["a"]


async def test_a_poll_that_goes_away_just_when_it_is_woken_wakes_the_next() -> None:
    polls = Polls(ManualClock())
    gone, stays = (asyncio.create_task(polls.open("arn").wait(1 << 62)) for _ in range(2))
    await asyncio.sleep(0)
    polls.wake_at("arn", 0)
    gone.cancel()
    assert await stays
    assert gone.cancelled()


async def test_news_between_a_look_and_the_wait_is_not_missed() -> None:
    polls = Polls(ManualClock())
    poll = polls.open("arn")  # and now it looks, finding nothing
    polls.wake_at("arn", 0)
    assert await poll.wait(1 << 62)


async def test_a_poll_woken_just_before_its_deadline_still_looks() -> None:
    clock = ManualClock()
    polls = Polls(clock)
    wait = asyncio.create_task(polls.open("arn").wait(clock.now_ms() + 1000))
    await asyncio.sleep(0)
    polls.wake_at("arn", 0)
    clock.advance(1)
    assert await wait


async def test_stopping_answers_every_poll_empty(sqs: SqsClient) -> None:
    url = await sqs.queue()
    polls = [waiting(sqs, url) for _ in range(3)]
    await sqs.settle()
    await sqs.api.stop()
    assert await asyncio.gather(*polls) == [[], [], []]
    assert await sqs.receive(url, wait_time_seconds=20) == []


async def test_a_purge_does_not_lose_the_polls(sqs: SqsClient) -> None:
    url = await sqs.queue()
    poll = waiting(sqs, url)
    await sqs.settle()
    await sqs("purge_queue", queue_url=url)
    await sqs.settle()
    await sqs.send(url, "a")
    assert bodies(await poll) == ["a"]


async def test_a_poll_on_a_queue_that_is_deleted_learns_of_it(sqs: SqsClient) -> None:
    url = await sqs.queue()
    poll = waiting(sqs, url)
    await sqs.settle()
    await sqs("delete_queue", queue_url=url)
    assert (await refused(poll))[0] == "QueueDoesNotExist"


async def test_many_idle_polls_leave_nothing_behind(sqs: SqsClient) -> None:
    url = await sqs.queue()
    polls = [waiting(sqs, url, 1) for _ in range(200)]
    await sqs.settle()
    sqs.clock.advance(1)
    assert await asyncio.gather(*polls) == [[]] * 200
    assert not sqs.api._polls.any("arn:aws:sqs:us-east-1:000000000000:q")


# -- deleting ---------------------------------------------------------------------------------------------


async def test_a_deleted_message_does_not_come_back(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await sqs.send(url, "a")
    (message,) = await sqs.receive(url)
    await delete(sqs, url, message["ReceiptHandle"])
    await delete(sqs, url, message["ReceiptHandle"])  # AWS: succeeds again
    sqs.clock.advance(30)
    assert await sqs.receive(url) == []


async def test_a_handle_deletes_also_after_the_visibility_timeout(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await sqs.send(url, "a")
    (message,) = await sqs.receive(url)
    sqs.clock.advance(31)
    await delete(sqs, url, message["ReceiptHandle"])
    assert await sqs.depth(url) == (0, 0, 0)


async def test_an_old_handle_succeeds_and_deletes_nothing(sqs: SqsClient) -> None:
    """AWS: with other than the most recent handle the request succeeds, the message might not be deleted."""
    url = await sqs.queue()
    await sqs.send(url, "a")
    (old,) = await sqs.receive(url)
    sqs.clock.advance(30)
    (new,) = await sqs.receive(url)
    assert old["ReceiptHandle"] != new["ReceiptHandle"]
    await delete(sqs, url, old["ReceiptHandle"])
    assert await sqs.depth(url) == (0, 1, 0)


async def test_garbage_is_no_handle(sqs: SqsClient) -> None:
    url = await sqs.queue()
    for handle in ("garbage", "ü", "AAAA", base64.b64encode(bytes(24)).decode()):
        assert await refused(delete(sqs, url, handle)) == not_a_handle(handle)
        assert await refused(change(sqs, url, handle, 1)) == not_a_handle(handle)


async def test_a_handle_is_of_its_queue(sqs: SqsClient) -> None:
    url, other = await sqs.queue("q"), await sqs.queue("other")
    await sqs.send(url, "a")
    (message,) = await sqs.receive(url)
    handle = message["ReceiptHandle"]
    assert await refused(delete(sqs, other, handle)) == not_a_handle(handle)


async def test_a_handle_is_required(sqs: SqsClient) -> None:
    url = await sqs.queue()
    for handle in ("", " "):
        assert (await refused(delete(sqs, url, handle)))[3] == (
            "The request must contain the parameter ReceiptHandle."
        )


# -- visibility -------------------------------------------------------------------------------------------


async def test_visibility_ends_at_once_or_later(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await sqs.send(url, "a", "b")
    first, second = await sqs.receive(url)
    await change(sqs, url, first["ReceiptHandle"], 0)
    await change(sqs, url, second["ReceiptHandle"], 100)
    assert bodies(await sqs.receive(url, visibility_timeout=100)) == ["a"]
    sqs.clock.advance(99)
    assert await sqs.receive(url) == []
    sqs.clock.advance(1)
    assert len(await sqs.receive(url)) == 2


async def test_visibility_can_be_changed_after_the_timeout_as_recorded(sqs: SqsClient) -> None:
    url = await sqs.queue(VisibilityTimeout="1")
    await sqs.send(url, "a")
    (message,) = await sqs.receive(url)
    sqs.clock.advance(2)
    await change(sqs, url, message["ReceiptHandle"], 2)


async def test_visibility_of_a_deleted_message(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await sqs.send(url, "a")
    (message,) = await sqs.receive(url)
    handle = message["ReceiptHandle"]
    await delete(sqs, url, handle)
    assert await refused(change(sqs, url, handle, 1)) == (
        *INVALID,
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not"
        " available for visibility timeout change.",
    )


async def test_visibility_out_of_range(sqs: SqsClient) -> None:
    url = await sqs.queue()
    await sqs.send(url, "a")
    (message,) = await sqs.receive(url)
    handle = message["ReceiptHandle"]
    for timeout_s in (-1, 43201):
        assert await refused(change(sqs, url, handle, timeout_s)) == (
            *INVALID,
            f"Value {timeout_s} for parameter VisibilityTimeout is invalid."
            " Reason: VisibilityTimeout must be an integer between 0 and 43200.",
        )
    sqs.clock.advance(1)
    assert await refused(change(sqs, url, handle, 43200)) == (
        *INVALID,
        "Value 43200 for parameter VisibilityTimeout is invalid."
        " Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
    )
    await change(sqs, url, handle, 43199)
    missing = sqs("change_message_visibility", queue_url=url, receipt_handle=handle)
    assert (await refused(missing))[3] == "The request must contain the parameter VisibilityTimeout."
