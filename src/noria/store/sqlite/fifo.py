"""Messages of FIFO queues in SQLite.

What differs: a message behind another one of its group waits instead of being ready, and becomes ready when
it is the first. So whatever a group's length and however many groups are blocked, one look at an index finds
the next message, and one more the messages behind it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Collection, Iterable, Sequence
from functools import partial

from noria.store.messages import Accepted, DeadLetters, NewMessage, Receipt, ReceivedMessage
from noria.store.sqlite.message_schema import CLAIM_THESE, ENTERED, IN_FLIGHT, READY, ROW, WAITING, entered
from noria.store.sqlite.messages import EXPIRE, ROUNDS, SLICE, SqliteMessages

MAX_DELAY_MS = 900_000  # "up to 15 minutes"
DEDUPLICATION_MS = 300_000  # "the 5-minute deduplication interval"; attempts of a receive count as long

EARLIER = """EXISTS (
  SELECT 1 FROM messages AS earlier
  WHERE earlier.queue = messages.queue AND earlier.grp = messages.grp AND earlier.id < messages.id)"""
INSERT = (
    """
INSERT INTO messages (queue, state, due_ms, sent_ms, message_id, sender_id, attributes, body, grp, sequence)
SELECT ?1, CASE
    WHEN ?2 > ?3 THEN 2
    WHEN EXISTS (SELECT 1 FROM messages WHERE queue = ?1 AND grp = ?8) THEN 3 ELSE 0 END,
  ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
"""
    + ENTERED
)
TO_DEAD_LETTERS = (
    """
INSERT INTO messages (queue, state, due_ms, sent_ms, first_received_ms, receive_count, message_id, sender_id,
  attributes, body, grp, sequence, source)
SELECT ?1, CASE WHEN EXISTS (SELECT 1 FROM messages WHERE queue = ?1 AND grp = old.grp) THEN 3 ELSE 0 END,
  ?2, ?2, first_received_ms, receive_count, message_id, sender_id, attributes, body, grp, ?3, ?4
FROM messages AS old WHERE id = ?5
"""
    + ENTERED
)
MOVE = (
    """
INSERT INTO messages (queue, state, due_ms, sent_ms, message_id, sender_id, attributes, body, grp, sequence)
SELECT ?1, CASE WHEN EXISTS (SELECT 1 FROM messages WHERE queue = ?1 AND grp = old.grp) THEN 3 ELSE 0 END,
  ?2, ?2, ?3, sender_id, attributes, body, grp, ?4
FROM messages AS old WHERE id = ?5
"""
    + ENTERED
)
# A sequence grows with time, so that it also does when a purge gives the queue a new place.
NEXT_SEQUENCE = """
INSERT INTO message_sequences VALUES (?1, ?2 << 20)
ON CONFLICT DO UPDATE SET last = max(last + 1, excluded.last) RETURNING last
"""
UNBLOCK = """
UPDATE messages SET state = 0
WHERE id = (SELECT id FROM messages WHERE queue = ? AND grp = ? ORDER BY id LIMIT 1) AND state = 3
"""
HEAD = "SELECT id, grp FROM messages WHERE queue = ? AND state = 0 ORDER BY due_ms LIMIT 1"
BEHIND = """
SELECT id, state, sent_ms, receive_count FROM messages WHERE queue = ? AND grp = ? ORDER BY id LIMIT ?
"""
KNOWN = "SELECT message_id, sequence, expires_ms FROM message_deduplications WHERE queue = ? AND key = ?"
REMEMBER = "INSERT OR REPLACE INTO message_deduplications VALUES (?, ?, ?, ?, ?)"
FORGET = """
DELETE FROM {table} WHERE queue = ?1 AND {key} IN (
  SELECT {key} FROM {table} WHERE queue = ?1 AND expires_ms <= ?2 LIMIT ?3)
