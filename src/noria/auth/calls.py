"""What identities have called, for `noria suggest-policy` and the linter; saved now and then."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

import msgspec

from noria.clock import Clock
from noria.context import Principal
from noria.store.base import Records, StoreError

log = logging.getLogger(__name__)

KIND = "iam-calls"
SAVE_AFTER_S = 2.0  # what is lost of it in a crash is called again
IDENTITIES_KEPT = 2000  # twice the roles of an account
CALLS_KEPT = 500  # of an identity; a policy that names more resources than that is none
MAX_RESOURCE_CHARS = 2048  # AWS's longest ARN

Owner = tuple[str, str]
"""(account, ``role/NAME`` or ``user/NAME``)"""

Call = tuple[str, str]
"""(action, resource)"""


class Calls:
    """Which action on which resource, and whether it was allowed. Bounded."""

    def __init__(self) -> None:
        self.made: dict[Owner, dict[Call, bool]] = {}
        self.unsaved: set[Owner] = set()
        self.news = asyncio.Event()

    def record(self, principal: Principal, action: str, resource: str, *, allowed: bool) -> None:
        """Costs little where the call is known."""
        owner = owner_of(principal)
        if owner is None:
            return
        call = (action, general(resource)[:MAX_RESOURCE_CHARS])
        made = self.made.get(owner)
        if made is None:
            if len(self.made) >= IDENTITIES_KEPT:
                return
            made = self.made[owner] = {}
        known = made.get(call)
        if known is None and len(made) >= CALLS_KEPT:
            return
        if known is None or (allowed and not known):
            made[call] = allowed
            self.unsaved.add(owner)
            self.news.set()

    def of(self, account: str, name: str) -> Mapping[Call, bool]:
        """name: ``role/NAME`` or ``user/NAME``. The value says whether the call was allowed (at last)."""
        return self.made.get((account, name), {})


class CallsKeeper:
    """Saves calls, and knows them again after a start."""

    def __init__(self, calls: Calls, records: Records, clock: Clock) -> None:
        self._calls = calls
        self._records = records
        self._clock = clock
        self._saving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        for account, region in await self._records.owners(KIND):
            for name, value in await self._records.list(KIND, account, region, limit=IDENTITIES_KEPT):
                self._calls.made[account, name] = _decoded(value)
        self._saving = asyncio.create_task(self._save_now_and_then())

    async def stop(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._saving
        await self._save()

    async def reset(self, account: str) -> None:
        for owner in [owner for owner in self._calls.made if owner[0] == account]:
            del self._calls.made[owner]
            self._calls.unsaved.discard(owner)

    async def _save_now_and_then(self) -> None:
        while True:
            await self._calls.news.wait()
            await self._clock.sleep(SAVE_AFTER_S)
            self._calls.news.clear()
            await self._save()

    async def _save(self) -> None:
        while self._calls.unsaved:
            account, name = owner = self._calls.unsaved.pop()
            try:
                await self._write(account, name, _encoded(self._calls.made[owner]))
            except StoreError as error:
                log.warning("the calls of %s in %s were not saved: %s", name, account, error)

    async def _write(self, account: str, name: str, value: bytes) -> None:
        if not await self._records.insert(KIND, account, "", name, value):
            stored = await self._records.get(KIND, account, "", name)
            if stored is not None:
                await self._records.replace(KIND, account, "", name, value, expected=stored)


def owner_of(principal: Principal) -> Owner | None:
    """Whose policies a call is about; None for root, services and whoever is nobody's."""
    if principal.kind == "assumed-role":
        return principal.account, f"role/{principal.name}"
    if principal.kind in ("user", "federated-user") and principal.name:
        return principal.account, f"user/{principal.name}"
    return None


def general(resource: str) -> str:
    """Without what is different every time, a log group's streams; ``*`` for what names nothing."""
    group, stream, _ = resource.partition(":log-stream:")
    if group.endswith(":"):
        return "*"
    return f"{group}:*" if stream else resource


def _encoded(calls: Mapping[Call, bool]) -> bytes:
    return msgspec.json.encode([(action, resource, allowed) for (action, resource), allowed in calls.items()])


def _decoded(value: bytes) -> dict[Call, bool]:
    rows = msgspec.json.decode(value, type=list[tuple[str, str, bool]])
    return {(action, resource): allowed for action, resource, allowed in rows}
