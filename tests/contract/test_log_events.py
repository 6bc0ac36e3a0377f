"""The contract of log events, over every store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from noria.store.log_events import BEGINNING, END, LogEvents, Position
from noria.store.sqlite import log_erasure
from noria.store.sqlite import log_events as sqlite_log_events
from noria.store.sqlite.store import SqliteStore

ACCOUNT, REGION, NOW = "000000000000", "us-east-1", 1_700_000_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "noria.db")
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def events(store: SqliteStore) -> LogEvents:
    return store.log_events


async def make_stream(events: LogEvents, group: str = "g", stream: str = "s") -> tuple[int, int]:
    await events.create_group(ACCOUNT, REGION, group, NOW)
    found = await events.group(ACCOUNT, REGION, group)
    assert found is not None
    await events.create_stream(found.id, stream, NOW)
    made = await events.stream(found.id, stream)
    assert made is not None
    return found.id, made.id


async def texts(events: LogEvents, group_id: int, **options: object) -> list[str]:
    page = await events.read(group_id, **options)  # type: ignore[arg-type]
    return [event.message for event in page.events]


async def test_a_group_exists_once_per_account_and_region(events: LogEvents) -> None:
    assert await events.create_group(ACCOUNT, REGION, "g", NOW)
    assert not await events.create_group(ACCOUNT, REGION, "g", NOW)
    assert await events.create_group(ACCOUNT, "eu-west-1", "g", NOW)
    assert await events.create_group("111111111111", REGION, "g", NOW)
    assert await events.group("111111111111", "eu-west-1", "g") is None


async def test_groups_are_listed_by_name_in_pages_by_prefix_and_by_part(events: LogEvents) -> None:
    for name in ("b", "/aws/lambda/x", "a", "/aws/lambda/y"):
        await events.create_group(ACCOUNT, REGION, name, NOW)

    async def names(**options: str | int) -> list[str]:
        return [group.name for group in await events.groups(ACCOUNT, REGION, **options)]  # type: ignore[arg-type]

    assert await names() == ["/aws/lambda/x", "/aws/lambda/y", "a", "b"]
    assert await names(limit=2) == ["/aws/lambda/x", "/aws/lambda/y"]
    assert await names(after="/aws/lambda/y") == ["a", "b"]
    assert await names(prefix="/aws/") == ["/aws/lambda/x", "/aws/lambda/y"]
    assert await names(prefix="/aws/", after="/aws/lambda/x") == ["/aws/lambda/y"]
    assert await names(contains="lambda/y") == ["/aws/lambda/y"]


async def test_a_stream_exists_once_and_only_in_a_group(events: LogEvents) -> None:
    group_id, _ = await make_stream(events)
    assert await events.create_stream(group_id, "s", NOW) is False
    assert await events.create_stream(group_id + 1, "s", NOW) is None


async def test_streams_are_listed_by_name_both_ways_in_pages(events: LogEvents) -> None:
    group_id, _ = await make_stream(events, stream="b")
    for name in ("a", "c", "cc"):
        await events.create_stream(group_id, name, NOW)

    async def names(**options: str | int | bool) -> list[str]:
        return [stream.name for stream in await events.streams(group_id, **options)]  # type: ignore[arg-type]

    assert await names() == ["a", "b", "c", "cc"]
    assert await names(limit=2) == ["a", "b"]
    assert await names(after="b") == ["c", "cc"]
    assert await names(descending=True) == ["cc", "c", "b", "a"]
    assert await names(descending=True, after="c") == ["b", "a"]
    assert await names(prefix="c") == ["c", "cc"]
    assert await names(prefix="c", descending=True, after="cc") == ["c"]


async def test_streams_are_listed_by_last_event_those_without_first(events: LogEvents) -> None:
    group_id, first = await make_stream(events, stream="new")
    _, second = await make_stream(events, stream="old")
    await events.create_stream(group_id, "empty", NOW)
    await events.append(first, [(NOW, "x")], NOW)
    await events.append(second, [(NOW - 5, "x")], NOW)
    listed = await events.streams_by_last_event(group_id)
    assert [stream.name for stream in listed] == ["empty", "old", "new"]
    listed = await events.streams_by_last_event(group_id, descending=True, limit=2)
    assert [stream.name for stream in listed] == ["new", "old"]
    listed = await events.streams_by_last_event(group_id, descending=True, after=(NOW - 5, "old"))
    assert [stream.name for stream in listed] == ["empty"]


async def test_an_append_tells_the_streams_times_and_the_groups_bytes(events: LogEvents) -> None:
    group_id, stream_id = await make_stream(events)
    assert await events.append(stream_id, [(NOW, "äb"), (NOW - 7, "c")], NOW + 1)
    assert await events.append(stream_id, [(NOW - 3, "d")], NOW + 2)
    stream = await events.stream(group_id, "s")
    assert stream is not None
    assert (stream.first_event_ms, stream.last_event_ms, stream.last_ingestion_ms) == (NOW - 7, NOW, NOW + 2)
    group = await events.group(ACCOUNT, REGION, "g")
    assert group is not None
    assert group.stored_bytes == 3 + 1 + 1 + 3 * 26


async def test_events_come_by_time_and_those_of_one_millisecond_in_the_order_of_their_writing(
    events: LogEvents,
) -> None:
    group_id, first = await make_stream(events, stream="1")
    _, second = await make_stream(events, stream="2")
    await events.append(first, [(NOW, "a"), (NOW, "b")], NOW)
    await events.append(second, [(NOW - 1, "early"), (NOW, "c")], NOW)
    await events.append(first, [(NOW, "d")], NOW)
    assert await texts(events, group_id) == ["early", "a", "b", "c", "d"]
    assert await texts(events, group_id, descending=True) == ["d", "c", "b", "a", "early"]
    assert await texts(events, group_id, stream_ids=[first]) == ["a", "b", "d"]
    assert await texts(events, group_id, stream_ids=[second, first]) == ["early", "a", "b", "c", "d"]
    both = await events.read(group_id, stream_ids=[first, second], descending=True)
    assert [event.message for event in both.events] == ["d", "c", "b", "a", "early"]
    assert [event.stream for event in both.events] == ["1", "2", "1", "1", "2"]


async def test_bounds_are_exclusive_and_may_cut_within_a_millisecond(events: LogEvents) -> None:
    group_id, stream_id = await make_stream(events)
    await events.append(stream_id, [(NOW, "a"), (NOW, "b"), (NOW, "c"), (NOW + 1, "d")], NOW)
    assert await texts(events, group_id, after=Position(NOW, 1)) == ["b", "c", "d"]
    assert await texts(events, group_id, before=Position(NOW, 3)) == ["a", "b"]
    assert await texts(events, group_id, after=Position(NOW, 0), before=Position(NOW + 1, 0)) == [
        "a",
        "b",
        "c",
    ]
    assert await texts(events, group_id, after=BEGINNING, before=END) == ["a", "b", "c", "d"]


async def test_pages_lead_through_all_events_once(events: LogEvents) -> None:
    group_id, stream_id = await make_stream(events)
    await events.append(stream_id, [(NOW + n // 3, str(n)) for n in range(2_500)], NOW)
    seen: list[str] = []
    after = BEGINNING
    for _ in range(10):
        page = await events.read(group_id, after=after, limit=999)
        seen += [event.message for event in page.events]
        after = page.position
        if page.finished:
            break
    assert seen == [str(n) for n in range(2_500)]


async def test_a_page_ends_at_one_mebibyte(events: LogEvents) -> None:
    group_id, stream_id = await make_stream(events)
    await events.append(stream_id, [(NOW + n, "x" * 400_000) for n in range(4)], NOW)
    page = await events.read(group_id)
    assert (len(page.events), page.finished) == (2, False)
    await events.append(stream_id, [(NOW - 1, "x" * 1_048_576)], NOW)
    page = await events.read(group_id)
    assert (len(page.events), page.finished) == (1, False)


async def test_a_rare_match_does_not_make_a_page_look_through_everything(
    events: LogEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_id, stream_id = await make_stream(events)
    for start in range(0, 15_000, 5_000):
        await events.append(stream_id, [(NOW + n, str(n)) for n in range(start, start + 5_000)], NOW)

    page = await events.read(group_id, matches=lambda message: message == "14999")
    assert (page.events, page.finished, page.position.time_ms) == ([], False, NOW + 9_999)
    page = await events.read(group_id, after=page.position, matches=lambda message: message == "14999")
    assert ([event.message for event in page.events], page.finished) == (["14999"], True)
    monkeypatch.setattr(sqlite_log_events, "MAX_SCANNED_CHARS", 100)
    page = await events.read(group_id, matches=lambda message: False)
    assert page.position.time_ms < NOW + 9_999


async def test_streams_can_be_chosen_by_prefix(events: LogEvents) -> None:
    group_id, first = await make_stream(events, stream="a/1")
    for number, name in enumerate(("a/2", "b/1")):
        _, stream_id = await make_stream(events, stream=name)
        await events.append(stream_id, [(NOW + number, name)], NOW)
    await events.append(first, [(NOW + 5, "a/1")], NOW)
    assert await texts(events, group_id, stream_prefix="a/") == ["a/2", "a/1"]
    assert await texts(events, group_id, stream_prefix="a/", matches=lambda message: "1" in message) == [
        "a/1"
    ]


async def test_events_of_a_deleted_stream_take_their_share_of_a_search(
    events: LogEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search among a million of them must not hold up everybody."""
    monkeypatch.setattr(log_erasure.LogEraser, "soon", lambda self: None)
    group_id, stream_id = await make_stream(events)
    for start in (0, 6_000):
        await events.append(stream_id, [(NOW + n, "gone") for n in range(start, start + 6_000)], NOW)
    await events.delete_stream(group_id, "s")
    page = await events.read(group_id)
    assert (page.events, page.finished, page.position.time_ms) == ([], False, NOW + 9_999)
    page = await events.read(group_id, after=page.position)
    assert (page.events, page.finished) == ([], True)


