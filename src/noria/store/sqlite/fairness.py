"""Fair queues: the messages of groups that have taken much come after those of the others.

A group is noisy while it holds more than a tenth of the messages in flight, and 30 at least (developer
guide, "Amazon SQS fair queues"). So there are nine of them at most, and finding the others costs the same at
any depth.
"""

from __future__ import annotations

import json
import sqlite3

from noria.store.sqlite.engine import Row
from noria.store.sqlite.message_schema import CLAIM_THESE

NOISY_IN_FLIGHT = 30
NOISY_FRACTION = 10  # one tenth of all in flight
LOOKED_THROUGH = 100  # ready messages among which those without a group are looked for

NOISY = "SELECT tenant FROM message_tenants WHERE queue = ? AND in_flight >= ?"
QUIET = """
SELECT tenant FROM message_tenants
WHERE queue = ?1 AND ready > 0 AND tenant NOT IN (SELECT value FROM json_each(?2)) ORDER BY served_ms LIMIT ?3
"""
OF_TENANT = (
    "SELECT due_ms, id FROM messages WHERE queue = ? AND tenant = ? AND state = 0 ORDER BY due_ms LIMIT ?"
)
OF_NONE = """
SELECT due_ms, id FROM (
  SELECT due_ms, id, tenant FROM messages WHERE queue = ? AND state = 0 ORDER BY due_ms LIMIT ?
) WHERE tenant IS NULL LIMIT ?
"""
SERVED = "UPDATE message_tenants SET served_ms = ? WHERE queue = ? AND tenant = ?"


def claim(
    db: sqlite3.Connection, queue: int, count: int, in_flight: int, times: tuple[int, int, int]
) -> list[Row]:
    """Claim up to `count` messages that go before those of noisy groups; none where no group is noisy.

    times: the values of CLAIM. Of the other groups those come first that were served the longest ago.
    """
    if in_flight < NOISY_IN_FLIGHT:
        return []
    least = max(NOISY_IN_FLIGHT, in_flight // NOISY_FRACTION + 1)
    noisy = [tenant for (tenant,) in db.execute(NOISY, (queue, least))]
    if not noisy:
        return []
    tenants = [tenant for (tenant,) in db.execute(QUIET, (queue, json.dumps(noisy), count))]
    found = db.execute(OF_NONE, (queue, LOOKED_THROUGH, count)).fetchall()
    for tenant in tenants:
        found += db.execute(OF_TENANT, (queue, tenant, count)).fetchall()
    now_ms = times[1]
    db.executemany(SERVED, [(now_ms, queue, tenant) for tenant in tenants])
    chosen = [message for _, message in sorted(found)[:count]]
    return db.execute(CLAIM_THESE, (*times, json.dumps(chosen))).fetchall()
