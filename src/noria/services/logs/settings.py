"""What a log group is told beside its name: tags, retention, filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from noria.services.logs import errors
from noria.store.base import Records
from noria.store.cache import GenerationCache
from noria.store.listing import every
from noria.store.log_events import LogGroup

KIND = "logs-group"
CACHED = 10_000  # groups, some KB each where they have filters
DAY_MS = 86_400_000

T = TypeVar("T")


class MetricFilter(msgspec.Struct, frozen=True, omit_defaults=True):
    """value: a number, or the ``$.field`` or ``$name`` of an event that it is in; dimensions likewise."""

    name: str
    pattern: str
    created_ms: int
    namespace: str
    metric: str
    value: str
    default: float | None = None
    dimensions: dict[str, str] = {}
    unit: str = ""


class Subscription(msgspec.Struct, frozen=True, omit_defaults=True):
    """A subscription filter. destination: the ARN of a function, a version or an alias."""

    name: str
    pattern: str
    created_ms: int
    destination: str
    distribution: str = "ByLogStream"


class GroupSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """group_id: of the group that they are of; those of a group that is gone are nobody's.

    protected: against deletion.
    """

    group_id: int
    tags: dict[str, str] = {}
    retention_days: int | None = None
    protected: bool = False
    metric_filters: list[MetricFilter] = []
    subscriptions: list[Subscription] = []

    @property
    def retention_ms(self) -> int | None:
        return None if self.retention_days is None else self.retention_days * DAY_MS


Edit = Callable[[GroupSettings], GroupSettings]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(GroupSettings).decode


class SettingsTable:
    """Records of the kind `KIND`; reads are cached until any record changes."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._cache: GenerationCache[tuple[str, str, str], GroupSettings] = GenerationCache(
            records.generation, CACHED
        )

    async def get(self, account: str, region: str, group: LogGroup) -> GroupSettings:
        found = await self.named(account, region, group.name)
        return found if found.group_id == group.id else GroupSettings(group.id)

    async def named(self, account: str, region: str, name: str) -> GroupSettings:
        """Of a group's name, also those of a group that is gone; group_id 0 where there are none."""
        key = account, region, name
        if (cached := self._cache.get(key)) is not None:
            return cached
        generation = self._cache.generation
        value = await self._records.get(KIND, account, region, name)
        found = GroupSettings(0) if value is None else _decode(value)
        self._cache.put(key, found, generation)
        return found

    async def change(self, account: str, region: str, group: LogGroup, edit: Edit) -> GroupSettings:
        """Put what `edit` makes of the settings in their place; what it raises changes nothing."""
        while True:
            value = await self._records.get(KIND, account, region, group.name)
            old = GroupSettings(group.id) if value is None else _decode(value)
            if old.group_id > group.id:
                raise errors.no_such_group()  # another has taken its name
            new = edit(old if old.group_id == group.id else GroupSettings(group.id))
            place = KIND, account, region, group.name, _encode(new)
            if value is None:
                changed = await self._records.insert(*place)
            else:
                changed = await self._records.replace(*place, expected=value)
            if changed:
                return new

    async def forget(self, account: str, region: str, group: LogGroup) -> None:
        """The group is gone."""
        value = await self._records.get(KIND, account, region, group.name)
        if value is not None and _decode(value).group_id == group.id:
            await self._records.delete(KIND, account, region, group.name)

    async def all_of(self, account: str, region: str) -> list[tuple[str, GroupSettings]]:
        """(group's name, settings) in the order of the names, of groups that are gone, too."""
        rows = every(self._records, KIND, account, region)
        return [(name, _decode(value)) async for name, value in rows]

    async def owners(self) -> list[tuple[str, str]]:
        return await self._records.owners(KIND)
