"""Log groups: made, listed, deleted; how long they keep their events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from noria.context import RequestContext
from noria.errors import not_implemented
from noria.services.logs import errors, limits, models
from noria.services.logs.core import LogsCore
from noria.services.logs.tags import checked_tags
from noria.store.log_events import LogGroup

CLASS = "STANDARD"  # of every group


class GroupOperations(LogsCore):
    """One method an operation; see `noria.gateway` for how they are called."""

    async def create_log_group(
        self,
        ctx: RequestContext,
        *,
        log_group_name: str,
        tags: Mapping[str, str] | None = None,
        log_group_class: str = CLASS,
        deletion_protection_enabled: bool = False,
    ) -> None:
        if log_group_class != CLASS:
            raise not_implemented(f"CreateLogGroup's logGroupClass {log_group_class}")
        checked = checked_tags(tags or {})
        now_ms = self._clock.now_ms()
        if not await self._log_events.create_group(ctx.account, ctx.region, log_group_name, now_ms):
            raise errors.group_exists()
        if checked or deletion_protection_enabled:
            group = await self._group(ctx, log_group_name)
            await self._change(
                ctx, group, lambda it: replace(it, tags=checked, protected=deletion_protection_enabled)
            )

    async def delete_log_group(self, ctx: RequestContext, *, log_group_name: str) -> None:
        group = await self._group(ctx, log_group_name)
        await self._require_unprotected(ctx, group)
        if not await self._log_events.delete_group(ctx.account, ctx.region, log_group_name):
            raise errors.no_such_group()
        await self._settings.forget(ctx.account, ctx.region, group)
        self._deliveries.forget(ctx.account, ctx.region, group.name)

    async def put_log_group_deletion_protection(
        self, ctx: RequestContext, *, log_group_identifier: str, deletion_protection_enabled: bool
    ) -> None:
        group = await self._group(ctx, None, log_group_identifier)
        await self._change(ctx, group, lambda it: replace(it, protected=deletion_protection_enabled))

    async def describe_log_groups(
        self,
        ctx: RequestContext,
        *,
        log_group_name_prefix: str = "",
        log_group_name_pattern: str = "",
        log_group_identifiers: Sequence[str] | None = None,
        log_group_class: str = CLASS,
        include_linked_accounts: bool = False,
        next_token: str | None = None,
        limit: int = limits.DEFAULT_LIST,
    ) -> dict[str, Any]:
        """With a pattern AWS leaves the stored bytes out."""
        if include_linked_accounts:
            raise not_implemented("DescribeLogGroups' includeLinkedAccounts true")
        if log_group_name_prefix and log_group_name_pattern:
            raise errors.invalid_parameter(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
            )
        after = models.parse_list_token(next_token).name if next_token else ""
        if log_group_class != CLASS:
            groups = []
        elif log_group_identifiers is not None:
            if log_group_name_prefix or log_group_name_pattern:
                raise errors.invalid_parameter(
                    "logGroupIdentifiers and other filters are mutually exclusive parameters."
                )
            groups = await self._identified(ctx, log_group_identifiers)
        else:
            groups = await self._log_events.groups(
                ctx.account,
                ctx.region,
                prefix=log_group_name_prefix,
                contains=log_group_name_pattern,
                after=after,
                limit=limit + 1,
            )
        page = groups[:limit]
        described = [
            models.describe_group(
                ctx.account, ctx.region, group, await self._settings.get(ctx.account, ctx.region, group)
            )
            for group in page
        ]
        if log_group_name_pattern:
            for description in described:
                del description["storedBytes"]
        return {
            "logGroups": described,
            "nextToken": models.list_token(page[-1].name) if len(groups) > limit else None,
        }

    async def list_log_groups(
        self,
        ctx: RequestContext,
        *,
        log_group_name_pattern: str = "",
        log_group_class: str = CLASS,
        log_group_tags: Sequence[Mapping[str, Any]] | None = None,
        include_linked_accounts: bool = False,
        next_token: str | None = None,
        limit: int = limits.DEFAULT_LIST,
    ) -> dict[str, Any]:
        """log_group_name_pattern: ``^/aws/lambda|discovery``, any of the parts, ``^`` at the beginning."""
        if include_linked_accounts:
            raise not_implemented("ListLogGroups' includeLinkedAccounts true")
        after = models.parse_list_token(next_token).name if next_token else ""
        parts = [part for part in log_group_name_pattern.split("|") if part]
        page: list[LogGroup] = []
        scanned = limits.SCAN
        while len(page) <= limit and scanned == limits.SCAN and log_group_class == CLASS:
            groups = await self._log_events.groups(ctx.account, ctx.region, after=after, limit=limits.SCAN)
            scanned = len(groups)
            for group in groups:
                after = group.name
                if _is_named(group.name, parts) and await self._is_tagged(ctx, group, log_group_tags):
                    page.append(group)
            await asyncio.sleep(0)  # others have their turn
        more = len(page) > limit
        return {
            "logGroups": [models.summarize_group(ctx.account, ctx.region, group) for group in page[:limit]],
            "nextToken": models.list_token(page[limit - 1].name) if more else None,
        }

    async def put_retention_policy(
        self, ctx: RequestContext, *, log_group_name: str, retention_in_days: int
    ) -> None:
        if retention_in_days not in limits.RETENTION_DAYS:
            shown = ", ".join(map(str, limits.RETENTION_DAYS))
            raise errors.invalid_parameter(
                f"1 validation error detected: Value '{retention_in_days}' at 'retentionInDays' failed to"
                f" satisfy constraint: Member must satisfy enum value set: [{shown}]"
            )
        group = await self._group(ctx, log_group_name)
        await self._change(ctx, group, lambda it: replace(it, retention_days=retention_in_days))
        self._retention.changed()

    async def delete_retention_policy(self, ctx: RequestContext, *, log_group_name: str) -> None:
        group = await self._group(ctx, log_group_name)
        await self._change(ctx, group, lambda it: replace(it, retention_days=None))

    async def _identified(self, ctx: RequestContext, identifiers: Sequence[str]) -> list[LogGroup]:
        """Those that exist."""
        names = {self._group_name(ctx, identifier) for identifier in identifiers}
        found = [await self._log_events.group(ctx.account, ctx.region, name) for name in sorted(names)]
        return [group for group in found if group is not None]

    async def _is_tagged(
        self, ctx: RequestContext, group: LogGroup, filters: Sequence[Mapping[str, Any]] | None
    ) -> bool:
        """filters: keys, each with values of which one must be the tag's; without any, the key is enough."""
        if not filters:
            return True
        tags = (await self._settings.get(ctx.account, ctx.region, group)).tags
        return all(
            each["key"] in tags and (not each.get("values") or tags[each["key"]] in each["values"])
            for each in filters
        )


def _is_named(name: str, parts: Sequence[str]) -> bool:
    if not parts:
        return True
    return any(name.startswith(part[1:]) if part[0] == "^" else part in name for part in parts)
