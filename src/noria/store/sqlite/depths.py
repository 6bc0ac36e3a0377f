"""What is measured of queues in SQLite."""

from __future__ import annotations

from noria.store.depths import Quiet
from noria.store.messages import Counts
from noria.store.sqlite.engine import SqliteEngine
from noria.store.sqlite.fairness import NOISY, NOISY_FRACTION, NOISY_IN_FLIGHT
from noria.store.sqlite.message_schema import DELAYED, IN_FLIGHT, READY, WAITING

# The oldest is among those that are due first: a message that came back is due later than it was sent, and
# so may hide behind as many that are younger.
LOOKED_THROUGH = 100
GROUPS_LOOKED_THROUGH = 100

OLDEST = """
SELECT min(sent_ms) FROM (
  SELECT sent_ms FROM messages WHERE queue = ? AND state = ? ORDER BY due_ms LIMIT ?
)
"""
COUNTS = "SELECT ready, in_flight, delayed FROM message_counts WHERE queue = ?"
HAS_GROUPS = "SELECT 1 FROM message_tenants WHERE queue = ? LIMIT 1"
HELD = "SELECT ready, in_flight, held FROM message_tenants WHERE queue = ? AND tenant = ?"
QUIET = """
SELECT tenant FROM message_tenants WHERE queue = ? AND ready > 0 ORDER BY served_ms LIMIT ?
"""
OLDEST_OF_GROUP = (
    "SELECT sent_ms FROM messages WHERE queue = ? AND tenant = ? AND state = 0 ORDER BY due_ms LIMIT 1"
)
OLDEST_OF_NONE = """
SELECT min(sent_ms) FROM (
  SELECT sent_ms, tenant FROM messages WHERE queue = ? AND state = 0 ORDER BY due_ms LIMIT ?
) WHERE tenant IS NULL
"""


class SqliteDepths:
    """See `noria.store.depths.Depths`."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine

    async def oldest_sent_ms(self, queue: int) -> int | None:
        found = [
            self._engine.read(OLDEST, (queue, state, LOOKED_THROUGH))[0][0]
            for state in (READY, IN_FLIGHT, DELAYED, WAITING)
        ]
        return _least(found)

    async def quiet(self, queue: int) -> Quiet | None:
        read = self._engine.read
        if not read(HAS_GROUPS, (queue,)):
            return None
        ready, in_flight, delayed = (read(COUNTS, (queue,)) or [(0, 0, 0)])[0]
        least = max(NOISY_IN_FLIGHT, in_flight // NOISY_FRACTION + 1)
        noisy = {tenant for (tenant,) in read(NOISY, (queue, least))}
        for tenant in noisy:
            its_ready, its_in_flight, held = read(HELD, (queue, tenant))[0]
            ready -= its_ready
            in_flight -= its_in_flight
            delayed -= held - its_ready - its_in_flight
        limit = len(noisy) + GROUPS_LOOKED_THROUGH
        quiet = [tenant for (tenant,) in read(QUIET, (queue, limit)) if tenant not in noisy]
        found = [sent_ms for tenant in quiet for (sent_ms,) in read(OLDEST_OF_GROUP, (queue, tenant))]
        found.append(read(OLDEST_OF_NONE, (queue, LOOKED_THROUGH))[0][0])
        return Quiet(len(noisy), Counts(ready, in_flight, delayed), _least(found))


def _least(times: list[int | None]) -> int | None:
    return min((time_ms for time_ms in times if time_ms is not None), default=None)
