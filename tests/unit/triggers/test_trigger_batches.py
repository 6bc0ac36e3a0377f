"""How batches are gathered, cut and polled for side by side."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.triggers.world import FIFO_ARN, QUEUE_ARN, World, settle

from noria.services.triggers.event import Received, cut, payload


async def test_a_window_gathers_until_it_is_over(world: World) -> None:
    await world.create(batch_size=100, maximum_batching_window_in_seconds=3)
    await settle()
    for number in range(12):
        world.queue.send(str(number))
    await settle()
    world.clock.advance(1.5)
    world.queue.send("12")
    await settle()
    assert world.events == []
    world.clock.advance(1.0)
    await settle()
    assert world.events == []
    world.clock.advance(0.5)
    await settle()
    assert world.bodies() == [[str(number) for number in range(13)]]
    assert world.deleted_in == [13]


async def test_a_window_ends_early_when_the_batch_is_full(world: World) -> None:
    for number in range(30):
        world.queue.send(str(number))
    await world.create(batch_size=25, maximum_batching_window_in_seconds=300)
    await settle()
    assert [len(bodies) for bodies in world.bodies()] == [25]


async def test_a_stop_delivers_what_a_window_holds(world: World) -> None:
    await world.create(batch_size=100, maximum_batching_window_in_seconds=300)
    world.queue.send("a")
    await settle()
    assert world.events == []
    stopping = asyncio.create_task(world.api.stop())
    await settle()
    world.clock.advance(1)
    await stopping
    assert world.bodies() == [["a"]]
    assert world.queue.messages == {}


async def test_a_batch_too_large_for_one_invocation_is_cut_at_6_mb(world: World) -> None:
    for number in range(7):
        world.queue.send(str(number) * 1_048_576, MD5OfBody="")
    await world.create()
    await settle()
    assert [[body[0] for body in bodies] for bodies in world.bodies()] == [list("01234"), list("56")]
    assert world.queue.messages == {}


def test_a_cut_keeps_order_and_never_exceeds_the_limit() -> None:
    batch = [Received(str(number), "h", b"x" * 700_000) for number in range(20)]
    parts = cut(batch)
    assert [message for part in parts for message in part] == batch
    assert max(len(payload(part)) for part in parts) <= 6 * 1024 * 1024
    assert len(parts) == 3


async def test_a_backlog_is_polled_for_all_places_side_by_side(world: World) -> None:
    receiving = most = 0
    take = world.queue.receive

    async def receive(limit: int, wait_s: int) -> list[dict[str, Any]]:
        nonlocal receiving, most
        receiving += 1
        most = max(most, receiving)
        await asyncio.sleep(0)
        taken = await take(limit, wait_s)
        receiving -= 1
        return taken

    world.queue.receive = receive  # type: ignore[method-assign]
    for number in range(200):
        world.queue.send(str(number))
    await world.create()
    await settle()
    assert most == 4  # the fifth delivers
    assert sorted(int(body) for bodies in world.bodies() for body in bodies) == list(range(200))
    assert receiving == 1  # the long poll of an idle queue


@pytest.mark.parametrize(("arn", "delivered"), [(QUEUE_ARN, ["01234", "56"]), (FIFO_ARN, ["01234"])])
async def test_what_follows_a_failed_part_of_a_batch_waits_in_a_fifo_queue_only(
    world: World, arn: str, delivered: list[str]
) -> None:
    async def fail(event: dict[str, Any]) -> Any:
        raise ValueError

    world.handler = fail
    for number in range(7):
        world.queue.send(str(number) * 1_048_576, MD5OfBody="")
    await world.create(event_source_arn=arn)
    await settle()
    assert ["".join(body[0] for body in bodies) for bodies in world.bodies()] == delivered
    assert len(world.queue.messages) == 7
