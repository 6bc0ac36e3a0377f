"""Tags of event source mappings."""

from __future__ import annotations

import asyncio

import msgspec

from noria.services.ports import TagEdit
from noria.services.triggers import errors
from noria.services.triggers.mapping import Mapping, MappingTable


class MappingTags:
    """Implements `ports.TaggedResources`."""

    def __init__(self, mappings: MappingTable, changing: asyncio.Lock) -> None:
        """changing: held by whoever changes a mapping."""
        self._mappings = mappings
        self._changing = changing

    async def tags(self, arn: str) -> dict[str, str]:
        return (await self._mapping(arn)).tags

    async def change_tags(self, arn: str, edit: TagEdit) -> None:
        async with self._changing:
            old = await self._mapping(arn)
            await self._mappings.replace(old, msgspec.structs.replace(old, tags=edit(old.tags)))

    async def _mapping(self, arn: str) -> Mapping:
        _, _, _, region, account, _, uuid = arn.split(":")
        mapping = await self._mappings.get(account, region, uuid)
        if mapping is None:
            raise errors.tagged_mapping_not_found(arn)
        return mapping
