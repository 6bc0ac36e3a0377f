"""Relaxed durability: nobody waits for the disk, and the disk is not forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.store.test_sqlite_engine import SCHEMA, Syncs, insert, numbers, turns

from noria.store.base import StoreError
from noria.store.sqlite import engine as engine_module
from noria.store.sqlite.engine import SqliteEngine


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Syncs:
    return Syncs(monkeypatch)


async def test_a_write_returns_with_its_commit_while_a_sync_runs_too(tmp_path: Path, syncs: Syncs) -> None:
    engine = SqliteEngine(tmp_path / "test.db", SCHEMA, relaxed=True)
    await engine.start()
    syncs.gate.clear()
    for n in range(3):
        await insert(engine, n)
        if n == 0:
            engine._sync_at_last()
    other = SqliteEngine(tmp_path / "test.db", SCHEMA)
    await other.start()  # what another connection sees is committed
    assert numbers(other) == [0, 1, 2]
    syncs.gate.set()
    await other.close()
    await engine.close()


async def test_writes_are_synced_within_a_second_and_at_the_end(
    tmp_path: Path, syncs: Syncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "RELAXED_SYNC_S", 0.01)
    engine = SqliteEngine(tmp_path / "test.db", SCHEMA, relaxed=True)
    await engine.start()
    await asyncio.gather(*(insert(engine, n) for n in range(100)))
    assert syncs.count == 0
    async with asyncio.timeout(5):
        while not syncs.count:
            await turns()
    assert syncs.count == 1
    await insert(engine, 100)
    await engine.close()
    assert syncs.count == 2


async def test_after_a_failed_sync_no_write_is_acknowledged_before_the_disk_is_well(
    tmp_path: Path, syncs: Syncs
) -> None:
    engine = SqliteEngine(tmp_path / "test.db", SCHEMA, relaxed=True)
    await engine.start()
    await insert(engine, 1)
    syncs.failure = OSError("broken")
    engine._sync_at_last()
    async with asyncio.timeout(5):
        while engine._syncing:
            await turns()
    syncs.failure = None
    await insert(engine, 2)  # heals by a checkpoint
    assert numbers(engine) == [1, 2]
    engine.read("PRAGMA max_page_count=1")
    with pytest.raises(StoreError):
        await insert(engine, 3, b"x" * 100_000)
    await engine.close()
