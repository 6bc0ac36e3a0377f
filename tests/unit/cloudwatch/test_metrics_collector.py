"""Metrics on their way to the store."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.cloudwatch.conftest import ACCOUNT, NOW, REGION

from noria.clock import ManualClock
from noria.services.cloudwatch import collector as module
from noria.services.cloudwatch import limits
from noria.services.cloudwatch.collector import Collector
from noria.store.base import StoreError
from noria.store.metrics import Minute, Series
from noria.store.sqlite.store import SqliteStore

MINUTE = NOW // 60
SERIES = Series(ACCOUNT, REGION, "N", "m", (("a", "1"), ("b", "2")))


def put(collector: Collector, value: float = 1.0, name: str = "m", time_s: float | None = None) -> None:
    collector.put(ACCOUNT, REGION, "N", name, {"b": "2", "a": "1"}, value, "Count", time_s)


async def stored(store: SqliteStore) -> list[tuple[int, float]]:
    return [
        (one.minute - MINUTE, one.sum) for one in await store.metrics.read(SERIES, MINUTE - 9, MINUTE + 9)
    ]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_minute_is_written_when_it_is_over(
    store: SqliteStore, collector: Collector, clock: ManualClock
) -> None:
    collector.start()
    put(collector, 1)
    clock.advance(30)
    put(collector, 2)
    clock.advance(29)
    await settle()
    assert await stored(store) == []
    clock.advance(1)
    await settle()
    assert await stored(store) == [(0, 3.0)]
    await collector.stop()


async def test_what_was_counted_is_of_the_minute_that_is_over(
    store: SqliteStore, collector: Collector, clock: ManualClock
) -> None:
    collector.counted.append(lambda until_s: put(collector, 5, time_s=until_s))

    async def measure() -> None:
        put(collector, 100)

    collector.measured.append(measure)
    collector.start()
    clock.advance(60)
    await settle()
    await collector.flush()
    assert await stored(store) == [(0, 5.0), (1, 105.0)]
    await collector.stop()


async def test_the_rest_is_written_at_the_end(store: SqliteStore, collector: Collector) -> None:
    collector.start()
    put(collector)
    await collector.stop()
    assert await stored(store) == [(0, 1.0)]


async def test_a_time_of_its_own_counts(store: SqliteStore, collector: Collector) -> None:
    put(collector, time_s=NOW - 61.0)
    put(collector, time_s=NOW - 1.0)
    await collector.flush()
    assert await stored(store) == [(-2, 1.0), (-1, 1.0)]


async def test_more_than_memory_is_meant_to_hold_is_dropped_and_said(
    store: SqliteStore,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "MAX_PENDING", 2)
    for name in ("m", "n", "o", "m"):
        put(collector, name=name)
    await collector.flush()
    assert await stored(store) == [(0, 2.0)]
    assert "1 values of metrics are left out" in caplog.text


async def test_old_minutes_are_deleted_every_hour(
    store: SqliteStore, collector: Collector, clock: ManualClock
) -> None:
    kept = limits.KEPT_MINUTES
    await store.metrics.add([(SERIES, Minute(MINUTE - kept + at, "None", 1)) for at in (0, 59, 60)])
    collector.start()
    clock.advance(3_600)
    await settle()
    found = await store.metrics.read(SERIES, 0, MINUTE)
    assert [one.minute - MINUTE + kept for one in found] == [60]
    await collector.stop()


async def test_a_store_that_fails_stops_nothing(
    collector: Collector,
    store: SqliteStore,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(minutes: object) -> list[Series]:
        raise StoreError("disk full")

    collector.start()
    with monkeypatch.context() as patch:
        patch.setattr(store.metrics, "add", fail)
        put(collector)
        clock.advance(60)
        await settle()
    assert "metrics are lost: disk full" in caplog.text
    put(collector, 7)
    clock.advance(60)
    await settle()
    assert await stored(store) == [(1, 7.0)]
    await collector.stop()


async def test_a_bug_in_what_measures_is_logged_and_stops_nothing(
    store: SqliteStore, collector: Collector, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise RuntimeError("a bug")

    collector.measured.append(fail)
    collector.start()
    put(collector)
    for _ in range(2):
        clock.advance(60)
        await settle()
    assert caplog.text.count("metrics are lost, a bug") == 2
    assert await stored(store) == [(0, 1.0)]
    await collector.stop()


async def test_an_accounts_metrics_are_gone_with_it(store: SqliteStore, collector: Collector) -> None:
    put(collector)
    await collector.reset(ACCOUNT)
    await collector.flush()
    assert await stored(store) == []
