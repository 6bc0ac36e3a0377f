"""Records of the store as structs: read once a change, listed by pages."""

from __future__ import annotations

import base64
import binascii
from typing import Generic, TypeVar

import msgspec

from noria.services.lambda_ import errors
from noria.store.base import Records
from noria.store.cache import GenerationCache
from noria.store.listing import every

T = TypeVar("T")

CACHED = 10_000  # records of a kind, some 10 MB at most
LIST_PAGE = 50  # AWS gives no more at once, whatever MaxItems says
ALL_PAGE = 1000

_encode = msgspec.json.Encoder().encode

Key = tuple[str, str, str]


class Table(Generic[T]):
    """One kind of record. Reads are cached until any record changes, which is rare beside invocations."""

    def __init__(self, records: Records, kind: str, struct: type[T]) -> None:
        self._records = records
        self._kind = kind
        self._decode = msgspec.json.Decoder(struct).decode
        self._cache: GenerationCache[Key, T] = GenerationCache(records.generation, CACHED)

    async def get(self, account: str, region: str, name: str) -> T | None:
        key = (account, region, name)
        if (cached := self._cache.get(key)) is not None:
            return cached
        generation = self._cache.generation
        value = await self._records.get(self._kind, account, region, name)
        if value is None:
            return None
        found = self._decode(value)
        self._cache.put(key, found, generation)
        return found

    async def insert(self, account: str, region: str, name: str, value: T) -> bool:
        """False where there is one of this name."""
        return await self._records.insert(self._kind, account, region, name, _encode(value))

    async def replace(self, account: str, region: str, name: str, old: T, new: T) -> bool:
        """False where it is gone or is no longer `old`."""
        return await self._records.replace(
            self._kind, account, region, name, _encode(new), expected=_encode(old)
        )

    async def put(self, account: str, region: str, name: str, value: T) -> None:
        """Insert, or replace whatever there is."""
        while not await self.insert(account, region, name, value):
            old = await self.get(account, region, name)
            if old is not None and await self.replace(account, region, name, old, value):
                return

    async def delete(self, account: str, region: str, name: str) -> bool:
        return await self._records.delete(self._kind, account, region, name)

    async def delete_all(self, account: str, region: str, prefix: str = "") -> None:
        for name, _ in await self.all_of(account, region, prefix):
            await self.delete(account, region, name)

    async def page(
        self, account: str, region: str, *, prefix: str = "", after: str = "", limit: int = ALL_PAGE
    ) -> list[tuple[str, T]]:
        """In the order of their names."""
        rows = await self._records.list(self._kind, account, region, prefix=prefix, after=after, limit=limit)
        return [(name, self._decode(value)) for name, value in rows]

    async def all_of(self, account: str, region: str, prefix: str = "") -> list[tuple[str, T]]:
        rows = every(self._records, self._kind, account, region, prefix=prefix)
        return [(name, self._decode(value)) async for name, value in rows]

    async def everywhere(self) -> list[T]:
        """Of every account, for what resumes at start-up."""
        found: list[T] = []
        for account, region in await self._records.owners(self._kind):
            found += [value for _, value in await self.all_of(account, region)]
        return found

    async def owners(self) -> list[tuple[str, str]]:
        """(account, region) pairs that have any."""
        return await self._records.owners(self._kind)

    async def regions(self, account: str) -> list[str]:
        return [region for owner, region in await self._records.owners(self._kind) if owner == account]

    async def listed(
        self, account: str, region: str, prefix: str, marker: str | None, max_items: int | None
    ) -> tuple[list[T], str | None]:
        """A page as AWS's lists give them, and the NextMarker."""
        rows, next_marker = await self.listed_rows(account, region, prefix, marker, max_items)
        return [value for _, value in rows], next_marker

    async def listed_rows(
        self, account: str, region: str, prefix: str, marker: str | None, max_items: int | None
    ) -> tuple[list[tuple[str, T]], str | None]:
        """As `listed`, with the records' names."""
        limit = min(max_items or LIST_PAGE, LIST_PAGE)
        rows = await self.page(account, region, prefix=prefix, after=after_marker(marker), limit=limit + 1)
        next_marker = next_after(rows[limit - 1][0]) if len(rows) > limit else None
        return rows[:limit], next_marker


def next_after(name: str) -> str:
    """The marker of the page that comes after a name."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def after_marker(marker: str | None) -> str:
    """The name that a marker stands for. Raises InvalidParameterValueException."""
    try:
        return base64.urlsafe_b64decode(marker or "").decode()
    except (binascii.Error, ValueError):
        raise errors.invalid_parameter("Invalid marker.") from None
