"""Group commit: what is durable when, and what happens when the disk does not play along."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from noria.store.base import StoreError
from noria.store.sqlite import engine as engine_module
from noria.store.sqlite.engine import Collector, Row, SqliteEngine
from noria.store.sqlite.sync import ThreadSync

SCHEMA = ("CREATE TABLE numbers (n INTEGER PRIMARY KEY, filling BLOB)",)


class Syncs:
    """Stands in for os.fdatasync, on a thread: counts, waits at a gate, fails when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.failure: OSError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self._real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self)
        monkeypatch.setattr(engine_module, "open_sync", ThreadSync)

    def __call__(self, fd: int) -> None:
        self.gate.wait(10)
        self.count += 1
        if self.failure is not None:
            raise self.failure
        self._real(fd)


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Syncs:
    return Syncs(monkeypatch)


@pytest.fixture
async def engine(tmp_path: Path, syncs: Syncs) -> AsyncIterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "test.db", SCHEMA)
    await engine.start()
    yield engine
    await engine.close()


def insert(engine: SqliteEngine, n: int, filling: bytes = b"") -> asyncio.Future[sqlite3.Cursor]:
    return engine.write(lambda db: db.execute("INSERT INTO numbers VALUES (?, ?)", (n, filling)))


def numbers(engine: SqliteEngine) -> list[int]:
    return [n for (n,) in engine.read("SELECT n FROM numbers ORDER BY n")]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_the_writes_of_one_turn_share_one_sync(engine: SqliteEngine, syncs: Syncs) -> None:
    await asyncio.gather(*(insert(engine, n) for n in range(100)))
    assert numbers(engine) == list(range(100))
    assert syncs.count == 1


async def test_a_write_returns_after_its_sync_and_not_before(engine: SqliteEngine, syncs: Syncs) -> None:
    syncs.gate.clear()
    first = insert(engine, 1)
    await turns()
    second = insert(engine, 2)
    await turns()
    assert numbers(engine) == [1, 2]
    assert not first.done()
    assert not second.done()
    syncs.gate.set()
    await first
    await second
    assert syncs.count == 2  # the second commit came after the first sync had begun


async def test_a_turn_that_changes_nothing_needs_no_sync(engine: SqliteEngine, syncs: Syncs) -> None:
    deleted = await engine.write(lambda db: db.execute("DELETE FROM numbers").rowcount)
    assert deleted == 0
    assert syncs.count == 0


async def test_a_turn_that_changes_nothing_waits_for_what_it_saw(engine: SqliteEngine, syncs: Syncs) -> None:
    """Deleting what another is just deleting is acknowledged only when that deletion is durable."""
    await insert(engine, 1)
    syncs.gate.clear()
    first = engine.write(lambda db: db.execute("DELETE FROM numbers").rowcount)
    await turns()
    second = engine.write(lambda db: db.execute("DELETE FROM numbers").rowcount)
    await turns()
    assert not second.done()
    syncs.gate.set()
    assert (await first, await second) == (1, 0)


