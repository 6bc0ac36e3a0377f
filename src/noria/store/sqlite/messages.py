"""Messages in SQLite.

A message is ready (0), in flight (1) or delayed (2); `due_ms` says since when it is ready, or when it becomes
so. Messages that have become due are made ready by whoever looks next. So one index finds the next message at
any depth, and triggers keep each queue's counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from noria.store.messages import Counts, NewMessage, Receipt, ReceivedMessage, VisibilityChange
from noria.store.sqlite.engine import SqliteEngine

SCHEMA = """
CREATE TABLE messages (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  state INTEGER NOT NULL,
  due_ms INTEGER NOT NULL,
  sent_ms INTEGER NOT NULL,
  first_received_ms INTEGER,
  received_ms INTEGER,
  receive_count INTEGER NOT NULL DEFAULT 0,
  nonce INTEGER,
  message_id TEXT NOT NULL,
  sender_id TEXT NOT NULL,
  attributes BLOB,
  body TEXT NOT NULL
);
CREATE INDEX messages_due ON messages (queue, state, due_ms);
CREATE TABLE message_counts (
  queue INTEGER PRIMARY KEY, ready INTEGER NOT NULL, in_flight INTEGER NOT NULL, delayed INTEGER NOT NULL
);
CREATE TRIGGER messages_inserted AFTER INSERT ON messages BEGIN
  INSERT INTO message_counts VALUES (NEW.queue, NEW.state = 0, NEW.state = 1, NEW.state = 2)
  ON CONFLICT DO UPDATE SET
    ready = ready + excluded.ready,
    in_flight = in_flight + excluded.in_flight,
    delayed = delayed + excluded.delayed;
END;
CREATE TRIGGER messages_moved AFTER UPDATE OF state ON messages WHEN OLD.state <> NEW.state BEGIN
  UPDATE message_counts SET
    ready = ready + (NEW.state = 0) - (OLD.state = 0),
    in_flight = in_flight + (NEW.state = 1) - (OLD.state = 1),
    delayed = delayed + (NEW.state = 2) - (OLD.state = 2)
  WHERE queue = NEW.queue;
END;
CREATE TRIGGER messages_deleted AFTER DELETE ON messages BEGIN
  UPDATE message_counts SET
    ready = ready - (OLD.state = 0),
    in_flight = in_flight - (OLD.state = 1),
    delayed = delayed - (OLD.state = 2)
  WHERE queue = OLD.queue;
