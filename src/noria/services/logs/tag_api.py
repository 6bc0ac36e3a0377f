"""Tags of log groups, by ARN and, as before 2022, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from noria.context import RequestContext
from noria.services.logs import errors, models
from noria.services.logs.core import LogsCore
from noria.services.logs.settings import GroupSettings
from noria.services.logs.tags import merged
from noria.store.log_events import LogGroup


class TagOperations(LogsCore):
    """One method an operation; see `noria.gateway` for how they are called."""

    async def tag_resource(self, ctx: RequestContext, *, resource_arn: str, tags: Mapping[str, str]) -> None:
        await self._tag(ctx, await self._tagged(ctx, resource_arn), tags)

    async def untag_resource(
        self, ctx: RequestContext, *, resource_arn: str, tag_keys: Sequence[str]
    ) -> None:
        await self._untag(ctx, await self._tagged(ctx, resource_arn), tag_keys)

    async def list_tags_for_resource(self, ctx: RequestContext, *, resource_arn: str) -> dict[str, Any]:
        return await self._tags(ctx, await self._tagged(ctx, resource_arn))

    async def tag_log_group(
        self, ctx: RequestContext, *, log_group_name: str, tags: Mapping[str, str]
    ) -> None:
        await self._tag(ctx, await self._group(ctx, log_group_name), tags)

    async def untag_log_group(self, ctx: RequestContext, *, log_group_name: str, tags: Sequence[str]) -> None:
        await self._untag(ctx, await self._group(ctx, log_group_name), tags)

    async def list_tags_log_group(self, ctx: RequestContext, *, log_group_name: str) -> dict[str, Any]:
        return await self._tags(ctx, await self._group(ctx, log_group_name))

    async def _tag(self, ctx: RequestContext, group: LogGroup, tags: Mapping[str, str]) -> None:
        await self._change(ctx, group, lambda it: replace(it, tags=merged(it.tags, tags)))

    async def _untag(self, ctx: RequestContext, group: LogGroup, keys: Sequence[str]) -> None:
        def without(settings: GroupSettings) -> GroupSettings:
            return replace(settings, tags={k: v for k, v in settings.tags.items() if k not in keys})

        await self._change(ctx, group, without)

    async def _tags(self, ctx: RequestContext, group: LogGroup) -> dict[str, Any]:
        return {"tags": (await self._settings.get(ctx.account, ctx.region, group)).tags}

    async def _tagged(self, ctx: RequestContext, arn: str) -> LogGroup:
        """A group of the caller's; other resources with tags there are none."""
        own = models.group_arn(ctx.account, ctx.region, "")
        if not arn.startswith("arn:"):
            raise errors.invalid_parameter(f"Invalid resource ARN: {arn}")
        group = None
        if arn.startswith(own):
            group = await self._log_events.group(ctx.account, ctx.region, arn.removeprefix(own))
        if group is None:
            raise errors.no_such_resource()
        return group
