"""Metrics in SQLite: a row for each minute, unit and metric that had values, clustered by metric."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from functools import partial

import msgspec

from noria.store.metrics import MAX_SERIES, Minute, Series
from noria.store.sqlite.engine import SqliteEngine

SCHEMA = """
CREATE TABLE metric_series (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL, region TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  dimensions TEXT NOT NULL, last_minute INTEGER NOT NULL,
  UNIQUE (account, region, namespace, name, dimensions)
);
CREATE INDEX metric_series_owned ON metric_series (account, region, id);
CREATE TABLE metric_minutes (
  series INTEGER NOT NULL, minute INTEGER NOT NULL, unit TEXT NOT NULL,
  count REAL NOT NULL, sum REAL NOT NULL,
  minimum REAL NOT NULL, maximum REAL NOT NULL, buckets BLOB,
  PRIMARY KEY (series, minute, unit)
) WITHOUT ROWID;
"""

FIND = (
    "SELECT id FROM metric_series"
    " WHERE account = ? AND region = ? AND namespace = ? AND name = ? AND dimensions = ?"
)
MINUTE = "SELECT minute, unit, count, sum, minimum, maximum, buckets FROM metric_minutes WHERE series = ?"
SLICE_ROWS = 100  # merged or deleted in one turn of the loop: 1 to 2 ms
SLICE_SERIES = 100  # looked through for what is too old, likewise

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[int, float]).decode


class SqliteMetrics:
    """See `noria.store.metrics.Metrics`."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine

    async def add(self, minutes: Sequence[tuple[Series, Minute]]) -> list[Series]:
        refused: list[Series] = []
        for start in range(0, len(minutes), SLICE_ROWS):
            part = minutes[start : start + SLICE_ROWS]
            refused += await self._engine.write(partial(_merge, part))
        return refused

    async def read(self, series: Series, first: int, last: int) -> list[Minute]:
        found = self._engine.read(FIND, _key(series))
        if not found:
            return []
        sql = f"{MINUTE} AND minute BETWEEN ? AND ? ORDER BY minute, unit"
        return [_minute(*row) for row in self._engine.read(sql, (found[0][0], first, last))]

    async def list(
        self,
        account: str,
        region: str,
        *,
        namespace: str = "",
        name: str = "",
        dimensions: Sequence[tuple[str, str | None]] = (),
        active_since: int = 0,
        after: int = 0,
        limit: int = 500,
    ) -> list[tuple[int, Series]]:
        sql = (
            "SELECT id, namespace, name, dimensions FROM metric_series WHERE account = ? AND region = ?"
            " AND id > ? AND last_minute >= ?"
        )
        parameters: list[object] = [account, region, after, active_since]
        for column, wanted in (("namespace", namespace), ("name", name)):
            if wanted:
                sql += f" AND {column} = ?"
                parameters.append(wanted)
        found = []
        for row_id, its_namespace, its_name, text in self._engine.scan(f"{sql} ORDER BY id", parameters):
            pairs = tuple((key, value) for key, value in json.loads(text))
            has = dict(pairs)
            if all(key in has and value in (None, has[key]) for key, value in dimensions):
                found.append((row_id, Series(account, region, its_namespace, its_name, pairs)))
                if len(found) == limit:
                    break
        return found

    async def expire(self, before: int) -> None:
        after = 0
        rows = "SELECT id, last_minute FROM metric_series WHERE id > ? ORDER BY id LIMIT ?"
        while found := self._engine.read(rows, (after, SLICE_SERIES)):
            for series, _ in found:
                while await self._engine.write(partial(_delete_slice, series, before)):
                    pass
            old = [series for series, last in found if last < before]
            if old:
                await self._engine.write(partial(_forget, old, before))
            after = found[-1][0]
            await asyncio.sleep(0)  # others have their turn

    async def delete_account(self, account: str) -> None:
        sql = "SELECT id FROM metric_series WHERE account = ? LIMIT ?"
        while found := self._engine.read(sql, (account, SLICE_SERIES)):
            for (series,) in found:
                while await self._engine.write(partial(_delete_slice, series, 1 << 62)):
                    pass
            await self._engine.write(partial(_forget, [series for (series,) in found], 1 << 62))


def _key(series: Series) -> tuple[str, str, str, str, str]:
    return (*series[:4], json.dumps(series.dimensions, ensure_ascii=False, separators=(",", ":")))


def _minute(
    minute: int, unit: str, count: float, total: float, least: float, most: float, buckets: bytes | None
) -> Minute:
    return Minute(minute, unit, count, total, least, most, None if buckets is None else _decode(buckets))


def _merge(minutes: Sequence[tuple[Series, Minute]], db: sqlite3.Connection) -> list[Series]:
    refused = []
    room: dict[tuple[str, str], int] = {}  # for more series, by account and region
    for series, minute in minutes:
        row_id = _series_id(db, series, minute.minute, room)
        if row_id is None:
            refused.append(series)
            continue
        stored = db.execute(f"{MINUTE} AND minute = ? AND unit = ?", (row_id, minute.minute, minute.unit))
        row = stored.fetchone()
        merged = minute
        if row is not None:
            merged = _minute(*row)
            merged.merge(minute)
        buckets = None if merged.buckets is None else _encode(merged.buckets)
        db.execute(
            "INSERT OR REPLACE INTO metric_minutes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row_id,
                merged.minute,
                merged.unit,
                merged.count,
                merged.sum,
                merged.minimum,
                merged.maximum,
                buckets,
            ),
        )
    return refused


def _series_id(
    db: sqlite3.Connection, series: Series, minute: int, room: dict[tuple[str, str], int]
) -> int | None:
    """Of the series, made where it is missing; None where there are too many."""
    key = _key(series)
    row = db.execute(
        "UPDATE metric_series SET last_minute = max(last_minute, ?) WHERE account = ? AND region = ?"
        " AND namespace = ? AND name = ? AND dimensions = ? RETURNING id",
        (minute, *key),
    ).fetchone()
    if row is None:
        owner = (series.account, series.region)
        if owner not in room:
            count = "SELECT count(*) FROM metric_series WHERE account = ? AND region = ?"
            room[owner] = MAX_SERIES - db.execute(count, owner).fetchone()[0]
        if room[owner] <= 0:
            return None
        room[owner] -= 1
        sql = (
            "INSERT INTO metric_series (account, region, namespace, name, dimensions, last_minute)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
        )
        row = db.execute(sql, (*key, minute)).fetchone()
    return int(row[0])


def _delete_slice(series: int, before: int, db: sqlite3.Connection) -> bool:
    """Whether there may be more."""
    sql = (
        "DELETE FROM metric_minutes WHERE (series, minute, unit) IN"
        " (SELECT series, minute, unit FROM metric_minutes WHERE series = ? AND minute < ? LIMIT ?)"
    )
    return db.execute(sql, (series, before, SLICE_ROWS)).rowcount == SLICE_ROWS


def _forget(series: Sequence[int], before: int, db: sqlite3.Connection) -> None:
    """Unless a value came meanwhile."""
    sql = "DELETE FROM metric_series WHERE id = ? AND last_minute < ?"
    db.executemany(sql, [(row_id, before) for row_id in series])
