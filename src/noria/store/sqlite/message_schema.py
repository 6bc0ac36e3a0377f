"""Where messages are in SQLite.

A message is ready (0), in flight (1), delayed (2) or, in a FIFO queue, waiting (3): visible, but not the
first of its group. `due_ms` says since when it is visible, or when it becomes so. Messages that have become
due are made ready by whoever looks next. So one index finds the next message at any depth, also behind groups
that are blocked. Triggers keep each queue's counts as messages move and go; `entered` counts those that come,
because a send's two triggers took as long as its insert.

grp: the message group in a FIFO queue; at most its first message is ready. tenant: the message group in a
standard queue, where it decides who goes first when one has taken much. source: the ARN of the queue from
which it came to a dead-letter queue.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

READY, IN_FLIGHT, DELAYED, WAITING = 0, 1, 2, 3

# A ReceivedMessage, after its receipt.
ROW = """
id, nonce, message_id, body, attributes, sender_id, sent_ms, first_received_ms, receive_count, sequence,
  source
"""
CLAIM = """
UPDATE messages SET
  state = 1, due_ms = ?, received_ms = ?, first_received_ms = coalesce(first_received_ms, ?),
  receive_count = receive_count + 1, nonce = random()
WHERE id IN ({ids}) RETURNING {row}
"""
ENTERED = "RETURNING queue, state, tenant"  # of an insert, for `entered`
CLAIM_THESE = CLAIM.format(ids="SELECT value FROM json_each(?)", row=ROW)

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

# Message groups, deduplication and dead letters. `ready` of the counts includes those that wait.
GROUPS_SCHEMA = """
ALTER TABLE messages ADD COLUMN grp TEXT;
ALTER TABLE messages ADD COLUMN tenant TEXT;
ALTER TABLE messages ADD COLUMN sequence INTEGER;
ALTER TABLE messages ADD COLUMN source TEXT;
CREATE INDEX messages_group ON messages (queue, grp) WHERE grp IS NOT NULL;
CREATE INDEX messages_tenant ON messages (queue, tenant, due_ms) WHERE tenant IS NOT NULL AND state = 0;
CREATE TABLE message_sequences (queue INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE message_deduplications (
  queue INTEGER NOT NULL, key TEXT NOT NULL, expires_ms INTEGER NOT NULL, message_id TEXT NOT NULL,
  sequence INTEGER NOT NULL, PRIMARY KEY (queue, key)
) WITHOUT ROWID;
CREATE INDEX message_deduplications_expiry ON message_deduplications (queue, expires_ms);
CREATE TABLE message_attempts (
  queue INTEGER NOT NULL, attempt TEXT NOT NULL, expires_ms INTEGER NOT NULL, message INTEGER NOT NULL,
  nonce INTEGER NOT NULL, PRIMARY KEY (queue, attempt, message)
) WITHOUT ROWID;
CREATE INDEX message_attempts_expiry ON message_attempts (queue, expires_ms);
CREATE TABLE message_tenants (
  queue INTEGER NOT NULL, tenant TEXT NOT NULL, held INTEGER NOT NULL, ready INTEGER NOT NULL,
  in_flight INTEGER NOT NULL, served_ms INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (queue, tenant)
) WITHOUT ROWID;
CREATE INDEX message_tenants_busy ON message_tenants (queue, in_flight);
CREATE INDEX message_tenants_served ON message_tenants (queue, served_ms) WHERE ready > 0;
DROP TRIGGER messages_inserted;
DROP TRIGGER messages_moved;
DROP TRIGGER messages_deleted;
CREATE TRIGGER messages_inserted AFTER INSERT ON messages BEGIN
  INSERT INTO message_counts VALUES (NEW.queue, NEW.state IN (0, 3), NEW.state = 1, NEW.state = 2)
  ON CONFLICT DO UPDATE SET
    ready = ready + excluded.ready,
    in_flight = in_flight + excluded.in_flight,
    delayed = delayed + excluded.delayed;
END;
CREATE TRIGGER messages_moved AFTER UPDATE OF state ON messages WHEN OLD.state <> NEW.state BEGIN
  UPDATE message_counts SET
    ready = ready + (NEW.state IN (0, 3)) - (OLD.state IN (0, 3)),
    in_flight = in_flight + (NEW.state = 1) - (OLD.state = 1),
    delayed = delayed + (NEW.state = 2) - (OLD.state = 2)
  WHERE queue = NEW.queue;
END;
CREATE TRIGGER messages_deleted AFTER DELETE ON messages BEGIN
  UPDATE message_counts SET
    ready = ready - (OLD.state IN (0, 3)),
    in_flight = in_flight - (OLD.state = 1),
    delayed = delayed - (OLD.state = 2)
  WHERE queue = OLD.queue;
END;
CREATE TRIGGER tenants_inserted AFTER INSERT ON messages WHEN NEW.tenant IS NOT NULL BEGIN
  INSERT INTO message_tenants (queue, tenant, held, ready, in_flight)
  VALUES (NEW.queue, NEW.tenant, 1, NEW.state = 0, NEW.state = 1)
  ON CONFLICT DO UPDATE SET
    held = held + 1, ready = ready + excluded.ready, in_flight = in_flight + excluded.in_flight;
END;
CREATE TRIGGER tenants_moved AFTER UPDATE OF state ON messages
WHEN NEW.tenant IS NOT NULL AND OLD.state <> NEW.state BEGIN
  UPDATE message_tenants SET
    ready = ready + (NEW.state = 0) - (OLD.state = 0),
    in_flight = in_flight + (NEW.state = 1) - (OLD.state = 1)
  WHERE queue = NEW.queue AND tenant = NEW.tenant;
END;
CREATE TRIGGER tenants_deleted AFTER DELETE ON messages WHEN OLD.tenant IS NOT NULL BEGIN
  UPDATE message_tenants SET
    held = held - 1, ready = ready - (OLD.state = 0), in_flight = in_flight - (OLD.state = 1)
  WHERE queue = OLD.queue AND tenant = OLD.tenant;
  DELETE FROM message_tenants WHERE queue = OLD.queue AND tenant = OLD.tenant AND held = 0;
END
"""

WITHOUT_INSERT_TRIGGERS = "DROP TRIGGER messages_inserted; DROP TRIGGER tenants_inserted"

COUNT = """
INSERT INTO message_counts VALUES (?, ?, 0, ?)
ON CONFLICT DO UPDATE SET ready = ready + excluded.ready, delayed = delayed + excluded.delayed
"""
COUNT_OF_TENANT = """
INSERT INTO message_tenants (queue, tenant, held, ready, in_flight) VALUES (?, ?, 1, ?, 0)
ON CONFLICT DO UPDATE SET held = held + 1, ready = ready + excluded.ready
"""


def entered(db: sqlite3.Connection, messages: Iterable[tuple[int, int, str | None]]) -> None:
    """Count messages that have just been inserted: (queue, state, tenant) of each; none is in flight."""
    counts: dict[int, list[int]] = {}
    for queue, state, tenant in messages:
        count = counts.get(queue)
        if count is None:
            count = counts[queue] = [0, 0]
        count[state == DELAYED] += 1
        if tenant is not None:
            db.execute(COUNT_OF_TENANT, (queue, tenant, state == READY))
    db.executemany(COUNT, [(queue, ready, delayed) for queue, (ready, delayed) in counts.items()])
