"""Messages of standard queues in SQLite; `fifo` makes the differences for FIFO queues."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from noria.store.messages import (
    Counts,
    DeadLetters,
    Moved,
    NewMessage,
    Receipt,
    ReceivedMessage,
    T,
    VisibilityChange,
)
from noria.store.sqlite import fairness
from noria.store.sqlite.engine import Collector, Row, SqliteEngine
from noria.store.sqlite.message_schema import CLAIM, DELAYED, ENTERED, IN_FLIGHT, READY, ROW, entered

SEND = """
INSERT INTO messages (queue, state, tenant, due_ms, sent_ms, message_id, sender_id, attributes, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
RECEIVE = CLAIM.format(
    ids="SELECT id FROM messages WHERE queue = ? AND state = 0 ORDER BY due_ms LIMIT ?", row=ROW
)
SENT_MS, RECEIVE_COUNT = 6, 8  # in a ROW
EXPIRE = """
DELETE FROM messages WHERE id IN (
  SELECT id FROM messages WHERE queue = ? AND state IN (0, 1, 2, 3) AND due_ms <= ? LIMIT ?)
RETURNING grp
"""
COUNTS = "SELECT ready, in_flight, delayed FROM message_counts WHERE queue = ?"
IS_DUE = "SELECT 1 FROM messages WHERE queue = ? AND state IN (1, 2) AND due_ms <= ? LIMIT 1"
HEAD = "SELECT id, coalesce(source, '') FROM messages WHERE queue = ? AND state = 0 ORDER BY due_ms LIMIT 1"
TO_DEAD_LETTERS = (
    """
INSERT INTO messages (queue, state, due_ms, sent_ms, first_received_ms, receive_count, message_id, sender_id,
  attributes, body, tenant, source)
SELECT ?, 0, ?, sent_ms, first_received_ms, receive_count - 1, message_id, sender_id, attributes, body,
  tenant, ?
FROM messages WHERE id = ?
"""
    + ENTERED
)
MOVE = (
    """
INSERT INTO messages (queue, state, due_ms, sent_ms, message_id, sender_id, attributes, body, tenant)
SELECT ?, 0, ?, ?, ?, sender_id, attributes, body, tenant FROM messages WHERE id = ?
"""
    + ENTERED
)

SLICE = 500  # messages that one turn deletes or makes ready at most: a few milliseconds of the loop
ROUNDS = 10  # times that a receive clears expired messages and dead letters out of its way
KEYS = {  # what tells the rows of one queue in a table apart
    "messages": "id",
    "message_deduplications": "key",
    "message_attempts": "attempt",
    "message_tenants": "tenant",
    "message_sequences": "queue",
}


class SqliteMessages:
    """See `noria.store.messages.Messages`."""

    PROMOTE = """
    UPDATE messages SET state = 0 WHERE id IN (
      SELECT id FROM messages WHERE queue = ? AND state IN (1, 2) AND due_ms <= ? LIMIT ?)
    """
    CHANGE = """
    UPDATE messages SET state = ?, due_ms = ?
    WHERE id = ? AND queue = ? AND nonce = ? AND received_ms >= ? RETURNING 1
    """

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._sent = Collector(engine, _insert)

    def send(self, queue: int, messages: Sequence[NewMessage], now_ms: int, result: T) -> Awaitable[T]:
        rows = [
            (
                queue,
                DELAYED if due_ms > now_ms else READY,
                tenant,
                due_ms,
                now_ms,
                message_id,
                sender_id,
                attributes,
                body,
            )
            for message_id, body, attributes, sender_id, due_ms, tenant, _ in messages
        ]
        return self._sent.add(rows, result)

    def receive(
        self,
        queue: int,
        *,
        limit: int,
        now_ms: int,
        visibility_timeout_ms: int,
        sent_after_ms: int,
        in_flight_limit: int,
        dead_letters: DeadLetters | None = None,
    ) -> Awaitable[list[ReceivedMessage] | None]:
        def claim(db: sqlite3.Connection) -> list[ReceivedMessage] | None:
            ready, in_flight = self._make_ready(db, queue, now_ms)
            if in_flight >= in_flight_limit:
                return None
            count = min(limit, in_flight_limit - in_flight)
            times = (now_ms + visibility_timeout_ms, now_ms, now_ms)
            for _ in range(ROUNDS):
                if not ready:
                    break
                rows = fairness.claim(db, queue, count, in_flight, times)
                if len(rows) < count:
                    rows += db.execute(RECEIVE, (*times, queue, count - len(rows))).fetchall()
                good = self._clear(db, rows, now_ms, sent_after_ms, dead_letters)
                if good:
                    good.sort()  # RETURNING promises no order; ids grow with the time of sending
                    return [ReceivedMessage(Receipt(row[0], row[1]), *row[2:]) for row in good]
                db.execute(EXPIRE, (queue, sent_after_ms, SLICE))
                ready = len(rows)
            return []

        # A receive that a power loss undoes was not made: the message is there, and comes again.
        return self._engine.write(claim, synced=False)

    def _clear(
        self,
        db: sqlite3.Connection,
        rows: list[Row],
        now_ms: int,
        sent_after_ms: int,
        dead_letters: DeadLetters | None,
    ) -> list[Row]:
        """Of what was claimed, delete what has expired and move what was received too often."""
        good = [row for row in rows if row[SENT_MS] > sent_after_ms]
        if len(good) < len(rows):
            expired = [(row[0],) for row in rows if row[SENT_MS] <= sent_after_ms]
            db.executemany("DELETE FROM messages WHERE id = ?", expired)
        if dead_letters is not None:
            dead = [(row[0],) for row in good if row[RECEIVE_COUNT] > dead_letters.max_receives]
            if dead:
                queue, most, source = dead_letters
                for message in dead:
                    entered(db, db.execute(TO_DEAD_LETTERS, (queue, now_ms, source, *message)).fetchall())
                db.executemany("DELETE FROM messages WHERE id = ?", dead)
                good = [row for row in good if row[RECEIVE_COUNT] <= most]
        return good

    def delete(self, queue: int, receipts: Sequence[Receipt], now_ms: int) -> Awaitable[None]:
        rows = [(message, queue, nonce) for message, nonce in receipts]

        def change(db: sqlite3.Connection) -> None:
            db.executemany("DELETE FROM messages WHERE id = ? AND queue = ? AND nonce = ?", rows)

        return self._engine.write(change)

    async def change_visibility(
        self, queue: int, receipt: Receipt, *, now_ms: int, timeout_ms: int, max_total_ms: int
    ) -> VisibilityChange:
        message, nonce = receipt
        due_ms = now_ms + timeout_ms
        state = IN_FLIGHT if timeout_ms else READY

        def change(db: sqlite3.Connection) -> VisibilityChange:
            earliest_ms = due_ms - max_total_ms if timeout_ms else 0
            if db.execute(self.CHANGE, (state, due_ms, message, queue, nonce, earliest_ms)).fetchall():
                return "changed"
            known = "SELECT 1 FROM messages WHERE id = ? AND queue = ? AND nonce = ?"
            return "too_long" if db.execute(known, (message, queue, nonce)).fetchone() else "gone"

        return await self._engine.write(change)

    async def move(
        self,
        queue: int,
        *,
        limit: int,
        now_ms: int,
        destination: int | None,
        destinations: Mapping[str, int],
        new_id: Callable[[], str],
    ) -> Moved:
        def change(db: sqlite3.Connection) -> Moved:
            self._make_ready(db, queue, now_ms)
            for count in range(limit):
                head = db.execute(HEAD, (queue,)).fetchone()
                if head is None:
                    return Moved(count)
                message, source = head
                target = destinations.get(source) if destination is None else destination
                if target is None:
                    return Moved(count, source)
                self._move_one(db, message, target, now_ms, new_id())
            return Moved(limit)

        return await self._engine.write(change)

    def _move_one(
        self, db: sqlite3.Connection, message: int, destination: int, now_ms: int, message_id: str
    ) -> None:
        entered(db, db.execute(MOVE, (destination, now_ms, now_ms, message_id, message)).fetchall())
        db.execute("DELETE FROM messages WHERE id = ?", (message,))

    async def counts(self, queue: int, now_ms: int) -> Counts:
        if self._engine.read(IS_DUE, (queue, now_ms)):
            await self._engine.write(lambda db: self._make_ready(db, queue, now_ms))
        rows = self._engine.read(COUNTS, (queue,))
        return Counts(*rows[0]) if rows else Counts(0, 0, 0)

    async def next_visible_ms(self, queue: int) -> int | None:
        first = "(SELECT min(due_ms) FROM messages WHERE queue = ?1 AND state = {})"
        rows = self._engine.read(
            "SELECT " + ", ".join(map(first.format, (READY, IN_FLIGHT, DELAYED))), (queue,)
        )
        return min((due_ms for due_ms in rows[0] if due_ms is not None), default=None)

    async def expire(self, queue: int, sent_until_ms: int, now_ms: int) -> None:
        due = "SELECT 1 FROM messages WHERE queue = ? AND state IN (0, 1, 2, 3) AND due_ms <= ? LIMIT 1"
        while self._engine.read(due, (queue, sent_until_ms)):
            await self._engine.write(lambda db: self._expire(db, queue, sent_until_ms))

    def _expire(self, db: sqlite3.Connection, queue: int, sent_until_ms: int) -> None:
        db.execute(EXPIRE, (queue, sent_until_ms, SLICE))

    async def drop(self, queue: int) -> None:
        for table in KEYS:
            while await self._engine.write(partial(_drop_slice, table, queue)):
                pass
        await self._engine.write(
            lambda db: db.execute("DELETE FROM message_counts WHERE queue = ?", (queue,)).rowcount
        )

    async def queues(self) -> list[int]:
        rows = self._engine.read(
            "SELECT queue FROM message_counts WHERE ready + in_flight + delayed > 0"
            " UNION SELECT queue FROM message_sequences"
        )
        return [queue for (queue,) in rows]

    def _make_ready(self, db: sqlite3.Connection, queue: int, now_ms: int) -> tuple[int, int]:
        """Make a slice of what has become due ready; (ready, in flight) after that."""
        ready, in_flight, delayed = db.execute(COUNTS, (queue,)).fetchone() or (0, 0, 0)
        if (in_flight or delayed) and db.execute(IS_DUE, (queue, now_ms)).fetchone():
            db.execute(self.PROMOTE, (queue, now_ms, SLICE))
            ready, in_flight, _ = db.execute(COUNTS, (queue,)).fetchone()
        return ready, in_flight


def _insert(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
    db.executemany(SEND, rows)
    entered(db, [row[:3] for row in rows])


def _drop_slice(table: str, queue: int, db: sqlite3.Connection) -> bool:
    key = KEYS[table]
    return (
        db.execute(
            f"DELETE FROM {table} WHERE queue = ?1 AND {key} IN"
            f" (SELECT {key} FROM {table} WHERE queue = ?1 LIMIT ?2)",
            (queue, SLICE),
        ).rowcount
        > 0
    )
