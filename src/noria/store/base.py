"""The contract of a store. One contract suite runs over every implementation (tests/contract).

A write that has returned is durable: it survives `kill -9` and power loss (not in an ephemeral store).
A write that failed raises StoreError and has changed nothing, unless the disk failed to make it durable: then
it may or may not appear later, as after a lost answer. Everything is called on the event loop.
"""

from __future__ import annotations

from typing import Protocol

from noria.store.depths import Depths
from noria.store.log_events import LogEvents
from noria.store.messages import FifoMessages, StandardMessages
from noria.store.metrics import Metrics

# Kinds that nothing is cached of: they change with every invocation or move, and would empty every cache.
UNCACHED_KINDS = frozenset({"lambda-event", "iam-calls", "iam-denial", "iam-last-used", "sqs-move-task"})


class StoreError(Exception):
    """The store could not do it (disk full, I/O error); nothing was changed. Answered as a 5xx."""


class Records(Protocol):
    """Small documents of the control plane: queues' attributes, policies, roles, functions, mappings.

    A record is named by kind (``iam-role``), account, region ("" for a global service) and name, and holds
    bytes (JSON made by msgspec, at the service's choice). Names are listed in the order of their UTF-8 bytes.
    """

    async def get(self, kind: str, account: str, region: str, name: str) -> bytes | None: ...

    async def insert(self, kind: str, account: str, region: str, name: str, value: bytes) -> bool:
        """Create; False, with nothing changed, where the record exists."""

    async def replace(
        self, kind: str, account: str, region: str, name: str, value: bytes, *, expected: bytes
    ) -> bool:
        """Compare and swap; False, with nothing changed, where the record is gone or is not `expected`."""

    async def delete(
        self, kind: str, account: str, region: str, name: str, *, expected: bytes | None = None
    ) -> bool:
        """False where there was none, or one that is not `expected`, where that is given."""

    async def owners(self, kind: str) -> list[tuple[str, str]]:
        """(account, region) pairs that hold a record of this kind, for what resumes at start-up."""

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
        """(name, value) of up to `limit` records whose names begin with `prefix` and come after `after`."""

    async def delete_account(self, account: str) -> None:
        """Remove every record of an account (`noria reset`)."""

    def generation(self) -> int:
        """Grows whenever any record changes, on any node, but for `UNCACHED_KINDS`, so that caches know when
        to look again.
        """


class Store(Protocol):
    """All of it."""

    @property
    def records(self) -> Records: ...

    @property
    def messages(self) -> StandardMessages: ...

    @property
    def fifo_messages(self) -> FifoMessages: ...

    @property
    def log_events(self) -> LogEvents: ...

    @property
    def depths(self) -> Depths: ...

    @property
    def metrics(self) -> Metrics: ...

    async def start(self) -> None:
        """Open, migrate, and make ready. Raises StoreError."""

    async def close(self) -> None:
        """Finish what is under way; nothing is lost when this is not called."""
