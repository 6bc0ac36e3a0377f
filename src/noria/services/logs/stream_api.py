"""Log streams."""

from __future__ import annotations

from typing import Any

from noria.context import RequestContext
from noria.services.logs import errors, limits, models
from noria.services.logs.core import LogsCore


class StreamOperations(LogsCore):
    """One method an operation; see `noria.gateway` for how they are called."""

    async def create_log_stream(
        self, ctx: RequestContext, *, log_group_name: str, log_stream_name: str
    ) -> None:
        group = await self._group(ctx, log_group_name)
        created = await self._log_events.create_stream(group.id, log_stream_name, self._clock.now_ms())
        if created is None:
            raise errors.no_such_group()
        if not created:
            raise errors.stream_exists()

    async def delete_log_stream(
        self, ctx: RequestContext, *, log_group_name: str, log_stream_name: str
    ) -> None:
        group = await self._group(ctx, log_group_name)
        await self._require_unprotected(ctx, group)
        if not await self._log_events.delete_stream(group.id, log_stream_name):
            raise errors.no_such_stream()

    async def describe_log_streams(
        self,
        ctx: RequestContext,
        *,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        log_stream_name_prefix: str = "",
        order_by: str = "LogStreamName",
        descending: bool = False,
        next_token: str | None = None,
        limit: int = limits.DEFAULT_LIST,
    ) -> dict[str, Any]:
        by_last_event = order_by == "LastEventTime"
        if by_last_event and log_stream_name_prefix:
            raise errors.invalid_parameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
        token = models.parse_list_token(next_token) if next_token else None
        group = await self._group(ctx, log_group_name, log_group_identifier)
        if by_last_event:
            streams = await self._log_events.streams_by_last_event(
                group.id,
                after=(token.last_event_ms, token.name) if token else None,
                descending=descending,
                limit=limit + 1,
            )
        else:
            streams = await self._log_events.streams(
                group.id,
                prefix=log_stream_name_prefix,
                after=token.name if token else "",
                descending=descending,
                limit=limit + 1,
            )
        page = streams[:limit]
        return {
            "logStreams": [
                models.describe_stream(ctx.account, ctx.region, group.name, stream) for stream in page
            ],
            "nextToken": models.list_token(page[-1].name, page[-1].last_event_ms or 0)
            if len(streams) > limit
            else None,
        }
