"""Message move tasks. Texts and shapes as AWS recorded them."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from tests.support.metrics import FakeMetrics
from tests.support.sqs import SqsClient, refused
from tests.unit.sqs.test_sqs_dead_letters import ARN, bodies, fail, pipe

from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.sqs.api import SqsApi

START, LIST, CANCEL = "start_message_move_task", "list_message_move_tasks", "cancel_message_move_task"
DLQ = ARN + "dlq"
INVALID = ("InvalidParameterValueException", "InvalidParameterValue", 400)


async def dead(sqs: SqsClient, count: int, suffix: str = "") -> tuple[str, str, str]:
    """(source, dead-letter queue with so many messages of the source, destination)"""
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if suffix else {}
    source, dlq = await pipe(sqs, 1, suffix, **fifo)
    for number in range(count):
        params = {"message_group_id": f"g{number % 2}"} if suffix else {}
        await sqs.send(source, f"message-{number}", **params)
    while (await sqs.depth(source))[0]:
        await fail(sqs, source)
    assert (await sqs.depth(dlq))[0] == count
    return source, dlq, await sqs.queue(f"destination{suffix}", **fifo)


async def task(sqs: SqsClient, source_arn: str = DLQ) -> dict[str, Any]:
    (found,) = (await sqs(LIST, source_arn=source_arn))["Results"]
    return {name: value for name, value in found.items() if value is not None}


async def test_messages_move_to_the_destination_as_new_ones(sqs: SqsClient) -> None:
    _, dlq, destination = await dead(sqs, 2)
    started_ms = sqs.clock.now_ms()
    answer = await sqs(START, source_arn=DLQ, destination_arn=ARN + "destination")
    handle = json.loads(base64.b64decode(answer["TaskHandle"]))
    assert handle["sourceArn"] == DLQ
    await sqs.settle()
    assert await task(sqs) == {
        "ApproximateNumberOfMessagesMoved": 2,
        "ApproximateNumberOfMessagesToMove": 2,
        "DestinationArn": ARN + "destination",
        "SourceArn": DLQ,
        "StartedTimestamp": started_ms,
        "Status": "COMPLETED",
    }
    received = await sqs.receive(destination, message_system_attribute_names=["All"])
    assert [message["Body"] for message in received] == ["message-0", "message-1"]
    assert received[0]["Attributes"]["ApproximateReceiveCount"] == "1"
    assert received[0]["Attributes"]["SentTimestamp"] == str(started_ms)
    assert "DeadLetterQueueSourceArn" not in received[0]["Attributes"]
    assert await sqs.depth(dlq) == (0, 0, 0)


async def test_without_a_destination_messages_go_back_to_their_sources(sqs: SqsClient) -> None:
    source, dlq, _ = await dead(sqs, 150)
    other = await sqs.queue(
        "other", RedrivePolicy=json.dumps({"deadLetterTargetArn": DLQ, "maxReceiveCount": 1})
    )
    await sqs.send(other, "x")
    await fail(sqs, other, 2)
    await sqs(START, source_arn=DLQ)
    for _ in range(5):
        await sqs.settle()
    assert (await task(sqs))["ApproximateNumberOfMessagesMoved"] == 151
    assert (await sqs.depth(source))[0] == 150
    assert (await sqs.depth(other))[0] == 1
    assert await sqs.depth(dlq) == (0, 0, 0)


async def test_fifo_messages_move_in_order(sqs: SqsClient) -> None:
    _, _, destination = await dead(sqs, 6, ".fifo")
    await sqs(START, source_arn=ARN + "dlq.fifo", destination_arn=ARN + "destination.fifo")
    await sqs.settle()
    assert (await task(sqs, ARN + "dlq.fifo"))["Status"] == "COMPLETED"
    order = await bodies(sqs, destination)
    assert [body for body in order if int(body[-1]) % 2 == 0] == ["message-0", "message-2", "message-4"]
    assert [body for body in order if int(body[-1]) % 2] == ["message-1", "message-3", "message-5"]


async def test_a_limited_task_moves_so_many_a_second_and_can_be_cancelled(sqs: SqsClient) -> None:
    _, dlq, destination = await dead(sqs, 10)
    started_ms = sqs.clock.now_ms()
    handle = (
        await sqs(
            START,
            source_arn=DLQ,
            destination_arn=ARN + "destination",
            max_number_of_messages_per_second=1,
        )
    )["TaskHandle"]
    await sqs.settle()
    assert await sqs.depth(destination) == (1, 0, 0)
    sqs.clock.advance(0.999)
    await sqs.settle()
    assert await sqs.depth(destination) == (1, 0, 0)
    sqs.clock.advance(0.001)
    await sqs.settle()
    running = {
        "ApproximateNumberOfMessagesMoved": 2,
        "ApproximateNumberOfMessagesToMove": 10,
        "DestinationArn": ARN + "destination",
        "MaxNumberOfMessagesPerSecond": 1,
        "SourceArn": DLQ,
        "StartedTimestamp": started_ms,
        "Status": "RUNNING",
        "TaskHandle": handle,
    }
    assert await task(sqs) == running
    assert await refused(sqs(START, source_arn=DLQ)) == (
        *INVALID,
        "There is already a task running. Only one active task is allowed for a source queue arn at a given"
        " time.",
    )
    assert await sqs(CANCEL, task_handle=handle) == {"ApproximateNumberOfMessagesMoved": 2}
    sqs.clock.advance(10)
    await sqs.settle()
    del running["TaskHandle"]
    ended = await task(sqs)
    moved = ended["ApproximateNumberOfMessagesMoved"]
    assert ended == {**running, "Status": "CANCELLED", "ApproximateNumberOfMessagesMoved": moved}
    assert await sqs.depth(destination) == (moved, 0, 0)
    assert await sqs.depth(dlq) == (10 - moved, 0, 0)
    assert moved <= 3
    assert (await refused(sqs(CANCEL, task_handle=handle)))[0::2] == ("ResourceNotFoundException", 404)


async def test_a_task_goes_on_after_a_crash(sqs: SqsClient) -> None:
    _, dlq, destination = await dead(sqs, 5)
    await sqs(START, source_arn=DLQ, destination_arn=ARN + "destination", max_number_of_messages_per_second=1)
    await sqs.settle()
    await sqs.api.stop()
    sqs.clock.advance(10)
    await sqs.settle()
    assert await sqs.depth(destination) == (1, 0, 0)
    sqs.api = SqsApi(sqs.store, sqs.clock, FakeMetrics())
    await sqs.api.start()
    for _ in range(5):
        await sqs.settle()
        sqs.clock.advance(1)
    await sqs.settle()
    assert (await task(sqs))["Status"] == "COMPLETED"
    assert await sqs.depth(destination) == (5, 0, 0)
    assert await sqs.depth(dlq) == (0, 0, 0)
    await sqs.api.stop()


async def test_a_task_fails_without_its_destination_and_loses_nothing(sqs: SqsClient) -> None:
    _, dlq, destination = await dead(sqs, 3)
    await sqs(START, source_arn=DLQ, destination_arn=ARN + "destination", max_number_of_messages_per_second=1)
    await sqs.settle()
    await sqs("delete_queue", queue_url=destination)
    sqs.clock.advance(1)
    await sqs.settle()
    ended = await task(sqs)
    assert (ended["Status"], ended["FailureReason"]) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    assert await sqs.depth(dlq) == (2, 0, 0)


async def test_a_message_that_came_from_nowhere_cannot_go_back(sqs: SqsClient) -> None:
    _, dlq, _ = await dead(sqs, 0)
    await sqs.send(dlq, "sent there")
    await sqs(START, source_arn=DLQ)
    await sqs.settle()
    ended = await task(sqs)
    assert (ended["Status"], ended["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert await sqs.depth(dlq) == (1, 0, 0)


async def test_a_long_poll_of_the_destination_wakes(sqs: SqsClient) -> None:
    _, _, destination = await dead(sqs, 1)
    poll = asyncio.create_task(bodies(sqs, destination, wait_time_seconds=20))
    await sqs.settle()
    await sqs(START, source_arn=DLQ, destination_arn=ARN + "destination")
    await sqs.settle()
    assert poll.done()
    assert await poll == ["message-0"]


async def test_the_last_ten_tasks_are_listed_the_latest_first(sqs: SqsClient) -> None:
    await dead(sqs, 0)
    for _ in range(12):
        sqs.clock.advance(1)
        await sqs(START, source_arn=DLQ)
        await sqs.settle()
    found = (await sqs(LIST, source_arn=DLQ, max_results=10))["Results"]
    started = [one["StartedTimestamp"] for one in found]
    assert len(started) == 10
    assert started == sorted(started, reverse=True)
    assert started[0] == sqs.clock.now_ms()


async def test_what_a_task_refuses(sqs: SqsClient) -> None:
    await sqs.queue("plain")
    await dead(sqs, 0)
    no_source = "The resource that you specified for the SourceArn parameter doesn't exist."
    no_destination = "The resource that you specified for the DestinationArn parameter doesn't exist."
    assert await refused(sqs(START, source_arn=ARN + "plain")) == (
        *INVALID,
        "Source queue must be configured as a Dead Letter Queue.",
    )
    missing = ("ResourceNotFoundException", "ResourceNotFoundException", 404)
    assert await refused(sqs(START, source_arn=ARN + "nope")) == (*missing, no_source)
    assert await refused(sqs(START, source_arn=DLQ, destination_arn=ARN + "nope")) == (
        *missing,
        no_destination,
    )
    assert (await refused(sqs(START, source_arn=DLQ, destination_arn=DLQ)))[:3] == INVALID
    for rate in (0, 501):
        call = sqs(START, source_arn=DLQ, max_number_of_messages_per_second=rate)
        assert (await refused(call))[:3] == INVALID
    assert (await refused(sqs(START)))[3] == "The request must contain the parameter SourceArn."
    assert await refused(sqs(CANCEL, task_handle="foobared")) == (
        *INVALID,
        "Value for parameter TaskHandle is invalid.",
    )

    def handle(source: str) -> str:
        text = {"taskId": "10f57157-fc38-4da9-a113-4de7e12d05dd", "sourceArn": source}
        return base64.b64encode(json.dumps(text).encode()).decode()

    assert await refused(sqs(CANCEL, task_handle=handle(ARN + "nope"))) == (*missing, no_source)
    assert await refused(sqs(CANCEL, task_handle=handle(DLQ))) == (*missing, "Task does not exist.")
    assert (await refused(sqs(LIST, source_arn=DLQ, max_results=11)))[:3] == INVALID


async def test_a_task_ends_after_36_hours_and_loses_nothing(sqs: SqsClient) -> None:
    hours = 36 * 3600
    _, dlq, destination = await dead(sqs, 3)
    for url in (dlq, destination):
        await sqs("set_queue_attributes", queue_url=url, attributes={"MessageRetentionPeriod": "1209600"})
    await sqs(START, source_arn=DLQ, destination_arn=ARN + "destination", max_number_of_messages_per_second=1)
    await sqs.settle()
    sqs.clock.advance(hours)
    await sqs.settle()
    ended = await task(sqs)
    assert (ended["Status"], ended["FailureReason"]) == ("FAILED", "MoveTaskExpired")
    assert (await sqs.depth(destination))[0] + (await sqs.depth(dlq))[0] == 3


async def test_an_account_has_no_more_than_a_hundred_active_tasks(
    sqs: SqsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noria.services.sqs.move_task_api.MAX_ACTIVE_MOVE_TASKS", 1)
    await dead(sqs, 2)
    _, _, _ = await dead(sqs, 2, ".fifo")
    await sqs(START, source_arn=DLQ, destination_arn=ARN + "destination", max_number_of_messages_per_second=1)
    code, _, status, _ = await refused(sqs(START, source_arn=ARN + "dlq.fifo"))
    assert (code, status) == ("RequestThrottled", 403)


@pytest.mark.parametrize("destination", [ARN + "destination", None])
async def test_whoever_moves_messages_may_send_them_where_they_go(
    sqs: SqsClient, destination: str | None
) -> None:
    class Nothing:
        async def require(
            self, ctx: RequestContext, action: str, resource: str, conditions: Any = None
        ) -> None:
            raise AwsError("AccessDenied", f"{action} {resource}", 403)

        async def allows(self, *_: Any) -> bool:
            return False

    _, dlq, _ = await dead(sqs, 2)
    sqs.api = SqsApi(sqs.store, sqs.clock, FakeMetrics(), permissions=Nothing())
    await sqs.api.start()
    code, _, _, text = await refused(sqs(START, source_arn=DLQ, destination_arn=destination))
    assert (code, text) == ("AccessDenied", f"sqs:SendMessage {destination or ARN + 'source'}")
    assert (await sqs.depth(dlq))[0] == 2
    await sqs.api.stop()
