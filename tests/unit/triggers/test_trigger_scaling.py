"""How many batches run at once: five, more while there is backlog, fewer while the function fails."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.unit.triggers.world import World, settle

from noria.clock import ManualClock
from noria.errors import AwsError
from noria.services.triggers.scaling import Places


async def hang(event: dict[str, Any]) -> Any:
    await asyncio.Event().wait()


async def test_five_batches_to_begin_with_and_five_more_each_second_of_backlog(world: World) -> None:
    world.handler = hang
    world.queue.visibility_timeout_s = 1_000
    for number in range(400):
        world.queue.send(str(number))
    await world.create(batch_size=1)
    await settle()
    assert len(world.events) == 5
    for _ in range(10):
        world.clock.advance(0.2)
        await settle()
    assert len(world.events) == 15
    for _ in range(290):
        world.clock.advance(0.2)
        await settle()
    assert len(world.events) == 305  # a minute: 300 more


async def test_no_more_than_the_maximum_concurrency(world: World) -> None:
    world.handler = hang
    for number in range(40):
        world.queue.send(str(number))
    await world.create(batch_size=1, scaling_config={"MaximumConcurrency": 7})
    await settle()
    assert len(world.events) == 5
    for _ in range(40):
        world.clock.advance(0.2)
        await settle()
    assert len(world.events) == 7


async def test_a_maximum_below_five_holds_from_the_beginning(world: World) -> None:
    world.handler = hang
    for number in range(10):
        world.queue.send(str(number))
    await world.create(batch_size=1, scaling_config={"MaximumConcurrency": 2})
    await settle()
    assert len(world.events) == 2


async def test_provisioned_pollers_have_ten_invocations_each_ready(world: World) -> None:
    world.handler = hang
    for number in range(100):
        world.queue.send(str(number))
    await world.create(batch_size=1, provisioned_poller_config={"MinimumPollers": 2, "MaximumPollers": 3})
    await settle()
    assert len(world.events) == 20
    for _ in range(80):
        world.clock.advance(0.2)
        await settle()
    assert len(world.events) == 30


async def test_a_mapping_leaves_the_machines_last_places_to_others(world: World) -> None:
    world.handler = hang
    world.room = False
    for number in range(10):
        world.queue.send(str(number))
    await world.create(batch_size=1)
    for _ in range(20):
        await settle()
        world.clock.advance(0.2)
    assert len(world.events) == 5
    world.room = True
    for _ in range(20):
        await settle()
        world.clock.advance(0.2)
    assert len(world.events) == 10


async def test_failures_reduce_concurrency_to_two_and_successes_give_it_back(world: World) -> None:
    running = most = 0
    failing = True

    async def handle(event: dict[str, Any]) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await world.clock.sleep(1)
        running -= 1
        if failing:
            raise ValueError

    async def seconds(count: int) -> None:
        for _ in range(count):
            await settle()
            world.clock.advance(1)

    world.handler = handle
    world.room = False  # no growth
    for number in range(200):
        world.queue.send(str(number))
    await world.create(batch_size=1)
    await seconds(10)
    assert most == 5
    most = 0
    await seconds(10)
    assert most == 2
    failing = False
    await seconds(10)
    assert most == 5


async def test_throttled_batches_are_held_and_cost_no_receive(world: World) -> None:
    throttled = True

    async def handle(event: dict[str, Any]) -> Any:
        if throttled:
            raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)

    world.handler = handle
    world.queue.visibility_timeout_s = 300
    for number in range(20):
        world.queue.send(str(number))
    uuid = (await world.create(batch_size=1))["UUID"]
    for _ in range(60):
        await settle()
        world.clock.advance(1)
    assert (await world.get(uuid))["LastProcessingResult"] == "PROBLEM: Rate Exceeded."
    assert len(world.queue.receives) == 5
    throttled = False
    world.clock.advance(10)
    await settle()
    assert world.queue.messages == {}  # the first that goes through frees all
    attempts = [record["attributes"] for event in world.events for record in event["Records"]]
    assert {attempt["ApproximateReceiveCount"] for attempt in attempts} == {"1"}


async def test_a_throttled_batch_is_given_up_when_others_may_see_it(world: World) -> None:
    async def throttle(event: dict[str, Any]) -> Any:
        raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)

    world.handler = throttle
    world.queue.send("a")
    await world.create()
    for _ in range(29):
        await settle()
        world.clock.advance(1)
    await settle()
    before = {event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in world.events}
    assert before == {"1"}
    for _ in range(15):
        world.clock.advance(1)
        await settle()
    assert world.events[-1]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"


async def test_places_shrink_again_when_the_queue_is_empty() -> None:
    clock = ManualClock()
    places = Places(5, 100, clock, lambda: True)
    for _ in range(5):
        await places.acquire()
    waiting = asyncio.create_task(places.acquire())
    await settle()
    clock.advance(0.2)
    await waiting
    assert places.allowed == 6
    places.idle()
    assert places.allowed == 5


async def test_quick_batches_do_not_multiply() -> None:
    clock = ManualClock()
    places = Places(2, 100, clock, lambda: True)
    for _ in range(1_000):
        await places.acquire()
        began_ms = clock.now_ms()
        clock.advance(0.01)
        places.succeeded(began_ms)
        places.release()
    assert places.allowed == 2
