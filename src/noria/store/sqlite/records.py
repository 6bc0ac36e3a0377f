"""Control-plane records in SQLite."""

from __future__ import annotations

import sqlite3

from noria.store.base import UNCACHED_KINDS
from noria.store.sqlite.engine import SqliteEngine

SCHEMA = """
CREATE TABLE records (
  kind TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (kind, account, region, name)
) WITHOUT ROWID
"""

WHERE = "kind = ? AND account = ? AND region = ? AND name = ?"
LARGE_BYTES = 8192  # an asynchronous event, say: what a full disk does not take; a role or queue is less
AFTER_ANY_NAME = "\U0010ffff"


class SqliteRecords:
    """See `noria.store.base.Records`."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._generation = 0

    async def get(self, kind: str, account: str, region: str, name: str) -> bytes | None:
        rows = self._engine.read(f"SELECT value FROM records WHERE {WHERE}", (kind, account, region, name))
        return rows[0][0] if rows else None

    async def insert(self, kind: str, account: str, region: str, name: str, value: bytes) -> bool:
        return await self._change(
            kind,
            "INSERT INTO records VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (kind, account, region, name, value),
            grows=len(value) > LARGE_BYTES,
        )

    async def replace(
        self, kind: str, account: str, region: str, name: str, value: bytes, *, expected: bytes
    ) -> bool:
        return await self._change(
            kind,
            f"UPDATE records SET value = ? WHERE {WHERE} AND value = ?",
            (value, kind, account, region, name, expected),
        )

    async def delete(
        self, kind: str, account: str, region: str, name: str, *, expected: bytes | None = None
    ) -> bool:
        named = (kind, account, region, name)
        if expected is None:
            return await self._change(kind, f"DELETE FROM records WHERE {WHERE}", named)
        return await self._change(
            kind, f"DELETE FROM records WHERE {WHERE} AND value = ?", (*named, expected)
        )

    async def owners(self, kind: str) -> list[tuple[str, str]]:
        rows = self._engine.read("SELECT DISTINCT account, region FROM records WHERE kind = ?", (kind,))
        return [(account, region) for account, region in rows]

    async def list(
        self,
        kind: str,
        account: str,
        region: str,
        *,
        prefix: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> list[tuple[str, bytes]]:
        rows = self._engine.read(
            "SELECT name, value FROM records WHERE kind = ? AND account = ? AND region = ?"
            " AND name >= ? AND name > ? AND name < ? ORDER BY name LIMIT ?",
            (kind, account, region, prefix, after, prefix + AFTER_ANY_NAME, limit),
        )
        return [(name, value) for name, value in rows]

    async def delete_account(self, account: str) -> None:
        await self._change(None, "DELETE FROM records WHERE account = ?", (account,))

    def generation(self) -> int:
        return self._generation

    async def _change(
        self, kind: str | None, sql: str, parameters: tuple[object, ...], *, grows: bool = False
    ) -> bool:
        """kind: None where it may be any. grows: as `SqliteEngine.write`'s."""
        step = kind not in UNCACHED_KINDS

        def change(db: sqlite3.Connection) -> bool:
            changed = db.execute(sql, parameters).rowcount > 0
            self._generation += step and changed
            return changed

        try:
            return await self._engine.write(change, grows=grows)
        except BaseException:
            self._generation += step  # what a reader cached of a change that failed is stale
            raise
