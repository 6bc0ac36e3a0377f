"""The contract of FIFO queues' messages, over every store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from noria.store.base import Store
from noria.store.messages import (
    Accepted,
    Counts,
    DeadLetters,
    FifoMessages,
    Moved,
    NewMessage,
    ReceivedMessage,
)
from noria.store.sqlite.store import SqliteStore

QUEUE, DEAD, OTHER = 7, 8, 9
NOW = 1_700_000_000_000
TIMEOUT_MS = 30_000
MINUTES_5_MS = 300_000


@pytest.fixture(params=["disk", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = SqliteStore(tmp_path / "noria.db" if request.param == "disk" else None)
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def fifo(store: Store) -> FifoMessages:
    return store.fifo_messages


async def send(fifo: FifoMessages, *bodies: str, at: int = NOW, delay_ms: int = 0) -> list[Accepted]:
    """The first letter of a body is its group; a body is its own deduplication id."""
    messages = [
        NewMessage(f"id-{body}", body, None, "sender", at + delay_ms, body[0], body) for body in bodies
    ]
    return await fifo.send_once(QUEUE, messages, at)


async def claim(
    fifo: FifoMessages,
    limit: int = 10,
    at: int = NOW,
    queue: int = QUEUE,
    sent_after_ms: int = 0,
    dead_letters: DeadLetters | None = None,
) -> list[ReceivedMessage]:
    received = await fifo.receive(
        queue,
        limit=limit,
        now_ms=at,
        visibility_timeout_ms=TIMEOUT_MS,
        sent_after_ms=sent_after_ms,
        in_flight_limit=100,
        dead_letters=dead_letters,
    )
    assert received is not None
    return received


def bodies(received: list[ReceivedMessage]) -> list[str]:
    return [message.body for message in received]


async def test_groups_are_received_one_after_the_other_each_in_order(fifo: FifoMessages) -> None:
    await send(fifo, "a1", "b1", "a2", "b2")
    assert bodies(await claim(fifo, 3)) == ["a1", "a2", "b1"]
    assert await claim(fifo) == []
    assert await fifo.counts(QUEUE, NOW) == Counts(1, 3, 0)


async def test_a_group_whose_timeout_is_over_comes_back_in_order(fifo: FifoMessages) -> None:
    await send(fifo, "a1", "a2", "a3")
    await claim(fifo, 2)
    assert bodies(await claim(fifo, at=NOW + TIMEOUT_MS)) == ["a1", "a2", "a3"]


async def test_sequences_grow_and_duplicates_have_that_of_the_first(fifo: FifoMessages) -> None:
    first, second = await send(fifo, "a1", "a2")
    [again] = await send(fifo, "a1", at=NOW + MINUTES_5_MS - 1)
    [anew] = await send(fifo, "a1", at=NOW + MINUTES_5_MS)
    assert again == first
    assert first.sequence < second.sequence < anew.sequence
    received = await claim(fifo, at=NOW + MINUTES_5_MS)
    assert [message.sequence for message in received] == [first.sequence, second.sequence, anew.sequence]


async def test_only_messages_in_flight_can_be_deleted(fifo: FifoMessages) -> None:
    await send(fifo, "a1", "a2")
    first, second = await claim(fifo)
    assert list(await fifo.delete_in_flight(QUEUE, [first.receipt], NOW)) == []
    late = NOW + TIMEOUT_MS
    assert list(await fifo.delete_in_flight(QUEUE, [first.receipt, second.receipt], late)) == [second.receipt]
    assert bodies(await claim(fifo, at=late)) == ["a2"]


async def test_what_is_sent_with_a_delay_waits_before_what_is_sent_after_it(fifo: FifoMessages) -> None:
    await send(fifo, "a1", delay_ms=5000)
    await send(fifo, "a2")
    assert await fifo.counts(QUEUE, NOW) == Counts(1, 0, 1)
    assert await claim(fifo) == []
    assert bodies(await claim(fifo, at=NOW + 5000)) == ["a1", "a2"]


async def test_an_attempt_is_repeated_while_nothing_has_changed(fifo: FifoMessages) -> None:
    await send(fifo, "a1", "a2")
    received = await claim(fifo)
    await fifo.remember(QUEUE, "try", received, NOW)

    async def again(at: int) -> list[ReceivedMessage]:
        return await fifo.receive_again(QUEUE, "try", now_ms=at, visibility_timeout_ms=TIMEOUT_MS)

    assert await again(NOW + 20_000) == received
    assert await again(NOW + 40_000) == received
    await fifo.delete_in_flight(QUEUE, [received[1].receipt], NOW + 40_000)
    assert await again(NOW + 41_000) == []


async def test_dead_letters_move_and_those_behind_them_are_received(fifo: FifoMessages) -> None:
    await send(fifo, "a1", "a2")
    await claim(fifo)
    late = NOW + TIMEOUT_MS
    await send(fifo, "a3", at=late)
    letters = DeadLetters(DEAD, 1, "source")
    assert bodies(await claim(fifo, 1, late, dead_letters=letters)) == ["a3"]
    dead = await claim(fifo, at=late, queue=DEAD)
    assert bodies(dead) == ["a1", "a2"]
    assert {message.source for message in dead} == {"source"}
    assert {message.sent_ms for message in dead} == {late}


async def test_messages_move_in_order_to_where_they_came_from(fifo: FifoMessages) -> None:
    await send(fifo, "a1", "b1", "a2")
    await claim(fifo)
    late = NOW + TIMEOUT_MS
    assert await claim(fifo, at=late, dead_letters=DeadLetters(DEAD, 1, "source")) == []
    ids = iter(["new-1", "new-2", "new-3"])

    async def move(limit: int, destinations: dict[str, int]) -> Moved:
        return await fifo.move(
            DEAD,
            limit=limit,
            now_ms=late,
            destination=None,
            destinations=destinations,
            new_id=lambda: next(ids),
        )

    assert await move(2, {}) == Moved(0, "source")
    assert await move(2, {"source": OTHER}) == Moved(2)
    assert await move(2, {"source": OTHER}) == Moved(1)
    moved = await claim(fifo, at=late, queue=OTHER)
    assert sorted(bodies(moved)) == ["a1", "a2", "b1"]
    assert bodies(moved).index("a1") < bodies(moved).index("a2")
    assert {message.message_id for message in moved} == {"new-1", "new-2", "new-3"}
    assert {message.receive_count for message in moved} == {1}


async def test_expired_messages_are_not_received_and_block_nothing(fifo: FifoMessages) -> None:
    await send(fifo, "a1", "a2")
    await send(fifo, "a3", at=NOW + 1)
    assert bodies(await claim(fifo, at=NOW + 1, sent_after_ms=NOW)) == ["a3"]
    await send(fifo, "b1", at=NOW + 2)
    await send(fifo, "b2", at=NOW + 3)
    await fifo.expire(QUEUE, NOW + 2, NOW + 3)
    assert bodies(await claim(fifo, at=NOW + 3)) == ["b2"]


async def test_a_dropped_queue_remembers_nothing(fifo: FifoMessages) -> None:
    await send(fifo, "a1")
    received = await claim(fifo)
    await fifo.remember(QUEUE, "try", received, NOW)
    assert await fifo.queues() == [QUEUE]
    await fifo.drop(QUEUE)
    assert await fifo.queues() == []
    assert await fifo.receive_again(QUEUE, "try", now_ms=NOW, visibility_timeout_ms=1) == []
    await send(fifo, "a1")
    assert bodies(await claim(fifo)) == ["a1"]


async def test_all_of_it_outlives_the_process(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "noria.db")
    await store.start()
    [first] = await send(store.fifo_messages, "a1")
    await send(store.fifo_messages, "a2")
    await claim(store.fifo_messages, 1)
    await store.close()
    store = SqliteStore(tmp_path / "noria.db")
    await store.start()
    fifo = store.fifo_messages
    assert await send(fifo, "a1") == [first]
    assert await claim(fifo) == []
    assert bodies(await claim(fifo, at=NOW + TIMEOUT_MS)) == ["a1", "a2"]
    await store.close()
