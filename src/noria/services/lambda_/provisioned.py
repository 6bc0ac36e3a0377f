"""Provisioned concurrency: how many environments of versions are kept initialised, by version or by alias.

https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

from __future__ import annotations

from collections import Counter

import msgspec

from noria.services.lambda_.fleet import Provisioned
from noria.services.lambda_.functions import FunctionTable, is_version, qualified
from noria.services.lambda_.models import Alias, Function
from noria.services.lambda_.names import Reference
from noria.services.lambda_.pool import Pool
from noria.services.lambda_.tables import Table


class Provision(msgspec.Struct, frozen=True):
    """A ProvisionedConcurrencyConfig."""

    requested: int
    modified_ms: int


class Provisions(msgspec.Struct, frozen=True):
    """Of one function, by the qualifiers that have one."""

    account: str
    region: str
    function: str
    by_qualifier: dict[str, Provision] = {}

    @property
    def total(self) -> int:
        return sum(each.requested for each in self.by_qualifier.values())


class Provisioning:
    """What is configured, and what the pool is told of it. The records are kept by function."""

    def __init__(self, table: Table[Provisions], functions: FunctionTable, pool: Pool) -> None:
        self._table = table
        self._functions = functions
        self._pool = pool
        self._told: dict[str, dict[str, Function]] = {}  # by function ARN and version: what the pool keeps

    async def start(self) -> None:
        for each in await self._table.everywhere():
            await self.refresh(Reference(each.account, each.region, each.function))

    async def of(self, reference: Reference) -> Provisions:
        """Of a function, whatever the qualifier."""
        found = await self._table.get(reference.account, reference.region, qualified(reference.name, ""))
        return found or Provisions(reference.account, reference.region, reference.name)

    async def total(self, account: str, region: str, without: set[str]) -> int:
        """Of an account's functions in a region, but those of these names."""
        rows = await self._table.all_of(account, region)
        return sum(each.total for _, each in rows if each.function not in without)

    async def put(self, old: Provisions, qualifier: str, provision: Provision | None) -> bool:
        """None removes it. False where the function's configurations are no longer `old`."""
        kept = {name: each for name, each in old.by_qualifier.items() if name != qualifier}
        new = msgspec.structs.replace(
            old, by_qualifier=kept if provision is None else {**kept, qualifier: provision}
        )
        key = (old.account, old.region, qualified(old.function, ""))
        if not await self._table.replace(*key, old, new) and (
            old.by_qualifier or not await self._table.insert(*key, new)
        ):
            return False
        await self.refresh(Reference(old.account, old.region, old.function))
        return True

    async def refresh(self, reference: Reference) -> None:
        """Tell the pool, after a change of the configurations or of what their qualifiers mean."""
        provisions = await self.of(reference)
        wanted: Counter[str] = Counter()
        for qualifier, provision in provisions.by_qualifier.items():
            shares = await self._shares(reference, qualifier, provision.requested)
            if shares is None:  # the version or alias is gone
                await self.put(provisions, qualifier, None)
                return
            wanted.update(shares)
        latest = Reference(reference.account, reference.region, reference.name)
        told = self._told.setdefault(latest.arn, {})
        for version in [version for version in told if version not in wanted]:
            self._pool.set_provisioned(told.pop(version), 0)
        for version, count in wanted.items():
            function = await self._functions.version(
                reference.account, reference.region, reference.name, version
            )
            if function is not None:
                told[version] = function
                self._pool.set_provisioned(function, count)
        if not told:
            del self._told[latest.arn]

    async def _shares(self, reference: Reference, qualifier: str, requested: int) -> dict[str, int] | None:
        """How many environments each version gets: an alias with weights shares them out as invocations."""
        named = Reference(reference.account, reference.region, reference.name, qualifier)
        if await self._functions.find(named) is None:
            return None
        alias = None if is_version(qualifier) else await self._functions.alias(named)
        return {qualifier: requested} if alias is None else shares(alias, requested)

    async def report(self, reference: Reference, requested: int) -> Provisioned:
        """What there is of a configuration."""
        counts = await self._shares(reference, reference.qualifier, requested) or {}
        available, failure = 0, ""
        for version, count in counts.items():
            function = await self._functions.version(
                reference.account, reference.region, reference.name, version
            )
            if function is not None:
                found = self._pool.provisioned(function)
                available += min(found.available, count)
                failure = failure or found.failure
        return Provisioned(requested, available, failure)

    async def by_version(self, reference: Reference) -> dict[str, int]:
        """How many environments each version of a function has of its own."""
        counts: Counter[str] = Counter()
        for qualifier, provision in (await self.of(reference)).by_qualifier.items():
            counts.update(await self._shares(reference, qualifier, provision.requested) or {})
        return counts


def shares(alias: Alias, requested: int) -> dict[str, int]:
    parts = {version: round(requested * weight) for version, weight in alias.weights.items()}
    return {**parts, alias.version: requested - sum(parts.values())}
