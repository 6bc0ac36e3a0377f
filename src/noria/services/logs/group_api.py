"""Log groups."""

from __future__ import annotations

from typing import Any

from noria.context import RequestContext
from noria.services.logs import errors, limits, models
from noria.services.logs.core import LogsCore


class GroupOperations(LogsCore):
    """One method an operation; see `noria.gateway` for how they are called."""

    async def create_log_group(self, ctx: RequestContext, *, log_group_name: str) -> None:
        now_ms = self._clock.now_ms()
        if not await self._log_events.create_group(ctx.account, ctx.region, log_group_name, now_ms):
            raise errors.group_exists()

    async def delete_log_group(self, ctx: RequestContext, *, log_group_name: str) -> None:
        if not await self._log_events.delete_group(ctx.account, ctx.region, log_group_name):
            raise errors.no_such_group()

    async def describe_log_groups(
        self,
        ctx: RequestContext,
        *,
        log_group_name_prefix: str = "",
        log_group_name_pattern: str = "",
        next_token: str | None = None,
        limit: int = limits.DEFAULT_LIST,
    ) -> dict[str, Any]:
        if log_group_name_prefix and log_group_name_pattern:
            raise errors.invalid_parameter(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
            )
        groups = await self._log_events.groups(
            ctx.account,
            ctx.region,
            prefix=log_group_name_prefix,
            contains=log_group_name_pattern,
            after=models.parse_list_token(next_token).name if next_token else "",
            limit=limit + 1,
        )
        page = groups[:limit]
        return {
            "logGroups": [models.describe_group(ctx.account, ctx.region, group) for group in page],
            "nextToken": models.list_token(page[-1].name) if len(groups) > limit else None,
        }
