"""The contract of what is measured of queues, beside `noria.store.messages.Counts`."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from noria.store.messages import Counts


class Quiet(NamedTuple):
    """A standard queue with message groups: how many are noisy, and what the others hold.

    oldest_sent_ms: of the visible ones; None where there is none.
    """

    noisy_groups: int
    counts: Counts
    oldest_sent_ms: int | None


class Depths(Protocol):
    """Approximate, as CloudWatch's metrics are; each costs the same at any depth."""

    async def oldest_sent_ms(self, queue: int) -> int | None:
        """When the queue's oldest message was sent; None in an empty queue."""

    async def quiet(self, queue: int) -> Quiet | None:
        """None in a queue without message groups."""
