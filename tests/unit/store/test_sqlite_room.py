"""A full disk, and a file that is mostly empty."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.store.test_sqlite_engine import SCHEMA, insert, numbers

from noria.store.base import StoreError
from noria.store.sqlite import compaction, reserve
from noria.store.sqlite.engine import Collector, Row, SqliteEngine
from noria.store.sqlite.records import SCHEMA as SCHEMA_OF_RECORDS
from noria.store.sqlite.records import SqliteRecords

KEPT = 1 << 20


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteEngine]:
    monkeypatch.setattr(reserve, "RESERVE_BYTES", KEPT)
    monkeypatch.setattr(reserve, "RETRY_S", 0)
    monkeypatch.setattr(reserve, "MARGIN_BYTES", 0)
    engine = SqliteEngine(tmp_path / "test.db", SCHEMA)
    await engine.start()
    yield engine
    await engine.close()


class Disk:
    """Has no room at all while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        monkeypatch.setattr(os, "statvfs", self)

    def __call__(self, path: Path) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=0 if self.full else 1 << 20, f_frsize=4096)


def grow(engine: SqliteEngine, n: int, size: int = 0) -> asyncio.Future[sqlite3.Cursor]:
    def change(db: sqlite3.Connection) -> sqlite3.Cursor:
        return db.execute("INSERT INTO numbers VALUES (?, zeroblob(?))", (n, size))

    return engine.write(change, grows=True)


async def fill(engine: SqliteEngine) -> None:
    (pages,) = engine.read("PRAGMA page_count")[0]
    engine.read(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="full"):
        await grow(engine, 99, 100_000)
    engine.read("PRAGMA max_page_count=1000000")


async def test_on_a_full_disk_what_grows_is_refused_and_what_does_not_goes_on(
    engine: SqliteEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
        db.executemany("INSERT INTO numbers VALUES (?, '')", rows)

    collector = Collector(engine, add)
    assert (tmp_path / "test.reserve").stat().st_blocks * 512 >= KEPT
    await insert(engine, 1)
    disk = Disk(monkeypatch)
    await fill(engine)
    assert not (tmp_path / "test.reserve").exists()
    for refused in (grow(engine, 2), collector.add([(3,)], None)):
        with pytest.raises(StoreError, match="the disk is full"):
            await refused
    await engine.write(lambda db: db.execute("DELETE FROM numbers WHERE n = 1"))
    assert numbers(engine) == []
    disk.full = False
    await grow(engine, 4)
    await collector.add([(5,)], None)
    assert numbers(engine) == [4, 5]


async def test_on_a_full_disk_small_records_are_made_and_large_ones_are_not(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue can be deleted, which makes a record; events of functions can not be added."""
    await engine.write(lambda db: db.execute(SCHEMA_OF_RECORDS))
    Disk(monkeypatch)
    await fill(engine)
    records = SqliteRecords(engine)
    assert await records.insert("sqs-deleted-queue", "1", "r", "q", b"1")
    with pytest.raises(StoreError, match="the disk is full"):
        await records.insert("lambda-event", "1", "r", "e", b"x" * 10_000)


async def test_room_in_the_file_itself_is_room(engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    await grow(engine, 1, 2 * KEPT)
    Disk(monkeypatch)
    await fill(engine)
    with pytest.raises(StoreError, match="the disk is full"):
        await grow(engine, 2)
    await engine.write(lambda db: db.execute("DELETE FROM numbers WHERE n = 1"))
    await grow(engine, 2)
    assert numbers(engine) == [2]


async def test_a_server_starts_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Disk(monkeypatch)
    engine = SqliteEngine(tmp_path / "test.db", SCHEMA)
    await engine.start()
    await insert(engine, 1)
    with pytest.raises(StoreError, match="the disk is full"):
        await grow(engine, 2)
    await engine.close()


@pytest.mark.parametrize(("left", "shrinks"), [(1, True), (3, False)])
async def test_a_file_that_is_mostly_empty_is_made_smaller_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int, shrinks: bool
) -> None:
    monkeypatch.setattr(compaction, "FREE_BYTES", KEPT)
    monkeypatch.setattr(compaction, "LEFT_BYTES", 2 * KEPT)
    path = tmp_path / "test.db"
    for life in range(2):
        engine = SqliteEngine(path, SCHEMA)
        await engine.start()
        if life == 0:
            for n in range(6):
                await insert(engine, n, b"x" * KEPT)
            await engine.write(lambda db: db.execute("DELETE FROM numbers WHERE n >= ?", (left,)))
        assert numbers(engine) == list(range(left))
        await engine.close()
    assert (path.stat().st_size < 2 * KEPT) is shrinks