END
"""

READY, IN_FLIGHT, DELAYED = 0, 1, 2

SEND = """
INSERT INTO messages (queue, state, due_ms, sent_ms, message_id, sender_id, attributes, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
RECEIVE = """
UPDATE messages SET
  state = 1, due_ms = ?, received_ms = ?, first_received_ms = coalesce(first_received_ms, ?),
  receive_count = receive_count + 1, nonce = random()
WHERE id IN (SELECT id FROM messages WHERE queue = ? AND state = 0 ORDER BY due_ms LIMIT ?)
RETURNING id, nonce, message_id, body, attributes, sender_id, sent_ms, first_received_ms, receive_count
"""
PROMOTE = """
UPDATE messages SET state = 0 WHERE id IN (
  SELECT id FROM messages WHERE queue = ? AND state IN (1, 2) AND due_ms <= ? LIMIT ?)
"""
CHANGE = """
UPDATE messages SET state = ?, due_ms = ?
WHERE id = ? AND queue = ? AND nonce = ? AND received_ms >= ? RETURNING 1
"""
EXPIRE = """
DELETE FROM messages WHERE id IN (
  SELECT id FROM messages WHERE queue = ? AND state IN (0, 1, 2) AND due_ms <= ? LIMIT ?)
"""
COUNTS = "SELECT ready, in_flight, delayed FROM message_counts WHERE queue = ?"
IS_DUE = "SELECT 1 FROM messages WHERE queue = ? AND state IN (1, 2) AND due_ms <= ? LIMIT 1"
SENT_MS = 6  # in a row that RECEIVE returns

SLICE = 500  # messages that one turn deletes or makes ready at most: a few milliseconds of the loop
EXPIRED_ROUNDS = 10  # slices of expired messages that a receive clears out of its way


class SqliteMessages:
    """See `noria.store.messages.Messages`."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine

    async def send(self, queue: int, messages: Sequence[NewMessage], now_ms: int) -> None:
        rows = [
            (
                queue,
                DELAYED if due_ms > now_ms else READY,
                due_ms,
                now_ms,
                message_id,
                sender_id,
                attributes,
                body,
            )
            for message_id, body, attributes, sender_id, due_ms in messages
        ]
        await self._engine.write(lambda db: db.executemany(SEND, rows))

    async def receive(
        self,
        queue: int,
        *,
        limit: int,
        now_ms: int,
        visibility_timeout_ms: int,
        sent_after_ms: int,
        in_flight_limit: int,
    ) -> list[ReceivedMessage] | None:
        def claim(db: sqlite3.Connection) -> list[ReceivedMessage] | None:
            ready, in_flight = _make_ready(db, queue, now_ms)
            if in_flight >= in_flight_limit:
                return None
            count = min(limit, in_flight_limit - in_flight)
            due_ms = now_ms + visibility_timeout_ms
            for _ in range(EXPIRED_ROUNDS):
                if not ready:
                    break
                rows = db.execute(RECEIVE, (due_ms, now_ms, now_ms, queue, count)).fetchall()
                expired = [(row[0],) for row in rows if row[SENT_MS] <= sent_after_ms]
                if expired:
                    db.executemany("DELETE FROM messages WHERE id = ?", expired)
                if len(rows) > len(expired):
                    rows.sort()  # RETURNING promises no order; ids grow with the time of sending
                    return [
                        ReceivedMessage(Receipt(row[0], row[1]), *row[2:])
                        for row in rows
                        if row[SENT_MS] > sent_after_ms
                    ]
                db.execute(EXPIRE, (queue, sent_after_ms, SLICE))
                ready = len(rows)
            return []

        return await self._engine.write(claim)

    async def delete(self, queue: int, receipts: Sequence[Receipt]) -> None:
        rows = [(message, queue, nonce) for message, nonce in receipts]
        await self._engine.write(
            lambda db: db.executemany("DELETE FROM messages WHERE id = ? AND queue = ? AND nonce = ?", rows)
        )

    async def change_visibility(
        self, queue: int, receipt: Receipt, *, now_ms: int, timeout_ms: int, max_total_ms: int
    ) -> VisibilityChange:
        message, nonce = receipt
        due_ms = now_ms + timeout_ms
        state = IN_FLIGHT if timeout_ms else READY

        def change(db: sqlite3.Connection) -> VisibilityChange:
            earliest_ms = due_ms - max_total_ms if timeout_ms else 0
            if db.execute(CHANGE, (state, due_ms, message, queue, nonce, earliest_ms)).fetchall():
                return "changed"
            known = "SELECT 1 FROM messages WHERE id = ? AND queue = ? AND nonce = ?"
            return "too_long" if db.execute(known, (message, queue, nonce)).fetchone() else "gone"

        return await self._engine.write(change)

    async def counts(self, queue: int, now_ms: int) -> Counts:
        if self._engine.read(IS_DUE, (queue, now_ms)):
            await self._engine.write(lambda db: _make_ready(db, queue, now_ms))
        rows = self._engine.read(COUNTS, (queue,))
        return Counts(*rows[0]) if rows else Counts(0, 0, 0)

    async def next_visible_ms(self, queue: int) -> int | None:
        first = "(SELECT min(due_ms) FROM messages WHERE queue = ?1 AND state = {})"
        rows = self._engine.read(
            "SELECT " + ", ".join(map(first.format, (READY, IN_FLIGHT, DELAYED))), (queue,)
        )
        return min((due_ms for due_ms in rows[0] if due_ms is not None), default=None)

    async def expire(self, queue: int, sent_until_ms: int) -> None:
        due = "SELECT 1 FROM messages WHERE queue = ? AND state IN (0, 1, 2) AND due_ms <= ? LIMIT 1"
        while self._engine.read(due, (queue, sent_until_ms)):
            await self._engine.write(lambda db: db.execute(EXPIRE, (queue, sent_until_ms, SLICE)))

    async def drop(self, queue: int) -> None:
        some = "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE queue = ? LIMIT ?)"

        def slice_(db: sqlite3.Connection) -> bool:
            if db.execute(some, (queue, SLICE)).rowcount:
                return True
            db.execute("DELETE FROM message_counts WHERE queue = ?", (queue,))
            return False

        while await self._engine.write(slice_):
            pass

    async def queues(self) -> list[int]:
        rows = self._engine.read("SELECT queue FROM message_counts WHERE ready + in_flight + delayed > 0")
        return [queue for (queue,) in rows]


def _make_ready(db: sqlite3.Connection, queue: int, now_ms: int) -> tuple[int, int]:
    """Make a slice of what has become due ready; (ready, in flight) after that."""
    ready, in_flight, delayed = db.execute(COUNTS, (queue,)).fetchone() or (0, 0, 0)
    if (in_flight or delayed) and db.execute(IS_DUE, (queue, now_ms)).fetchone():
        db.execute(PROMOTE, (queue, now_ms, SLICE))
        ready, in_flight, _ = db.execute(COUNTS, (queue,)).fetchone()
    return ready, in_flight
