"""Pollers begin, end and begin again: nothing is cut off, nothing lost."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.unit.triggers.world import ACCOUNT, World, settle


async def test_a_disabled_mapping_takes_nothing_and_an_enabled_one_goes_on(world: World) -> None:
    uuid = (await world.create())["UUID"]
    await settle()
    await world.api.update_event_source_mapping(world.ctx, uuid=uuid, enabled=False)
    await settle()
    world.clock.advance(1)
    await settle()
    world.queue.send("a")
    await settle()
    assert world.events == []
    assert world.queue.waiters == []
    await world.api.update_event_source_mapping(world.ctx, uuid=uuid, enabled=True)
    await settle()
    assert world.bodies() == [["a"]]


async def test_a_stop_lets_running_batches_finish_and_delete(world: World) -> None:
    gate = asyncio.Event()

    async def wait(event: dict[str, Any]) -> Any:
        await gate.wait()

    world.handler = wait
    world.queue.send("a")
    await world.create()
    await settle()
    stopping = asyncio.create_task(world.api.stop())
    await settle()
    world.clock.advance(1)
    await settle()
    assert not stopping.done()
    world.queue.send("b")
    gate.set()
    await stopping
    assert [message["Body"] for message in world.queue.messages.values()] == ["b"]
    assert world.bodies() == [["a"]]


async def test_a_stop_waits_no_longer_than_its_bound_and_the_message_is_not_lost(world: World) -> None:
    async def hang(event: dict[str, Any]) -> Any:
        await asyncio.Event().wait()

    world.handler = hang
    world.queue.send("a")
    await world.create()
    await settle()
    stopping = asyncio.create_task(world.api.stop())
    await settle()
    world.clock.advance(1)
    await settle()
    world.clock.advance(20)
    await stopping
    assert len(world.queue.messages) == 1


async def test_a_mapping_made_while_the_server_stops_delivers_after_the_next_start(world: World) -> None:
    await world.api.stop()
    world.queue.send("a")
    await world.create()
    await settle()
    assert world.events == []
    await world.api.start()
    await settle()
    assert world.bodies() == [["a"]]


async def test_mappings_resume_after_a_restart_and_disabled_ones_do_not(world: World) -> None:
    await world.create()
    await settle()
    stopping = asyncio.create_task(world.api.stop())
    await settle()
    world.clock.advance(1)
    await stopping
    world.queue.send("a")
    world.api = world.make_api()
    await world.api.start()
    await settle()
    assert world.bodies() == [["a"]]
    (mapping,) = (await world.api.list_event_source_mappings(world.ctx))["EventSourceMappings"]
    await world.api.update_event_source_mapping(world.ctx, uuid=mapping["UUID"], enabled=False)
    await settle()
    world.clock.advance(1)
    await settle()
    world.queue.send("b")
    world.api = world.make_api()
    await world.api.start()
    await settle()
    assert world.bodies() == [["a"]]


async def test_a_reset_ends_an_accounts_deliveries(world: World) -> None:
    await world.create()
    await settle()
    await world.api.reset("222222222222")
    world.queue.send("a")
    await settle()
    assert world.bodies() == [["a"]]
    await world.api.reset(ACCOUNT)
    world.queue.send("b")
    await settle()
    assert world.bodies() == [["a"]]
