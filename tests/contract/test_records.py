"""The contract of records, over every store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from noria.store.base import UNCACHED_KINDS, Records
from noria.store.listing import every
from noria.store.sqlite.store import SqliteStore

A, B, REGION = "000000000000", "111111111111", "us-east-1"


@pytest.fixture(params=["disk", "memory"])
async def records(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Records]:
    store = SqliteStore(tmp_path / "noria.db" if request.param == "disk" else None)
    await store.start()
    yield store.records
    await store.close()


async def test_a_record_is_inserted_once(records: Records) -> None:
    assert await records.insert("k", A, REGION, "n", b"1")
    assert not await records.insert("k", A, REGION, "n", b"2")
    assert await records.get("k", A, REGION, "n") == b"1"


async def test_kind_account_and_region_keep_records_apart(records: Records) -> None:
    await records.insert("k", A, REGION, "n", b"1")
    assert await records.get("other", A, REGION, "n") is None
    assert await records.get("k", B, REGION, "n") is None
    assert await records.get("k", A, "eu-west-1", "n") is None


async def test_replace_compares_before_it_swaps(records: Records) -> None:
    await records.insert("k", A, REGION, "n", b"1")
    assert not await records.replace("k", A, REGION, "n", b"2", expected=b"0")
    assert await records.get("k", A, REGION, "n") == b"1"
    assert await records.replace("k", A, REGION, "n", b"2", expected=b"1")
    assert await records.get("k", A, REGION, "n") == b"2"
    assert not await records.replace("k", A, REGION, "gone", b"2", expected=b"1")


async def test_of_concurrent_replaces_one_wins(records: Records) -> None:
    await records.insert("k", A, REGION, "n", b"0")
    won = await asyncio.gather(
        *(records.replace("k", A, REGION, "n", bytes([n]), expected=b"0") for n in range(1, 9))
    )
    assert won.count(True) == 1


async def test_delete_says_whether_there_was_one(records: Records) -> None:
    await records.insert("k", A, REGION, "n", b"1")
    assert await records.delete("k", A, REGION, "n")
    assert not await records.delete("k", A, REGION, "n")
    assert await records.get("k", A, REGION, "n") is None


async def test_delete_compares_where_it_is_told_to(records: Records) -> None:
    await records.insert("k", A, REGION, "n", b"1")
    assert not await records.delete("k", A, REGION, "n", expected=b"0")
    assert await records.get("k", A, REGION, "n") == b"1"
    assert await records.delete("k", A, REGION, "n", expected=b"1")
    assert not await records.delete("k", A, REGION, "n", expected=b"1")


async def test_names_are_listed_in_the_order_of_their_bytes(records: Records) -> None:
    names = ["é", "a", "B", "a-b", "ab", "z", "日本"]
    for name in names:
        await records.insert("k", A, REGION, name, name.encode())
    listed = await records.list("k", A, REGION)
    assert [name for name, _ in listed] == sorted(names, key=str.encode)
    assert all(value == name.encode() for name, value in listed)


async def test_every_record_is_found_page_by_page(records: Records) -> None:
    names = [f"a{number}" for number in range(7)]
    for name in [*names, "b"]:
        await records.insert("k", A, REGION, name, name.encode())
    for page in (1, 2, 7, 8):
        found = [row async for row in every(records, "k", A, REGION, prefix="a", after="a1", page=page)]
        assert found == [(name, name.encode()) for name in names[2:]]


async def test_listing_takes_a_prefix_a_start_and_a_limit(records: Records) -> None:
    for name in ("a1", "a2", "a3", "b1"):
        await records.insert("k", A, REGION, name, b"")
    names = [name for name, _ in await records.list("k", A, REGION, prefix="a")]
    assert names == ["a1", "a2", "a3"]
    names = [name for name, _ in await records.list("k", A, REGION, prefix="a", after="a1", limit=1)]
    assert names == ["a2"]
    names = [name for name, _ in await records.list("k", A, REGION, prefix="b", after="a3")]
    assert names == ["b1"]


async def test_owners_names_each_account_and_region_once(records: Records) -> None:
    for account, region, name in ((A, REGION, "x"), (A, REGION, "y"), (B, "", "x")):
        await records.insert("k", account, region, name, b"")
    assert sorted(await records.owners("k")) == [(A, REGION), (B, "")]
    assert await records.owners("other") == []


async def test_deleting_an_account_leaves_the_others(records: Records) -> None:
    await records.insert("k", A, REGION, "n", b"1")
    await records.insert("k", B, REGION, "n", b"2")
    await records.delete_account(A)
    assert await records.get("k", A, REGION, "n") is None
    assert await records.get("k", B, REGION, "n") == b"2"


async def test_the_generation_grows_with_every_change_and_only_then(records: Records) -> None:
    seen = [records.generation()]
    await records.insert("k", A, REGION, "n", b"1")
    seen.append(records.generation())
    await records.replace("k", A, REGION, "n", b"2", expected=b"1")
    seen.append(records.generation())
    await records.delete("k", A, REGION, "n")
    seen.append(records.generation())
    assert seen == sorted(set(seen))
    await records.delete("k", A, REGION, "n")
    await records.get("k", A, REGION, "n")
    assert records.generation() == seen[-1]


async def test_what_nobody_caches_empties_no_cache(records: Records) -> None:
    seen = records.generation()
    for kind in UNCACHED_KINDS:
        await records.insert(kind, A, REGION, "n", b"1")
        await records.replace(kind, A, REGION, "n", b"2", expected=b"1")
        await records.delete(kind, A, REGION, "n")
    assert records.generation() == seen
    await records.delete_account(A)
    await records.insert("k", A, REGION, "n", b"1")
    await records.delete_account(A)
    assert records.generation() == seen + 2