async def test_a_deleted_stream_is_gone_at_once_and_erased_in_time(
    store: SqliteStore, events: LogEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_erasure, "SLICE_EVENTS", 2)
    group_id, stream_id = await make_stream(events, stream="s")
    _, other = await make_stream(events, stream="other")
    await events.append(stream_id, [(NOW, "a")] * 5, NOW)
    await events.append(other, [(NOW, "b")], NOW)
    assert await events.delete_stream(group_id, "s")
    assert not await events.delete_stream(group_id, "s")
    assert not await events.append(stream_id, [(NOW, "c")], NOW)
    assert await texts(events, group_id) == ["b"]
    await make_stream(events, stream="s")
    assert await texts(events, group_id) == ["b"]
    await erased(store, 1)
    group = await events.group(ACCOUNT, REGION, "g")
    assert group is not None
    assert group.stored_bytes == 27


async def test_a_deleted_group_is_gone_at_once_and_erased_in_time_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_erasure, "SLICE_EVENTS", 2)
    store = SqliteStore(tmp_path / "noria.db")
    await store.start()
    events = store.log_events
    group_id, stream_id = await make_stream(events)
    await events.append(stream_id, [(NOW, "a")] * 20, NOW)
    assert await events.delete_group(ACCOUNT, REGION, "g")
    assert not await events.delete_group(ACCOUNT, REGION, "g")
    assert await events.create_stream(group_id, "t", NOW) is None
    assert not await events.append(stream_id, [(NOW, "b")], NOW)
    await store.close()

    again = SqliteStore(tmp_path / "noria.db")
    await again.start()
    assert await again.log_events.group(ACCOUNT, REGION, "g") is None
    await erased(again, 0)
    new_id, _ = await make_stream(again.log_events)
    assert new_id != group_id
    assert await texts(again.log_events, new_id) == []
    await again.close()


