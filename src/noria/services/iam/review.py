"""What the linter finds in an account's own policies: in the log when one is made, and in `noria status`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Protocol

import msgspec

from noria.policy.lint import findings, resources_too_wide, too_wide
from noria.services.iam.models import AWS_ACCOUNT, PolicyHolder, Role
from noria.services.iam.repository import POLICY_KIND, Repository
from noria.services.ports import Concern
from noria.store.base import Records

log = logging.getLogger(__name__)

WARNINGS_SHOWN = 100
DOCUMENTS_CACHED = 2048  # findings, of one account's policies
SHOWN = 10  # actions of those called, resources of those used


class CallsMade(Protocol):
    """What identities have called. Implemented by auth."""

    def of(self, account: str, name: str) -> Mapping[tuple[str, str], bool]:
        """(action, resource) → whether it was allowed. name: ``role/NAME`` or ``user/NAME``."""


@lru_cache(DOCUMENTS_CACHED)
def _findings(document: str) -> tuple[str, ...]:
    return tuple(findings(msgspec.json.decode(document)))


def log_findings(account: str, where: str, document: str) -> None:
    """document: valid, and just stored."""
    for text in _findings(document):
        log.warning("%s, %s: %s", account, where, " ".join(text.split()))  # one line, whatever is in it


class Review:
    """Looks at every policy that is not AWS's, and at what its holders have called."""

    def __init__(self, records: Records, calls: CallsMade) -> None:
        self._records = records
        self._store = Repository(records)
        self._calls = calls

    async def warnings(self) -> list[Concern]:
        """At most WARNINGS_SHOWN."""
        found = []
        async for concern in self._all():
            found.append(concern)
            if len(found) == WARNINGS_SHOWN:
                break
        return found

    async def _all(self) -> AsyncIterator[Concern]:
        for account, _ in await self._records.owners(POLICY_KIND):
            for policy in await self._store.policies(account):
                for text in _findings(policy.document):
                    yield Concern(account, f"policy {policy.name}", text)
        for entities in (self._store.users, self._store.groups, self._store.roles):
            for account, _ in await self._records.owners(f"iam-{entities.kind}"):
                for holder in await entities.all(account):
                    async for concern in self._of(holder):
                        yield concern

    async def _of(self, holder: PolicyHolder) -> AsyncIterator[Concern]:
        who = f"{holder.kind} {holder.name}"
        if isinstance(holder, Role) and not holder.linked_service:
            for text in _findings(holder.trust):
                yield Concern(holder.account, f"{who}, trust policy", text)
        for name, document in holder.inline.items():
            for text in _findings(document):
                yield Concern(holder.account, f"{who}, policy {name}", text)
        made = self._calls.of(holder.account, f"{holder.kind}/{holder.name}")
        allowed = [call for call, was_allowed in made.items() if was_allowed]
        if not allowed:
            return
        for name, document in (await self._documents(holder)).items():
            where = f"{who}, policy {name}"
            instead = f"see noria suggest-policy --{who}"
            decoded = msgspec.json.decode(document)
            for pattern, used in too_wide(decoded, {action for action, _ in allowed}).items():
                text = f"allows {pattern}, of which it called {_shown(used)}; {instead}"
                yield Concern(holder.account, where, text)
            for pattern, used in resources_too_wide(decoded, allowed).items():
                text = f"allows it on {pattern}, of which it used {_shown(used)}; {instead}"
                yield Concern(holder.account, where, text)

    async def _documents(self, holder: PolicyHolder) -> dict[str, str]:
        """By policy name; without AWS's own, which nobody can narrow."""
        documents = dict(holder.inline)
        for arn in holder.attached:
            policy = await self._store.find_policy(arn, holder.account)
            if policy is not None and policy.account != AWS_ACCOUNT:
                documents[policy.name] = policy.document
        return documents


def _shown(called: list[str]) -> str:
    more = len(called) - SHOWN
    text = ", ".join(called[:SHOWN]) or "nothing"
    return f"{text} and {more} more" if more > 0 else text