async def test_a_write_that_promises_nothing_returns_with_its_commit(
    engine: SqliteEngine, syncs: Syncs
) -> None:
    def insert_nine(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO numbers VALUES (9, '')")

    syncs.gate.clear()
    first = insert(engine, 1)
    await engine.write(insert_nine, synced=False)
    assert numbers(engine) == [1, 9]
    assert not first.done()
    syncs.gate.set()
    await first


async def test_a_write_that_promises_nothing_is_synced_all_the_same(
    engine: SqliteEngine, syncs: Syncs
) -> None:
    await engine.write(lambda db: db.execute("INSERT INTO numbers VALUES (9, '')"), synced=False)
    await engine.close()
    assert syncs.count == 1


async def test_a_write_that_promises_nothing_fails_with_its_turn(engine: SqliteEngine) -> None:
    await insert(engine, 1)
    results = await asyncio.gather(
        engine.write(lambda db: db.execute("INSERT INTO numbers VALUES (2, '')").rowcount, synced=False),
        insert(engine, 1),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [StoreError, StoreError]
    assert numbers(engine) == [1]


def collector(engine: SqliteEngine) -> Collector:
    def insert_all(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
        db.executemany("INSERT INTO numbers VALUES (?, ?)", rows)

    return Collector(engine, insert_all)


async def test_collected_rows_are_there_for_whoever_looks_and_share_one_sync(
    engine: SqliteEngine, syncs: Syncs
) -> None:
    collected = collector(engine)
    first = collected.add([(1, b""), (2, b"")], None)
    assert numbers(engine) == [1, 2]
    second = collected.add([(3, b"")], None)
    highest = engine.write(lambda db: db.execute("SELECT max(n) FROM numbers").fetchone())
    assert await highest == (3,)
    await asyncio.gather(first, second)
    assert syncs.count == 1


async def test_a_collected_row_that_fails_fails_its_turn_but_not_who_looks(engine: SqliteEngine) -> None:
    await insert(engine, 1)
    collected = collector(engine)
    writers = [collected.add([(2, b"")], None), collected.add([(1, b"")], None)]
    assert numbers(engine) == [1]
    results = await asyncio.gather(*writers, return_exceptions=True)
    assert [type(result) for result in results] == [StoreError, StoreError]
    await collected.add([(4, b"")], None)
    assert numbers(engine) == [1, 4]


async def test_a_collected_row_that_fails_at_the_turns_end_fails_its_turn(engine: SqliteEngine) -> None:
    await insert(engine, 1)
    with pytest.raises(StoreError, match="UNIQUE"):
        await collector(engine).add([(2, b""), (1, b"")], None)
    assert numbers(engine) == [1]


async def test_a_failing_statement_fails_its_turn_and_changes_nothing(engine: SqliteEngine) -> None:
    await insert(engine, 1)
    results = await asyncio.gather(
        insert(engine, 2), insert(engine, 1), insert(engine, 3), return_exceptions=True
    )
    assert [isinstance(result, StoreError) for result in results] == [True, True, False]
    assert numbers(engine) == [1, 3]  # 3 came after the failure and is of the next turn


async def test_an_exception_before_any_change_is_its_writers_alone(engine: SqliteEngine) -> None:
    def refuse(db: sqlite3.Connection) -> None:
        raise LookupError("no")

    results = await asyncio.gather(
        insert(engine, 1), engine.write(refuse), insert(engine, 2), return_exceptions=True
    )
    assert [type(result) for result in results] == [sqlite3.Cursor, LookupError, sqlite3.Cursor]
    assert numbers(engine) == [1, 2]


async def test_an_exception_after_a_change_never_leaves_half_of_it(engine: SqliteEngine) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO numbers VALUES (7, '')")
        raise LookupError("no")

    results = await asyncio.gather(insert(engine, 1), engine.write(half), return_exceptions=True)
    assert [type(result) for result in results] == [StoreError, LookupError]
    assert numbers(engine) == []


async def test_a_cancelled_writer_takes_nobody_with_it(engine: SqliteEngine, syncs: Syncs) -> None:
    syncs.gate.clear()
    first = insert(engine, 1)
    second = insert(engine, 2)
    await turns()
    first.cancel()
    await turns()
    syncs.gate.set()
    await second
    assert first.cancelled()
    assert numbers(engine) == [1, 2]


async def test_a_full_disk_gives_errors_and_service_resumes_when_there_is_room(engine: SqliteEngine) -> None:
    await insert(engine, 1)
    (pages,) = engine.read("PRAGMA page_count")[0]
    engine.read(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="full"):
        await insert(engine, 2, b"x" * 100_000)
    assert numbers(engine) == [1]
    engine.read("PRAGMA max_page_count=1000000")
    await insert(engine, 3, b"x" * 100_000)
    assert numbers(engine) == [1, 3]


async def test_a_failed_commit_fails_every_writer_of_the_turn(engine: SqliteEngine) -> None:
    """A deferred constraint is what SQLite checks at COMMIT only."""
    engine.read("PRAGMA foreign_keys=ON")
    await engine.write(
        lambda db: db.execute(
            "CREATE TABLE children (n REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED)"
        )
    )
    orphan = engine.write(lambda db: db.execute("INSERT INTO children VALUES (99)"))
    results = await asyncio.gather(insert(engine, 1), orphan, return_exceptions=True)
    assert [type(result) for result in results] == [StoreError, StoreError]
    assert numbers(engine) == []
    await insert(engine, 2)
    assert numbers(engine) == [2]


async def test_a_failed_sync_fails_all_that_it_was_to_cover(engine: SqliteEngine, syncs: Syncs) -> None:
    syncs.failure = OSError(5, "Input/output error")
    syncs.gate.clear()
    writers = [insert(engine, 1)]
    await turns()
    writers.append(insert(engine, 2))  # committed while the sync runs
    await turns()
    syncs.gate.set()
    results = await asyncio.gather(*writers, return_exceptions=True)
    assert [str(result) for result in results] == ["[Errno 5] Input/output error"] * 2
    assert syncs.count == 1


async def test_a_turn_that_is_open_when_a_sync_fails_fails_too(engine: SqliteEngine, syncs: Syncs) -> None:
    syncs.failure = OSError(5, "Input/output error")
    syncs.gate.clear()
    first = insert(engine, 1)
    await turns()
    second = insert(engine, 2)  # not committed before the sync has ended
    await turns()
    syncs.gate.set()
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(result) for result in results] == [StoreError, StoreError]
    syncs.failure = None
    await insert(engine, 3)


async def test_after_a_failed_sync_the_wal_is_not_trusted_again(
    engine: SqliteEngine, syncs: Syncs, tmp_path: Path
) -> None:
    """What the failed sync left of the WAL on disk is unknown: it is emptied into the database first."""
    syncs.failure = OSError(5, "Input/output error")
    with pytest.raises(StoreError):
        await insert(engine, 1, b"x" * 100_000)
    syncs.failure = None
    assert (tmp_path / "test.db-wal").stat().st_size > 100_000
    await insert(engine, 2)
    assert 0 < (tmp_path / "test.db-wal").stat().st_size < 20_000
    assert (tmp_path / "test.db").stat().st_size > 100_000


async def test_while_healing_fails_writes_fail(engine: SqliteEngine, syncs: Syncs, tmp_path: Path) -> None:
    syncs.failure = OSError(5, "Input/output error")
    with pytest.raises(StoreError):
        await insert(engine, 1)
    reader = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    engine.read("PRAGMA busy_timeout=0")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM numbers").fetchall()  # holds the WAL: it cannot be emptied
    with pytest.raises(StoreError, match="busy"):
        await insert(engine, 2)
    reader.close()
    syncs.failure = None
    await insert(engine, 3)
    assert numbers(engine) == [1, 3]  # 1 may or may not have reached the disk: it did


async def test_the_wal_stays_short_under_sustained_load(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limit = 1 << 20
    monkeypatch.setattr(engine_module, "WAL_BYTES", limit)
    engine.read(f"PRAGMA journal_size_limit={limit}")
    longest = written = 0

    async def writer(first: int) -> None:
        nonlocal longest, written
        for n in range(first, first + 250):
            await insert(engine, n, b"x" * 4000)
            written += 4000
            longest = max(longest, (tmp_path / "test.db-wal").stat().st_size)

    await asyncio.gather(*(writer(first * 1000) for first in range(16)))
    assert written == 16_000_000
    assert longest < 8 * limit
    assert (tmp_path / "test.db").stat().st_size > 4_000_000  # it was copied meanwhile


async def test_close_finishes_what_is_under_way(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "test.db", SCHEMA)
    await engine.start()
    writers = [insert(engine, n) for n in range(3)]
    await asyncio.sleep(0)
    await engine.close()
    await asyncio.gather(*writers)
    with pytest.raises(StoreError):
        await insert(engine, 3)
    assert not (tmp_path / "test.db-wal").exists()
    again = SqliteEngine(tmp_path / "test.db", SCHEMA)
    await again.start()
    assert numbers(again) == [0, 1, 2]
    await again.close()


async def test_an_older_database_gets_the_missing_migrations(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "test.db", SCHEMA)
    await engine.start()
    await insert(engine, 1)
    await engine.close()
    engine = SqliteEngine(
        tmp_path / "test.db", (*SCHEMA, "ALTER TABLE numbers ADD COLUMN word TEXT DEFAULT 'w'")
    )
    await engine.start()
    assert engine.read("SELECT n, word FROM numbers") == [(1, "w")]
    await engine.close()


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "test.db", (*SCHEMA, "CREATE TABLE t (x)"))
    await engine.start()
    await engine.close()
    with pytest.raises(StoreError, match=r"newer Noria \(schema 2\)"):
        await SqliteEngine(tmp_path / "test.db", SCHEMA).start()


async def test_a_failed_start_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "test.db").write_bytes(b"this is not a database" * 100)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(StoreError, match="not a database"):
        await SqliteEngine(tmp_path / "test.db", SCHEMA).start()
    assert os.listdir("/proc/self/fd") == before


async def test_in_memory_nothing_is_synced(syncs: Syncs) -> None:
    engine = SqliteEngine(None, SCHEMA)
    await engine.start()
    await insert(engine, 1)
    assert numbers(engine) == [1]
    await engine.close()
    assert syncs.count == 0