async def test_the_oldest_events_are_erased_slice_by_slice(
    events: LogEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_erasure, "SLICE_EVENTS", 2)
    group_id, stream_id = await make_stream(events)
    await events.append(stream_id, [(NOW + number, "ü") for number in range(5)], NOW)
    other_id, other_stream = await make_stream(events, group="other")
    await events.append(other_stream, [(NOW, "x" * 1000)], NOW)
    assert await events.largest_group() == other_id
    assert await events.stored_bytes() == 5 * 28 + 1026
    assert await events.erase_oldest(group_id, NOW + 3) == 2
    assert await events.erase_oldest(group_id, NOW + 3) == 1
    assert await events.erase_oldest(group_id, NOW + 3) == 0
    assert await texts(events, group_id) == ["ü", "ü"]
    assert await events.stored_bytes() == 2 * 28 + 1026
    assert await events.delete_stream(group_id, "s")
    assert await events.stored_bytes() == 1026
    assert await events.erase_oldest(other_id) == 1
    assert await events.stored_bytes() == 0


async def test_a_slice_is_of_no_more_than_some_text(
    events: LogEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_erasure, "SLICE_BYTES", 100)
    group_id, stream_id = await make_stream(events)
    await events.append(stream_id, [(NOW, "x" * 60)] * 4, NOW)
    assert await events.erase_oldest(group_id) == 2


async def test_a_group_is_found_by_its_id(events: LogEvents) -> None:
    group_id, _ = await make_stream(events)
    assert await events.place(group_id) == (ACCOUNT, REGION, "g")
    assert await events.place(group_id + 1) is None


async def test_reset_deletes_the_groups_of_one_account(events: LogEvents) -> None:
    await events.create_group(ACCOUNT, REGION, "g", NOW)
    await events.create_group(ACCOUNT, "eu-west-1", "g", NOW)
    await events.create_group("111111111111", REGION, "g", NOW)
    await events.delete_account(ACCOUNT)
    assert await events.groups(ACCOUNT, REGION) == []
    assert await events.groups(ACCOUNT, "eu-west-1") == []
    assert len(await events.groups("111111111111", REGION)) == 1


async def erased(store: SqliteStore, remaining: int) -> None:
    """Wait until the store holds no more than `remaining` events, and no trash."""

    def left() -> tuple[int, int]:
        ((events,),) = store._engine.read("SELECT count(*) FROM log_events")
        ((trash,),) = store._engine.read("SELECT count(*) FROM log_trash")
        return events, trash

    async with asyncio.timeout(10):
        while left() != (remaining, 0):  # noqa: ASYNC110 (nothing tells when)
            await asyncio.sleep(0.001)
