"""What the trigger promises of delivery: as the role, deleted on success only, nothing held back or lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.triggers.world import ACCOUNT, QUEUE_ARN, World, settle

from noria.errors import AwsError
from noria.services.triggers.poller import backoff_s


async def test_a_message_reaches_the_function_at_once_and_is_deleted(world: World) -> None:
    uuid = (await world.create())["UUID"]
    await settle()
    world.queue.send("hello")
    await settle()
    assert world.bodies() == [["hello"]]
    assert world.queue.messages == {}
    assert (await world.get(uuid))["LastProcessingResult"] == "OK"


async def test_waiting_messages_come_in_batches_of_the_mappings_size(world: World) -> None:
    for number in range(12):
        world.queue.send(str(number))
    await world.create(batch_size=5)
    await settle()
    assert world.bodies() == [list("01234"), list("56789"), ["10", "11"]]
    assert sorted(world.deleted_in) == [2, 5, 5]


async def test_the_event_is_as_aws_sends_it(world: World) -> None:
    world.queue.send(
        "hello",
        MessageAttributes={
            "text": {"DataType": "String", "StringValue": "é"},
            "raw": {"DataType": "Binary.x", "BinaryValue": b"\x00\xff"},
        },
        MD5OfMessageAttributes="md5a",
    )
    world.queue.send("plain")
    await world.create()
    await settle()
    assert world.events == [
        {
            "Records": [
                {
                    "messageId": "m1",
                    "receiptHandle": "m1#1",
                    "body": "hello",
                    "attributes": {"ApproximateReceiveCount": "1", "SenderId": "AIDA"},
                    "messageAttributes": {
                        "text": {
                            "stringValue": "é",
                            "stringListValues": [],
                            "binaryListValues": [],
                            "dataType": "String",
                        },
                        "raw": {
                            "binaryValue": "AP8=",
                            "stringListValues": [],
                            "binaryListValues": [],
                            "dataType": "Binary.x",
                        },
                    },
                    "md5OfMessageAttributes": "md5a",
                    "md5OfBody": "md5(hello)",
                    "eventSource": "aws:sqs",
                    "eventSourceARN": QUEUE_ARN,
                    "awsRegion": "us-east-1",
                },
                {
                    "messageId": "m2",
                    "receiptHandle": "m2#1",
                    "body": "plain",
                    "attributes": {"ApproximateReceiveCount": "1", "SenderId": "AIDA"},
                    "messageAttributes": {},
                    "md5OfBody": "md5(plain)",
                    "eventSource": "aws:sqs",
                    "eventSourceARN": QUEUE_ARN,
                    "awsRegion": "us-east-1",
                },
            ]
        }
    ]


async def test_an_idle_queue_costs_one_long_poll_every_20_seconds(world: World) -> None:
    await world.create()
    for _ in range(4):
        await settle()
        world.clock.advance(20)
    await settle()
    assert len(world.queue.receives) == 5
    assert {receive["wait_time_seconds"] for receive in world.queue.receives} == {20}
    assert world.sessions == 2  # one for the checks, one for all polls


async def test_a_failed_batch_returns_after_the_visibility_timeout(world: World) -> None:
    failures = 1

    async def fail_once(event: dict[str, Any]) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise ValueError("failed")

    world.handler = fail_once
    world.queue.send("a")
    uuid = (await world.create())["UUID"]
    await settle()
    assert (await world.get(uuid))["LastProcessingResult"] == "PROBLEM: Function call failed"
    world.clock.advance(29)
    await settle()
    assert world.bodies() == [["a"]]
    world.clock.advance(1)
    await settle()
    assert world.bodies() == [["a"], ["a"]]
    assert world.events[1]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"
    assert world.queue.messages == {}


async def test_no_more_is_taken_than_can_be_handled_now(world: World) -> None:
    gate = asyncio.Event()

    async def wait(event: dict[str, Any]) -> Any:
        await gate.wait()

    world.handler = wait
    for number in range(8):
        world.queue.send(str(number))
    await world.create(batch_size=1)
    await settle()
    assert len(world.events) == 5
    assert len(world.queue.receives) == 5
    gate.set()
    await settle()
    assert len(world.events) == 8
    assert world.queue.messages == {}


async def test_a_handler_that_hangs_holds_up_no_other_batch(world: World) -> None:
    gate = asyncio.Event()

    async def hang_on_first(event: dict[str, Any]) -> Any:
        if event["Records"][0]["body"] == "hang":
            await gate.wait()

    world.handler = hang_on_first
    world.queue.send("hang")
    await world.create(batch_size=1)
    await settle()
    for number in range(20):
        world.queue.send(str(number))
    await settle()
    assert len(world.queue.messages) == 1
    gate.set()


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (None, []),
        (b"", []),
        ({}, []),
        ({"batchItemFailures": None}, []),
        ({"batchItemFailures": []}, []),
        ({"batchItemFailures": [{"itemIdentifier": "m2"}]}, ["m2"]),
        ({"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m3"}]}, ["m1", "m3"]),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, ["m1", "m2", "m3"]),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, ["m1", "m2", "m3"]),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, ["m1", "m2", "m3"]),
        ({"batchItemFailures": [{"itemIdentifier": ["m1"]}]}, ["m1", "m2", "m3"]),
        ({"batchItemFailures": [{"bad-key": "m1"}]}, ["m1", "m2", "m3"]),
        ({"batchItemFailures": ["m1"]}, ["m1", "m2", "m3"]),
        ({"batchItemFailures": "m1"}, ["m1", "m2", "m3"]),
        ("text", ["m1", "m2", "m3"]),
        ([], ["m1", "m2", "m3"]),
        (b"{not json", ["m1", "m2", "m3"]),
    ],
)
async def test_reported_failures_stay_in_the_queue(world: World, answer: Any, kept: list[str]) -> None:
    async def report(event: dict[str, Any]) -> Any:
        return answer

    world.handler = report
    for body in "abc":
        world.queue.send(body)
    await world.create(function_response_types=["ReportBatchItemFailures"])
    await settle()
    assert world.bodies() == [list("abc")]
    assert sorted(world.queue.messages) == kept


async def test_without_reporting_an_answer_means_nothing(world: World) -> None:
    async def report(event: dict[str, Any]) -> Any:
        return {"batchItemFailures": [{"itemIdentifier": "m1"}]}

    world.handler = report
    world.queue.send("a")
    await world.create()
    await settle()
    assert world.queue.messages == {}


async def test_a_role_that_loses_its_right_stops_the_trigger_until_it_has_it_again(world: World) -> None:
    uuid = (await world.create())["UUID"]
    await settle()
    world.rights.remove("sqs:ReceiveMessage")
    world.clock.advance(20)  # the poll that was under way ends
    await settle()
    world.queue.send("a")
    for _ in range(60):
        world.clock.advance(1)
        await settle()
    assert world.events == []
    assert len(world.queue.receives) == 1
    result = (await world.get(uuid))["LastProcessingResult"]
    assert result == "PROBLEM: Activity25Role may not sqs:ReceiveMessage"
    world.rights.add("sqs:ReceiveMessage")
    world.clock.advance(10)
    await settle()
    assert world.bodies() == [["a"]]
    assert (await world.get(uuid))["LastProcessingResult"] == "OK"


async def test_a_mended_problem_is_no_longer_shown_although_nothing_came(world: World) -> None:
    world.queue.exists = True
    uuid = (await world.create())["UUID"]
    await settle()
    world.queue.exists = False
    world.clock.advance(20)
    await settle()
    shown = (await world.get(uuid))["LastProcessingResult"]
    assert shown == "PROBLEM: The specified queue does not exist."
    world.queue.exists = True
    world.clock.advance(0.5)
    await settle()
    world.clock.advance(20)
    await settle()
    assert (await world.get(uuid))["LastProcessingResult"] == "No records processed"


def test_the_time_between_tries_grows_to_a_bound() -> None:
    assert [backoff_s(failures) for failures in (1, 2, 3, 4, 5, 6, 1000)] == [0.5, 1, 2, 4, 8, 10, 10]


async def test_a_throttled_function_is_left_alone_ever_longer(world: World) -> None:
    async def throttle(event: dict[str, Any]) -> Any:
        raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)

    world.handler = throttle
    world.queue.visibility_timeout_s = 1_000_000
    for number in range(40):
        world.queue.send(str(number))
    await world.create(batch_size=1)
    await settle()
    before = len(world.events)
    for _ in range(40):
        world.clock.advance(1)
        await settle()
    assert before <= 5
    assert 3 <= len(world.events) - before <= 8
    assert len(world.queue.messages) == 40


async def test_a_mapping_outlives_its_function_and_serves_the_next_one(world: World) -> None:
    uuid = (await world.create())["UUID"]
    await settle()
    role, world.role = world.role, None
    world.clock.advance(20)
    await settle()
    world.queue.send("a")
    world.clock.advance(5)
    await settle()
    assert (await world.get(uuid))["State"] == "Enabled"
    assert (await world.get(uuid))["LastProcessingResult"] == "PROBLEM: Function does not exist"
    assert world.events == []
    world.role = role
    world.clock.advance(10)
    await settle()
    assert world.bodies() == [["a"]]


async def test_a_new_role_of_the_function_is_the_one_that_polls_next(world: World) -> None:
    uuid = (await world.create())["UUID"]
    await settle()
    world.role = f"arn:aws:iam::{ACCOUNT}:role/Other"
    world.clock.advance(20)
    await settle()
    result = (await world.get(uuid))["LastProcessingResult"]
    assert result == "PROBLEM: Other may not sqs:ReceiveMessage"


async def test_a_session_is_renewed_before_it_ends(world: World) -> None:
    await world.create()
    for _ in range(200):
        await settle()
        world.clock.advance(20)
    await settle()
    assert world.sessions == 3


async def test_a_role_made_anew_polls_next(world: World) -> None:
    await world.create()
    await settle()
    before = world.sessions
    world.clock.advance(20)
    await settle()
    assert world.sessions == before
    world.role_id = "AROANEW"
    world.clock.advance(20)
    await settle()
    assert world.sessions == before + 1
