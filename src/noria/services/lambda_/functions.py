"""The functions there are: records of the store, decoded once a change."""

from __future__ import annotations

import msgspec

from noria.services.lambda_.models import Function
from noria.store.base import Records

KIND = "lambda-function"
CACHED_FUNCTIONS = 10_000  # some 10 MB at most

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Function).decode

Key = tuple[str, str, str]


class FunctionTable:
    """Reads are cached until any record changes, which is rare beside invocations."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._cache: dict[Key, Function] = {}
        self._cached_at = -1

    async def get(self, account: str, region: str, name: str) -> Function | None:
        generation = self._records.generation()
        if generation != self._cached_at or len(self._cache) > CACHED_FUNCTIONS:
            self._cache.clear()
            self._cached_at = generation
        key = (account, region, name)
        if (cached := self._cache.get(key)) is not None:
            return cached
        value = await self._records.get(KIND, account, region, name)
        if value is None:
            return None
        function = _decode(value)
        if self._cached_at == generation:  # not changed while it was read
            self._cache[key] = function
        return function

    async def insert(self, function: Function) -> bool:
        """False where there is one of this name."""
        return await self._records.insert(
            KIND, function.account, function.region, function.name, _encode(function)
        )

    async def replace(self, old: Function, new: Function) -> bool:
        """False where the function is gone or is no longer `old`."""
        return await self._records.replace(
            KIND, old.account, old.region, old.name, _encode(new), expected=_encode(old)
        )

    async def delete(self, function: Function) -> bool:
        return await self._records.delete(KIND, function.account, function.region, function.name)

    async def page(self, account: str, region: str, after: str, limit: int) -> list[Function]:
        """In the order of their names."""
        rows = await self._records.list(KIND, account, region, after=after, limit=limit)
        return [_decode(value) for _, value in rows]

    async def all(self) -> list[Function]:
        """Of every account, for what resumes at start-up."""
        functions: list[Function] = []
        for account, region in await self._records.owners(KIND):
            functions += await self.all_of(account, region)
        return functions

    async def all_of(self, account: str, region: str) -> list[Function]:
        functions: list[Function] = []
        after = ""
        while page := await self.page(account, region, after, 1000):
            functions += page
            after = page[-1].name
        return functions

    async def regions(self, account: str) -> list[str]:
        return [region for owner, region in await self._records.owners(KIND) if owner == account]
