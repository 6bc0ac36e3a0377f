"""The contract of messages, over every store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from noria.store.base import Store
from noria.store.messages import Counts, NewMessage, Receipt, ReceivedMessage, StandardMessages
from noria.store.sqlite.store import SqliteStore

QUEUE, OTHER = 7, 8
NOW = 1_700_000_000_000
TIMEOUT_MS = 30_000
HOURS_12_MS = 12 * 3600 * 1000


@pytest.fixture(params=["disk", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = SqliteStore(tmp_path / "noria.db" if request.param == "disk" else None)
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def messages(store: Store) -> StandardMessages:
    return store.messages


async def send(
    messages: StandardMessages, *bodies: str, at: int = NOW, delay_ms: int = 0, queue: int = QUEUE
) -> None:
    await messages.send(
        queue, [NewMessage(f"id-{body}", body, None, "sender", at + delay_ms) for body in bodies], at, None
    )


async def claim(
    messages: StandardMessages,
    limit: int = 10,
    at: int = NOW,
    timeout_ms: int = TIMEOUT_MS,
    sent_after_ms: int = 0,
    in_flight_limit: int = 100,
    queue: int = QUEUE,
) -> list[ReceivedMessage]:
    received = await messages.receive(
        queue,
        limit=limit,
        now_ms=at,
        visibility_timeout_ms=timeout_ms,
        sent_after_ms=sent_after_ms,
        in_flight_limit=in_flight_limit,
    )
    assert received is not None
    return received


def bodies(received: list[ReceivedMessage]) -> list[str]:
    return [message.body for message in received]


async def test_a_message_comes_back_as_it_was_sent(messages: StandardMessages) -> None:
    body = "grüße \U0001f30a\n\t\x85"
    await messages.send(QUEUE, [NewMessage("m-1", body, b"\x00\xff", "AROA:x", NOW)], NOW, None)
    (received,) = await claim(messages, at=NOW + 5)
    assert received[1:] == ("m-1", body, b"\x00\xff", "AROA:x", NOW, NOW + 5, 1, None, None)


async def test_messages_come_in_the_order_in_which_they_became_visible(messages: StandardMessages) -> None:
    await send(messages, "a", "b", at=NOW)
    await send(messages, "late", at=NOW, delay_ms=2000)
    await send(messages, "c", at=NOW + 1000)
    assert bodies(await claim(messages, limit=2, at=NOW + 3000)) == ["a", "b"]
    assert bodies(await claim(messages, limit=1, at=NOW + 3000)) == ["c"]
    assert bodies(await claim(messages, at=NOW + 3000)) == ["late"]


async def test_a_claimed_message_is_hidden_until_its_timeout(messages: StandardMessages) -> None:
    await send(messages, "a")
    (first,) = await claim(messages)
    assert await claim(messages, at=NOW + TIMEOUT_MS - 1) == []
    (second,) = await claim(messages, at=NOW + TIMEOUT_MS)
    assert (second.receive_count, second.first_received_ms) == (2, NOW)
    assert second.receipt.message == first.receipt.message
    assert second.receipt.nonce != first.receipt.nonce


async def test_a_delayed_message_is_hidden_until_it_is_due(messages: StandardMessages) -> None:
    await send(messages, "a", delay_ms=1000)
    assert await claim(messages, at=NOW + 999) == []
    (received,) = await claim(messages, at=NOW + 1000)
    assert (received.sent_ms, received.receive_count) == (NOW, 1)


async def test_no_message_goes_to_two_receivers_at_once(messages: StandardMessages) -> None:
    await send(messages, *(str(n) for n in range(50)))
    claims = await asyncio.gather(*(claim(messages, limit=7) for _ in range(10)))
    got = [body for received in claims for body in bodies(received)]
    assert sorted(got, key=int) == [str(n) for n in range(50)]


async def test_a_deleted_message_is_gone(messages: StandardMessages) -> None:
    await send(messages, "a", "b")
    first, second = await claim(messages)
    await messages.delete(QUEUE, [first.receipt, second.receipt], NOW)
    assert await claim(messages, at=NOW + TIMEOUT_MS) == []
    await messages.delete(QUEUE, [first.receipt], NOW)  # again: passed over


async def test_a_receipt_outlives_the_timeout_but_not_the_next_receive(messages: StandardMessages) -> None:
    await send(messages, "a", "b")
    first, second = await claim(messages)
    await messages.delete(QUEUE, [first.receipt], NOW)  # below: "b" is received again first
    (again,) = await claim(messages, at=NOW + TIMEOUT_MS)
    await messages.delete(QUEUE, [second.receipt], NOW)
    assert await messages.counts(QUEUE, NOW + TIMEOUT_MS) == Counts(0, 1, 0)
    await messages.counts(QUEUE, NOW + 2 * TIMEOUT_MS)  # visible again
    await messages.delete(QUEUE, [again.receipt], NOW)
    assert await messages.counts(QUEUE, NOW + 2 * TIMEOUT_MS) == Counts(0, 0, 0)


async def test_receipts_are_of_one_queue(messages: StandardMessages) -> None:
    await send(messages, "a")
    (received,) = await claim(messages)
    await messages.delete(OTHER, [received.receipt], NOW)
    await messages.delete(QUEUE, [Receipt(received.receipt.message, received.receipt.nonce ^ 1)], NOW)
    assert (await messages.counts(QUEUE, NOW)).in_flight == 1


async def test_visibility_can_be_shortened_and_prolonged(messages: StandardMessages) -> None:
    await send(messages, "a", "b")
    first, second = await claim(messages)

    async def change(message: ReceivedMessage, timeout_ms: int) -> str:
        return await messages.change_visibility(
            QUEUE, message.receipt, now_ms=NOW, timeout_ms=timeout_ms, max_total_ms=HOURS_12_MS
        )

    assert await change(first, 0) == "changed"
    assert await messages.counts(QUEUE, NOW) == Counts(1, 1, 0)
    assert await change(second, 60_000) == "changed"
    assert bodies(await claim(messages, at=NOW)) == ["a"]
    assert await claim(messages, at=NOW + TIMEOUT_MS - 1) == []
    assert await change(first, 0) == "gone"  # received again since
    await messages.delete(QUEUE, [second.receipt], NOW)
    assert await change(second, 0) == "gone"


async def test_a_message_cannot_stay_hidden_longer_than_the_total(messages: StandardMessages) -> None:
    await send(messages, "a")
    (received,) = await claim(messages)

    async def change(at: int, timeout_ms: int) -> str:
        return await messages.change_visibility(
            QUEUE, received.receipt, now_ms=at, timeout_ms=timeout_ms, max_total_ms=HOURS_12_MS
        )

    assert await change(NOW + 1000, HOURS_12_MS) == "too_long"
    assert await change(NOW + 1000, HOURS_12_MS - 1000) == "changed"
    assert await change(NOW + HOURS_12_MS + 1, 0) == "changed"


async def test_visibility_can_be_prolonged_after_the_timeout_while_nobody_took_the_message(
    messages: StandardMessages,
) -> None:
    await send(messages, "a")
    (received,) = await claim(messages)
    late = NOW + TIMEOUT_MS + 5
    await messages.counts(QUEUE, late)
    changed = await messages.change_visibility(
        QUEUE, received.receipt, now_ms=late, timeout_ms=1000, max_total_ms=HOURS_12_MS
    )
    assert changed == "changed"
    assert await messages.counts(QUEUE, late) == Counts(0, 1, 0)


async def test_counts_follow_every_step_of_a_message(messages: StandardMessages) -> None:
    assert await messages.counts(QUEUE, NOW) == Counts(0, 0, 0)
    await send(messages, "a", "b")
    await send(messages, "c", delay_ms=5000)
    await send(messages, "elsewhere", queue=OTHER)
    assert await messages.counts(QUEUE, NOW) == Counts(2, 0, 1)
    (received,) = await claim(messages, limit=1)
    assert await messages.counts(QUEUE, NOW) == Counts(1, 1, 1)
    assert await messages.counts(QUEUE, NOW + 5000) == Counts(2, 1, 0)
    assert await messages.counts(QUEUE, NOW + TIMEOUT_MS) == Counts(3, 0, 0)
    await messages.delete(QUEUE, [received.receipt], NOW)
    assert await messages.counts(QUEUE, NOW + TIMEOUT_MS) == Counts(2, 0, 0)


async def test_no_more_than_the_limit_are_in_flight(messages: StandardMessages) -> None:
    await send(messages, *"abcde")
    assert len(await claim(messages, in_flight_limit=3)) == 3
    refused = await messages.receive(
        QUEUE, limit=1, now_ms=NOW, visibility_timeout_ms=1, sent_after_ms=0, in_flight_limit=3
    )
    assert refused is None
    assert len(await claim(messages, at=NOW + TIMEOUT_MS, in_flight_limit=3)) == 3


async def test_an_expired_message_is_never_delivered(messages: StandardMessages) -> None:
    await send(messages, "old")
    await send(messages, "new", at=NOW + 1)
    assert bodies(await claim(messages, sent_after_ms=NOW)) == ["new"]
    assert await messages.counts(QUEUE, NOW + 1) == Counts(0, 1, 0)


async def test_a_message_that_expired_after_a_receive_is_not_delivered_again(
    messages: StandardMessages,
) -> None:
    await send(messages, "old")
    await claim(messages, at=NOW)
    assert await claim(messages, at=NOW + TIMEOUT_MS, sent_after_ms=NOW) == []
    assert await messages.counts(QUEUE, NOW + TIMEOUT_MS) == Counts(0, 0, 0)


async def test_many_expired_messages_hide_none_that_is_not(messages: StandardMessages) -> None:
    for _ in range(13):
        await send(messages, *(str(n) for n in range(500)))
    await send(messages, "new", at=NOW + 1)
    got: list[str] = []
    while not got:
        got = bodies(await claim(messages, at=NOW + 1, sent_after_ms=NOW))
        assert got or await messages.next_visible_ms(QUEUE) is not None
    assert got == ["new"]


async def test_expire_deletes_what_is_too_old(messages: StandardMessages) -> None:
    for _ in range(3):
        await send(messages, *(str(n) for n in range(500)))
    await send(messages, "new", at=NOW + 1)
    await messages.expire(QUEUE, NOW, NOW)
    assert await messages.counts(QUEUE, NOW + 1) == Counts(1, 0, 0)


async def test_next_visible_is_the_first_of_all_messages(messages: StandardMessages) -> None:
    assert await messages.next_visible_ms(QUEUE) is None
    await send(messages, "late", delay_ms=9000)
    assert await messages.next_visible_ms(QUEUE) == NOW + 9000
    await send(messages, "a", at=NOW + 10)
    assert await messages.next_visible_ms(QUEUE) == NOW + 10
    await claim(messages, at=NOW + 10, timeout_ms=2000)
    assert await messages.next_visible_ms(QUEUE) == NOW + 2010


async def test_drop_empties_one_queue(messages: StandardMessages) -> None:
    for _ in range(3):
        await send(messages, *(str(n) for n in range(500)))
    await send(messages, "kept", queue=OTHER)
    await claim(messages)
    await messages.drop(QUEUE)
    assert await messages.counts(QUEUE, NOW) == Counts(0, 0, 0)
    assert await messages.queues() == [OTHER]
    assert bodies(await claim(messages, queue=OTHER)) == ["kept"]


async def test_queues_are_those_with_messages(messages: StandardMessages) -> None:
    await send(messages, "a")
    await send(messages, "b", queue=OTHER)
    (received,) = await claim(messages)
    assert sorted(await messages.queues()) == [QUEUE, OTHER]
    await messages.delete(QUEUE, [received.receipt], NOW)
    assert await messages.queues() == [OTHER]


async def test_messages_survive_a_restart_of_the_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "noria.db")
    await store.start()
    await send(store.messages, "a", "b")
    (received,) = await claim(store.messages, limit=1)
    await store.close()
    store = SqliteStore(tmp_path / "noria.db")
    await store.start()
    assert await store.messages.counts(QUEUE, NOW) == Counts(1, 1, 0)
    await store.messages.delete(QUEUE, [received.receipt], NOW)
    assert bodies(await claim(store.messages, at=NOW + TIMEOUT_MS)) == ["b"]
    await store.close()
