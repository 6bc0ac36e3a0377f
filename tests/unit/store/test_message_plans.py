"""Depth does not matter: every statement of the hot paths finds its rows by an index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from noria.store.sqlite import depths, fairness, fifo, message_schema, messages

STATEMENTS = {
    "receive": messages.RECEIVE,
    "is due": messages.IS_DUE,
    "promote": messages.SqliteMessages.PROMOTE,
    "expire": messages.EXPIRE,
    "head": messages.HEAD,
    "change visibility": messages.SqliteMessages.CHANGE,
    "dead letters": messages.TO_DEAD_LETTERS,
    "move": messages.MOVE,
    "claim these": message_schema.CLAIM_THESE,
    "FIFO insert": fifo.INSERT,
    "FIFO head": fifo.HEAD,
    "FIFO group": fifo.BEHIND,
    "FIFO unblock": fifo.UNBLOCK,
    "FIFO promote": fifo.SqliteFifoMessages.PROMOTE,
    "FIFO change visibility": fifo.SqliteFifoMessages.CHANGE,
    "FIFO dead letters": fifo.TO_DEAD_LETTERS,
    "FIFO move": fifo.MOVE,
    "FIFO held": fifo.HELD,
    "FIFO known": fifo.KNOWN,
    "FIFO forget": fifo.FORGET_DEDUPLICATIONS,
    "FIFO forget attempts": fifo.FORGET_ATTEMPTS,
    "FIFO attempt": fifo.ATTEMPT,
    "noisy": fairness.NOISY,
    "quiet": fairness.QUIET,
    "of a tenant": fairness.OF_TENANT,
    "of none": fairness.OF_NONE,
    "served": fairness.SERVED,
    "oldest": depths.OLDEST,
    "depth": depths.COUNTS,
    "has groups": depths.HAS_GROUPS,
    "held by a group": depths.HELD,
    "quiet groups": depths.QUIET,
    "oldest of a group": depths.OLDEST_OF_GROUP,
    "oldest of none": depths.OLDEST_OF_NONE,
}


@pytest.fixture(scope="module")
def db() -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(":memory:")
    db.executescript(message_schema.SCHEMA)
    db.executescript(message_schema.GROUPS_SCHEMA)
    yield db
    db.close()


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_finds_its_rows_by_an_index(db: sqlite3.Connection, name: str) -> None:
    statement = STATEMENTS[name]
    values = [1] * (statement.count("?") + 9)
    plan = []
    for count in range(1, len(values)):  # as many values as the statement has
        try:
            plan = db.execute(f"EXPLAIN QUERY PLAN {statement}", values[:count]).fetchall()
            break
        except sqlite3.ProgrammingError:
            continue
    steps = [row[3] for row in plan]
    assert steps
    # A constant row, json_each's values and a subquery's few rows are no table's.
    scans = [step for step in steps if step.startswith("SCAN") and "json_each" not in step]
    assert [step for step in scans if step not in ("SCAN CONSTANT ROW", "SCAN (subquery-1)")] == []
    sorts = [step for step in steps if "TEMP B-TREE" in step]
    assert sorts == [], steps
