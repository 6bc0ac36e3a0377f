"""The contract of metrics, over every store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from noria.store import metrics as contract
from noria.store.metrics import Metrics, Minute, Series, bucket, bucket_value
from noria.store.sqlite import metrics as sqlite_metrics
from noria.store.sqlite.store import SqliteStore

NOW = 28_000_000  # minutes since the epoch
ACCOUNT, REGION = "000000000000", "us-east-1"


def series(name: str = "m", namespace: str = "N", account: str = ACCOUNT, **dimensions: str) -> Series:
    return Series(account, REGION, namespace, name, tuple(sorted(dimensions.items())))


def minute(*values: float, at: int = NOW, unit: str = "None") -> Minute:
    made = Minute(at, unit)
    for value in values:
        made.add(value)
    return made


@pytest.fixture(params=["a file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "noria.db" if request.param == "a file" else None)
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def metrics(store: SqliteStore) -> Metrics:
    return store.metrics


async def names(metrics: Metrics, **wanted: object) -> list[str]:
    return [one.name for _, one in await metrics.list(ACCOUNT, REGION, **wanted)]  # type: ignore[arg-type]


async def test_minutes_are_read_in_their_order_and_range(metrics: Metrics) -> None:
    await metrics.add([(series(), minute(at, at=NOW + at)) for at in (3, 1, 2, 0)])
    await metrics.add([(series("other"), minute(9))])
    found = await metrics.read(series(), NOW + 1, NOW + 2)
    assert [(one.minute - NOW, one.sum) for one in found] == [(1, 1.0), (2, 2.0)]
    assert await metrics.read(series("unknown"), 0, NOW * 2) == []


async def test_values_of_one_minute_are_merged(metrics: Metrics) -> None:
    await metrics.add([(series(), minute(1, 5)), (series(), minute(3))])
    await metrics.add([(series(), minute(0))])
    assert await metrics.read(series(), NOW, NOW) == [minute(1, 5, 3, 0)]


async def test_units_are_kept_apart(metrics: Metrics) -> None:
    await metrics.add([(series(), minute(1, unit="Seconds")), (series(), minute(7, unit="Count"))])
    found = await metrics.read(series(), NOW, NOW)
    assert [(one.unit, one.sum) for one in found] == [("Count", 7.0), ("Seconds", 1.0)]
    assert await names(metrics) == ["m"]


async def test_what_is_negative_has_no_percentiles(metrics: Metrics) -> None:
    await metrics.add([(series(), minute(4))])
    await metrics.add([(series(), minute(-4))])
    (found,) = await metrics.read(series(), NOW, NOW)
    assert (found.sum, found.minimum, found.buckets) == (0.0, -4.0, None)


async def test_metrics_are_listed_by_all_that_they_are_named_by(metrics: Metrics) -> None:
    await metrics.add(
        [
            (series("a", q="x", r="y"), minute(1)),
            (series("b", q="z"), minute(1)),
            (series("c", "Other"), minute(1, at=NOW - 500)),
            (series("d", account="111111111111"), minute(1)),
        ]
    )
    assert await names(metrics) == ["a", "b", "c"]
    assert await names(metrics, namespace="Other") == ["c"]
    assert await names(metrics, name="b") == ["b"]
    assert await names(metrics, dimensions=[("q", None)]) == ["a", "b"]
    assert await names(metrics, dimensions=[("q", "x"), ("r", None)]) == ["a"]
    assert await names(metrics, active_since=NOW - 180) == ["a", "b"]
    first, *_ = await metrics.list(ACCOUNT, REGION, limit=1)
    assert first[1] == series("a", q="x", r="y")
    assert await names(metrics, after=first[0], limit=1) == ["b"]


async def test_what_is_old_is_deleted_in_slices(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_metrics, "SLICE_ROWS", 7)
    monkeypatch.setattr(sqlite_metrics, "SLICE_SERIES", 2)
    await metrics.add([(series("old"), minute(1, at=NOW + at)) for at in range(20)])
    await metrics.add([(series(f"m{n}"), minute(1, at=NOW + at)) for n in range(5) for at in (0, 20)])
    await metrics.expire(NOW + 20)
    assert await names(metrics) == [f"m{n}" for n in range(5)]
    assert await metrics.read(series("old"), 0, NOW * 2) == []
    assert [one.minute for one in await metrics.read(series("m3"), 0, NOW * 2)] == [NOW + 20]


async def test_an_accounts_metrics_are_deleted_with_it(metrics: Metrics) -> None:
    await metrics.add([(series(), minute(1)), (series(account="111111111111"), minute(1))])
    await metrics.delete_account("111111111111")
    assert await names(metrics) == ["m"]
    assert await metrics.list("111111111111", REGION) == []


async def test_there_are_only_so_many_metrics(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_metrics, "MAX_SERIES", 2)
    added = [(series(name), minute(1)) for name in "abcd"]
    assert await metrics.add(added) == [series("c"), series("d")]
    assert await metrics.add(added[:2]) == []  # those that are there go on
    assert await names(metrics) == ["a", "b"]


async def test_metrics_survive_a_restart(tmp_path: Path) -> None:
    for expected in (1.0, 2.0):
        store = SqliteStore(tmp_path / "noria.db")
        await store.start()
        await store.metrics.add([(series(), minute(1))])
        (found,) = await store.metrics.read(series(), NOW, NOW)
        assert found.sum == expected
        await store.close()


async def test_others_have_their_turn_while_much_is_deleted(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_metrics, "SLICE_ROWS", 1)
    await metrics.add([(series(), minute(1, at=at)) for at in range(50)])
    deleting = asyncio.create_task(metrics.expire(NOW))
    turns = 0
    while not deleting.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 20


def test_a_bucket_holds_what_is_within_two_percent() -> None:
    for value in (1e-100, 0.001, 0.5, 1, 7, 123.4, 1e9, 1e100):
        assert bucket_value(bucket(value)) == pytest.approx(value, rel=0.0101)
    assert bucket_value(bucket(0)) == 0.0


def test_a_minute_has_only_so_many_buckets() -> None:
    full = Minute(NOW, "None")
    for exponent in range(contract.MAX_BUCKETS * 2):
        full.add(1.05**exponent)
    assert full.buckets is not None
    assert len(full.buckets) == contract.MAX_BUCKETS
    assert sum(full.buckets.values()) == full.count == contract.MAX_BUCKETS * 2
