"""Decisions that can be explained: the last denials, whole, saved now and then."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import msgspec

from noria.clock import Clock
from noria.policy.evaluate import Decision, Identity, PolicyRequest
from noria.policy.explain import Considered, considered
from noria.policy.statement import Policy
from noria.store.base import Records, StoreError

log = logging.getLogger(__name__)

KIND = "iam-denial"
DENIALS_KEPT = 1000  # in memory, and in the store; some 3 kB each
SAVE_AFTER_S = 2.0  # what a crash takes with it is asked for again
SAVED_AT_ONCE = 100  # of many thousands in two seconds, the newest: who guesses so fast does not ask why
MAX_RESOURCE_CHARS = 2048  # AWS's longest ARN; who asks for more is shown as much of it


class Decided(msgspec.Struct, frozen=True):
    """What a request was told, and by which policies. resource, trust: see `evaluate`.

    allowed: what it was told; the decision is another where the policies are those of today.
    """

    request_id: str
    time_ms: int
    request: PolicyRequest
    identity: Identity
    resource: Policy | None
    trust: bool
    decision: Decision
    allowed: bool = False

    def summary(self) -> dict[str, Any]:
        return self._summary(self._considered() if self.decision.allowed else ())

    def explanation(self) -> dict[str, Any]:
        statements = self._considered()
        return self._summary(statements) | {
            "context": dict(sorted(self.request.context().items())),
            "statements": [msgspec.to_builtins(statement) for statement in statements],
        }

    def _considered(self) -> list[Considered]:
        return considered(self.request, self.identity, self.resource, trust=self.trust)

    def _summary(self, statements: Iterable[Considered]) -> dict[str, Any]:
        asked = self.request
        return {
            "request_id": self.request_id,
            "time_ms": self.time_ms,
            "principal": asked.principal.arn or asked.principal.federated_provider or asked.principal.name,
            "action": asked.action,
            "resource": asked.resource,
            "allowed": self.allowed,
            "because": self._because(statements),
        }

    def _because(self, statements: Iterable[Considered]) -> str:
        if not self.decision.allowed:
            changed = "it was; as its policies are now, it would not be, " if self.allowed else ""
            return changed + self.decision.because(self.request.action)
        allowing = [s for s in statements if s.applies and s.effect == "Allow"]
        if not allowing:
            return "because it is root of the account"
        return "because of " + " and ".join(f"{s.policy_type}, {s.policy}, {s.statement}" for s in allowing)


class Denials:
    """Bounded: the oldest go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Decided] = OrderedDict()
        self.unsaved: dict[str, Decided] = {}
        self.news = asyncio.Event()

    def keep(self, denied: Decided) -> None:
        resource = denied.request.resource
        if len(resource) > MAX_RESOURCE_CHARS:
            request = msgspec.structs.replace(denied.request, resource=resource[:MAX_RESOURCE_CHARS])
            denied = msgspec.structs.replace(denied, request=request)
        self._kept[denied.request_id] = self.unsaved[denied.request_id] = denied
        self.news.set()
        if len(self._kept) > DENIALS_KEPT:
            oldest, _ = self._kept.popitem(last=False)
            self.unsaved.pop(oldest, None)

    def keep_for_a_service(self, denied: Decided) -> None:
        """One without a request, which a service may try for ever: it is kept once."""
        asked = denied.request
        text = f"{asked.principal.arn} {asked.action} {asked.resource}"
        request_id = str(uuid.uuid5(uuid.NAMESPACE_OID, text))
        self._kept.pop(request_id, None)
        self.keep(msgspec.structs.replace(denied, request_id=request_id))

    def get(self, request_id: str) -> Decided | None:
        return self._kept.get(request_id)

    def recent(self, limit: int) -> list[Decided]:
        """The newest first."""
        newest = reversed(self._kept.values())
        return [denied for denied, _ in zip(newest, range(limit), strict=False)]

    def forget(self, account: str) -> None:
        for request_id, denied in list(self._kept.items()):
            if denied.request.principal.account == account:
                del self._kept[request_id]
                self.unsaved.pop(request_id, None)


class DenialsKeeper:
    """Saves denials as they were explained, and finds them again after a start."""

    def __init__(self, denials: Denials, records: Records, clock: Clock) -> None:
        self._denials = denials
        self._records = records
        self._clock = clock
        self._stored: OrderedDict[str, tuple[str, str]] = OrderedDict()  # request id → account, record's name
        self._saving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        names: list[tuple[str, str]] = []
        for account, region in await self._records.owners(KIND):
            found = await self._records.list(KIND, account, region, limit=DENIALS_KEPT)
            names += [(name, account) for name, _ in found]
        for name, account in sorted(names):
            self._stored[name.partition(" ")[2]] = account, name
        self._saving = asyncio.create_task(self._save_now_and_then())

    async def stop(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._saving
        await self._save()

    async def reset(self, account: str) -> None:
        """The records go with all others of the account."""
        self._denials.forget(account)
        for request_id, (of, _) in list(self._stored.items()):
            if of == account:
                del self._stored[request_id]

    async def explanation(self, request_id: str) -> dict[str, Any] | None:
        denied = self._denials.get(request_id)
        return denied.explanation() if denied is not None else await self._read(request_id)

    async def recent(self, limit: int) -> list[dict[str, Any]]:
        """In short, the newest first."""
        found = [denied.summary() for denied in self._denials.recent(limit)]
        for request_id in reversed(list(self._stored)):  # of earlier runs
            if len(found) >= limit:
                break
            if self._denials.get(request_id) is None and (read := await self._read(request_id)) is not None:
                found.append({name: read[name] for name in read if name not in ("context", "statements")})
        return found

    async def _read(self, request_id: str) -> dict[str, Any] | None:
        account, name = self._stored.get(request_id, ("", ""))
        raw = await self._records.get(KIND, account, "", name) if name else None
        return msgspec.json.decode(raw, type=dict[str, Any]) if raw is not None else None

    async def _save_now_and_then(self) -> None:
        while True:
            await self._denials.news.wait()
            await self._clock.sleep(SAVE_AFTER_S)
            self._denials.news.clear()
            await self._save()

    async def _save(self) -> None:
        newest = list(self._denials.unsaved.values())[-SAVED_AT_ONCE:]
        self._denials.unsaved.clear()
        try:
            for denied in newest:
                await self._write(denied)
            while len(self._stored) > DENIALS_KEPT:
                await self._forget(next(iter(self._stored)))
        except StoreError as error:
            log.warning("denials were not saved: %s", error)

    async def _write(self, denied: Decided) -> None:
        await self._forget(denied.request_id)  # a service's, that was denied before
        account = denied.request.principal.account
        name = f"{denied.time_ms:015d} {denied.request_id}"
        await self._records.insert(KIND, account, "", name, msgspec.json.encode(denied.explanation()))
        self._stored[denied.request_id] = account, name

    async def _forget(self, request_id: str) -> None:
        account, name = self._stored.pop(request_id, ("", ""))
        if name:
            await self._records.delete(KIND, account, "", name)
