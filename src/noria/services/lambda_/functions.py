"""The functions there are: $LATEST, published versions, aliases; and which of them a request means."""

from __future__ import annotations

import random

from noria.services.lambda_.models import LATEST, Alias, Function
from noria.services.lambda_.names import Reference
from noria.services.lambda_.tables import Table
from noria.store.base import Records

KIND = "lambda-function"


def version_key(name: str, version: str) -> str:
    """Versions are listed in the order of their numbers."""
    return f"{name}:{int(version):010d}"


def qualified(name: str, qualifier: str) -> str:
    """The key of what belongs to a function's qualifier; "" is the function itself."""
    return f"{name}:{qualifier}"


class FunctionTable:
    """versions, aliases: by `version_key` and `qualified`."""

    def __init__(self, records: Records) -> None:
        self.latest = Table(records, KIND, Function)
        self.versions = Table(records, "lambda-version", Function)
        self.aliases = Table(records, "lambda-alias", Alias)

    async def get(self, account: str, region: str, name: str) -> Function | None:
        """$LATEST."""
        return await self.latest.get(account, region, name)

    async def version(self, account: str, region: str, name: str, version: str) -> Function | None:
        if version == LATEST:
            return await self.latest.get(account, region, name)
        if not version.isdecimal() or len(version) > 10:
            return None
        return await self.versions.get(account, region, version_key(name, version))

    async def alias(self, reference: Reference) -> Alias | None:
        return await self.aliases.get(
            reference.account, reference.region, qualified(reference.name, reference.qualifier)
        )

    async def find(self, reference: Reference) -> Function | None:
        """The version that is meant; of an alias its main one."""
        version = reference.qualifier or LATEST
        if not is_version(version):
            alias = await self.alias(reference)
            if alias is None:
                return None
            version = alias.version
        return await self.version(reference.account, reference.region, reference.name, version)

    async def route(self, reference: Reference) -> Function | None:
        """The version that an invocation goes to: an alias shares them out by its weights."""
        if reference.qualifier and not is_version(reference.qualifier):
            alias = await self.alias(reference)
            if alias is not None and alias.weights:
                chosen = routed(alias, random.random())
                return await self.version(reference.account, reference.region, reference.name, chosen)
        return await self.find(reference)

    async def insert(self, function: Function) -> bool:
        """False where there is one of this name, or version."""
        table, key = self._place(function)
        return await table.insert(function.account, function.region, key, function)

    async def replace(self, old: Function, new: Function) -> bool:
        """False where the function is gone or is no longer `old`."""
        table, key = self._place(old)
        return await table.replace(old.account, old.region, key, old, new)

    async def delete(self, function: Function) -> bool:
        table, key = self._place(function)
        return await table.delete(function.account, function.region, key)

    def _place(self, function: Function) -> tuple[Table[Function], str]:
        if function.version == LATEST:
            return self.latest, function.name
        return self.versions, version_key(function.name, function.version)

    async def everywhere(self) -> list[Function]:
        """Every version of every function of every account."""
        return [*await self.latest.everywhere(), *await self.versions.everywhere()]

    async def versions_of(self, function: Function) -> list[Function]:
        """The published ones."""
        rows = await self.versions.all_of(function.account, function.region, f"{function.name}:")
        return [version for _, version in rows]

    async def aliases_of(self, function: Function) -> list[Alias]:
        rows = await self.aliases.all_of(function.account, function.region, f"{function.name}:")
        return [alias for _, alias in rows]


def is_version(qualifier: str) -> bool:
    return qualifier == LATEST or qualifier.isdecimal()


def routed(alias: Alias, share: float) -> str:
    """The version that gets an invocation. share: from 0 up to 1, drawn at random."""
    for version, weight in alias.weights.items():
        if share < weight:
            return version
        share -= weight
    return alias.version
