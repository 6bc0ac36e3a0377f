"""Filtered messages: deleted, never delivered, and no burden to those that are wanted."""

from __future__ import annotations

import json

from tests.unit.triggers.world import World, settle

WANTED = {"Filters": [{"Pattern": '{"body": {"kind": ["a"]}}'}]}


async def test_only_what_matches_is_delivered_and_the_rest_is_deleted(world: World) -> None:
    for number in range(6):
        world.queue.send(json.dumps({"kind": "ab"[number % 2], "number": number}))
    world.queue.send("text")
    await world.create(filter_criteria=WANTED)
    await settle()
    assert [[json.loads(body)["number"] for body in bodies] for bodies in world.bodies()] == [[0, 2, 4]]
    assert world.queue.messages == {}


async def test_a_queue_of_unwanted_messages_is_emptied_without_an_invocation(world: World) -> None:
    for number in range(25):
        world.queue.send(str(number))
    await world.create(filter_criteria=WANTED)
    await settle()
    assert world.events == []
    assert world.queue.messages == {}


async def test_a_window_gathers_wanted_messages_only(world: World) -> None:
    for number in range(60):
        world.queue.send(json.dumps({"kind": "ab"[number % 2], "number": number}))
    await world.create(filter_criteria=WANTED, batch_size=25, maximum_batching_window_in_seconds=5)
    await settle()
    assert [len(bodies) for bodies in world.bodies()] == [25]
    world.clock.advance(5)
    await settle()
    assert [len(bodies) for bodies in world.bodies()] == [25, 5]
    assert world.queue.messages == {}


async def test_unwanted_messages_return_where_the_role_may_not_delete_them(world: World) -> None:
    world.queue.send("text")
    uuid = (await world.create(filter_criteria=WANTED))["UUID"]
    world.rights.remove("sqs:DeleteMessage")
    await settle()
    result = (await world.get(uuid))["LastProcessingResult"]
    assert result == "PROBLEM: Activity25Role may not sqs:DeleteMessage"
    assert list(world.queue.messages) == ["m1"]


async def test_records_of_a_mapping_with_filters_have_the_digest_of_no_attributes(world: World) -> None:
    """Recorded from AWS: null with filters, absent without."""
    world.queue.send('{"kind": "a"}')
    await world.create(filter_criteria=WANTED)
    await settle()
    assert world.events[0]["Records"][0]["md5OfMessageAttributes"] is None