"""
FORGET_DEDUPLICATIONS = FORGET.format(table="message_deduplications", key="key")
FORGET_ATTEMPTS = FORGET.format(table="message_attempts", key="attempt")
DELAYED_AFTER = """
SELECT due_ms, id FROM messages WHERE queue = ? AND state = 2 AND (due_ms, id) > (?, ?) AND due_ms <= ?
ORDER BY due_ms, id LIMIT ?
"""
DELAY = "UPDATE messages SET due_ms = sent_ms + ? WHERE id = ? AND state = 2"
HELD = "SELECT state, due_ms, nonce, grp FROM messages WHERE id = ? AND queue = ?"
ATTEMPT = "SELECT message, nonce FROM message_attempts WHERE queue = ? AND attempt = ? AND expires_ms > ?"
HIDE_AGAIN = f"UPDATE messages SET due_ms = ? WHERE id = ? RETURNING {ROW}"


class SqliteFifoMessages(SqliteMessages):
    """See `noria.store.messages.FifoMessages`."""

    PROMOTE = f"""
    UPDATE messages SET state = CASE WHEN {EARLIER} THEN 3 ELSE 0 END WHERE id IN (
      SELECT id FROM messages WHERE queue = ? AND state IN (1, 2) AND due_ms <= ? LIMIT ?)
    """
    CHANGE = f"""
    UPDATE messages SET state = CASE WHEN ?1 = 0 AND {EARLIER} THEN 3 ELSE ?1 END, due_ms = ?2
    WHERE id = ?3 AND queue = ?4 AND nonce = ?5 AND received_ms >= ?6 RETURNING 1
    """

    async def send_once(self, queue: int, messages: Sequence[NewMessage], now_ms: int) -> list[Accepted]:
        def change(db: sqlite3.Connection) -> list[Accepted]:
            db.execute(FORGET_DEDUPLICATIONS, (queue, now_ms, 2 * len(messages)))
            return [_insert(db, queue, message, now_ms) for message in messages]

        return await self._engine.write(change, grows=True)

    async def delay(self, queue: int, delay_ms: int, now_ms: int) -> None:
        due_ms, message = now_ms + 1, 0
        until_ms = now_ms + MAX_DELAY_MS  # what is sent from now on has the new delay already
        while rows := self._engine.read(DELAYED_AFTER, (queue, due_ms, message, until_ms, SLICE)):
            await self._engine.write(partial(_delay, [(delay_ms, row[1]) for row in rows]))
            due_ms, message = rows[-1]

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
        times = (now_ms + visibility_timeout_ms, now_ms, now_ms)

        def claim(db: sqlite3.Connection) -> list[ReceivedMessage] | None:
            ready, in_flight = self._make_ready(db, queue, now_ms)
            if in_flight >= in_flight_limit:
                return None
            received: list[ReceivedMessage] = []
            most = min(limit, in_flight_limit - in_flight) if ready else 0
            for _ in range(ROUNDS + most):
                if len(received) == most:
                    break
                head = db.execute(HEAD, (queue,)).fetchone()
                if head is None:
                    break
                chosen = _first_of(
                    db, queue, head[1], most - len(received), now_ms, sent_after_ms, dead_letters
                )
                rows = db.execute(CLAIM_THESE, (*times, json.dumps(chosen))).fetchall() if chosen else []
                received += [ReceivedMessage(Receipt(row[0], row[1]), *row[2:]) for row in sorted(rows)]
            return received

        return self._engine.write(claim, synced=False)  # as of standard queues

    async def receive_again(
        self, queue: int, attempt: str, *, now_ms: int, visibility_timeout_ms: int
    ) -> list[ReceivedMessage]:
        def change(db: sqlite3.Connection) -> list[ReceivedMessage]:
            db.execute(FORGET_ATTEMPTS, (queue, now_ms, SLICE))
            receipts = db.execute(ATTEMPT, (queue, attempt, now_ms)).fetchall()
            for message, nonce in receipts:
                if not _in_flight(db.execute(HELD, (message, queue)).fetchone(), nonce, now_ms):
                    return []
            due_ms = now_ms + visibility_timeout_ms
            rows = [db.execute(HIDE_AGAIN, (due_ms, message)).fetchall()[0] for message, _ in receipts]
            return [ReceivedMessage(Receipt(row[0], row[1]), *row[2:]) for row in rows]

        return await self._engine.write(change)

    async def remember(
        self, queue: int, attempt: str, received: Sequence[ReceivedMessage], now_ms: int
    ) -> None:
        rows = [(queue, attempt, now_ms + DEDUPLICATION_MS, *message.receipt) for message in received]

        def change(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM message_attempts WHERE queue = ? AND attempt = ?", (queue, attempt))
            db.executemany("INSERT INTO message_attempts VALUES (?, ?, ?, ?, ?)", rows)

        await self._engine.write(change)

    async def delete_in_flight(
        self, queue: int, receipts: Sequence[Receipt], now_ms: int
    ) -> Collection[Receipt]:
        def change(db: sqlite3.Connection) -> Collection[Receipt]:
            expired = []
            for receipt in receipts:
                held = db.execute(HELD, (receipt.message, queue)).fetchone()
                if _in_flight(held, receipt.nonce, now_ms):
                    db.execute("DELETE FROM messages WHERE id = ?", (receipt.message,))
                    db.execute(UNBLOCK, (queue, held[3]))
                elif held is not None and held[2] is not None:  # there, and received at some time
                    expired.append(receipt)
            return expired

        return await self._engine.write(change)

    def _move_one(
        self, db: sqlite3.Connection, message: int, destination: int, now_ms: int, message_id: str
    ) -> None:
        sequence = _next_sequence(db, destination, now_ms)
        moved = db.execute(MOVE, (destination, now_ms, message_id, sequence, message)).fetchall()
        entered(db, moved)
        _remove(db, message)

    async def expire(self, queue: int, sent_until_ms: int, now_ms: int) -> None:
        await super().expire(queue, sent_until_ms, now_ms)
        for forget in (FORGET_DEDUPLICATIONS, FORGET_ATTEMPTS):
            while await self._engine.write(
                lambda db, sql=forget: db.execute(sql, (queue, now_ms, SLICE)).rowcount  # type: ignore[misc]
            ):
                pass

    def _expire(self, db: sqlite3.Connection, queue: int, sent_until_ms: int) -> None:
        groups = db.execute(EXPIRE, (queue, sent_until_ms, SLICE)).fetchall()
        _unblock(db, queue, {group for (group,) in groups})


def _delay(changes: Sequence[tuple[int, int]], db: sqlite3.Connection) -> None:
    db.executemany(DELAY, changes)


def _insert(db: sqlite3.Connection, queue: int, message: NewMessage, now_ms: int) -> Accepted:
    known = db.execute(KNOWN, (queue, message.deduplication)).fetchone()
    if known is not None and known[2] > now_ms:
        return Accepted(known[0], known[1])
    sequence = _next_sequence(db, queue, now_ms)
    inserted = db.execute(
        INSERT,
        (
            queue,
            message.visible_at_ms,
            now_ms,
            message.message_id,
            message.sender_id,
            message.attributes,
            message.body,
            message.group,
            sequence,
        ),
    ).fetchall()
    entered(db, inserted)
    expires_ms = now_ms + DEDUPLICATION_MS
    db.execute(REMEMBER, (queue, message.deduplication, expires_ms, message.message_id, sequence))
    return Accepted(message.message_id, sequence)


def _next_sequence(db: sqlite3.Connection, queue: int, now_ms: int) -> int:
    ((sequence,),) = db.execute(NEXT_SEQUENCE, (queue, now_ms)).fetchall()
    return int(sequence)


def _first_of(
    db: sqlite3.Connection,
    queue: int,
    group: str,
    limit: int,
    now_ms: int,
    sent_after_ms: int,
    dead_letters: DeadLetters | None,
) -> list[int]:
    """The group's messages before the first hidden one; those that have expired or are dead are removed."""
    chosen: list[int] = []
    removed = False
    for message, state, sent_ms, receive_count in db.execute(BEHIND, (queue, group, limit)).fetchall():
        if state not in (READY, WAITING):
            break
        if sent_ms <= sent_after_ms:
            db.execute("DELETE FROM messages WHERE id = ?", (message,))
            removed = True
        elif dead_letters is not None and receive_count >= dead_letters.max_receives:
            sequence = _next_sequence(db, dead_letters.queue, now_ms)
            values = (dead_letters.queue, now_ms, sequence, dead_letters.source, message)
            entered(db, db.execute(TO_DEAD_LETTERS, values).fetchall())
            db.execute("DELETE FROM messages WHERE id = ?", (message,))
            removed = True
        else:
            chosen.append(message)
    if removed and not chosen:
        db.execute(UNBLOCK, (queue, group))
    return chosen


def _remove(db: sqlite3.Connection, message: int) -> None:
    (removed,) = db.execute("DELETE FROM messages WHERE id = ? RETURNING queue, grp", (message,)).fetchall()
    db.execute(UNBLOCK, removed)


def _unblock(db: sqlite3.Connection, queue: int, groups: Iterable[str]) -> None:
    db.executemany(UNBLOCK, [(queue, group) for group in groups])


def _in_flight(held: tuple[int, int, int | None, str] | None, nonce: int, now_ms: int) -> bool:
    """Whether a message is still hidden by the receive with that nonce. held: a row of HELD."""
    return held is not None and held[0] == IN_FLIGHT and held[1] > now_ms and held[2] == nonce
