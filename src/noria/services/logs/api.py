"""CloudWatch Logs' operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from noria.clock import Clock
from noria.context import RequestContext
from noria.errors import AwsError
from noria.services.logs import errors, limits, models
from noria.services.logs.batch import accept
from noria.services.logs.pattern import compile_pattern
from noria.store.log_events import END, LogEvent, LogEvents, LogGroup, LogStream, Position


class LogsApi:
    """Shapes are those of botocore's ``logs`` model; times are milliseconds since the epoch."""

    def __init__(self, log_events: LogEvents, clock: Clock) -> None:
        self._log_events = log_events
        self._clock = clock

    async def reset(self, account: str) -> None:
        await self._log_events.delete_account(account)

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

    async def put_log_events(
        self,
        ctx: RequestContext,
        *,
        log_group_name: str,
        log_stream_name: str,
        log_events: Sequence[Mapping[str, Any]],
        sequence_token: str | None = None,
    ) -> dict[str, Any]:
        """sequence_token: AWS accepts any and looks at none."""
        now_ms = self._clock.now_ms()
        batch = [(event["timestamp"], event["message"]) for event in log_events]
        accepted, rejected = accept(batch, now_ms)
        group = await self._group(ctx, log_group_name)
        stream = await self._stream(group, log_stream_name)
        if accepted and not await self._log_events.append(stream.id, accepted, now_ms):
            raise errors.no_such_stream()
        stream = await self._stream(group, log_stream_name)
        return {"nextSequenceToken": models.sequence_token(stream), "rejectedLogEventsInfo": rejected}

    async def get_log_events(
        self,
        ctx: RequestContext,
        *,
        log_stream_name: str,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        start_time: int = 0,
        end_time: int | None = None,
        next_token: str | None = None,
        limit: int = limits.DEFAULT_PAGE_EVENTS,
        start_from_head: bool = False,
    ) -> dict[str, Any]:
        """A page in the order of time. At either end the token comes back as it was, to be tried again later.

        end_time is exclusive, unlike FilterLogEvents'. limit and 1 MB bound the page.
        """
        group = await self._group(ctx, log_group_name, log_group_identifier)
        stream = await self._stream(group, log_stream_name)
        after, before = _range(start_time, end_time)
        backward = not start_from_head
        if next_token:
            direction, position = models.parse_events_token(next_token)
            backward = direction == "b"
            if backward:
                before = min(before, position)
            else:
                after = max(after, position)
        else:
            position = after
        page = await self._log_events.read(
            group.id, stream_ids=[stream.id], after=after, before=before, descending=backward, limit=limit
        )
        events = page.events[::-1] if backward else page.events
        return {
            "events": [
                {"timestamp": event.time_ms, "message": event.message, "ingestionTime": event.ingested_ms}
                for event in events
            ],
            "nextForwardToken": models.events_token("f", events[-1].position if events else position),
            "nextBackwardToken": models.events_token("b", events[0].position if events else position),
        }

    async def filter_log_events(
        self,
        ctx: RequestContext,
        *,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        log_stream_names: Sequence[str] | None = None,
        log_stream_name_prefix: str | None = None,
        start_time: int = 0,
        end_time: int | None = None,
        filter_pattern: str = "",
        next_token: str | None = None,
        limit: int = limits.DEFAULT_PAGE_EVENTS,
        start_from_head: bool = True,
        interleaved: bool = True,
    ) -> dict[str, Any]:
        """A page of all streams, by time. A page may be empty and have a token: it looked through its share.

        end_time is inclusive. interleaved: AWS ignores it and always interleaves.
        """
        if log_stream_names is not None and log_stream_name_prefix is not None:
            raise errors.invalid_parameter(
                "LogStream names and LogStream name prefix are mutually exclusive parameters."
            )
        descending = not start_from_head
        if descending and 0 < start_time < limits.NEWEST_FIRST_SINCE_MS:
            raise errors.invalid_parameter(
                "startFromHead can be false only if startTime is on or after Jan 1, 2024 00:00:00 UTC."
            )
        matches = _matcher(filter_pattern, log_stream_name_prefix)
        after, before = _range(start_time, None if end_time is None else end_time + 1)
        if next_token:
            direction, position = models.parse_events_token(next_token)
            descending = direction == "b"
            if descending:
                before = min(before, position)
            else:
                after = max(after, position)
        group = await self._group(ctx, log_group_name, log_group_identifier)
        stream_ids = None
        if log_stream_names is not None:
            stream_ids = [(await self._stream(group, name)).id for name in sorted(set(log_stream_names))]
        page = await self._log_events.read(
            group.id,
            stream_ids=stream_ids,
            after=after,
            before=before,
            descending=descending,
            matches=matches,
            limit=limit,
        )
        direction = "b" if descending else "f"
        return {
            "events": [
                {
                    "logStreamName": event.stream,
                    "timestamp": event.time_ms,
                    "message": event.message,
                    "ingestionTime": event.ingested_ms,
                    "eventId": models.event_id(group.id, event),
                }
                for event in page.events
            ],
            "searchedLogStreams": [],  # AWS leaves it empty since 2020
            "nextToken": None if page.finished else models.events_token(direction, page.position),
        }

    async def _group(self, ctx: RequestContext, name: str | None, identifier: str | None = None) -> LogGroup:
        if name is not None and identifier is not None:
            raise AwsError(
                "ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters."
            )
        if name is None:
            name = _group_name(ctx, identifier)
        group = await self._log_events.group(ctx.account, ctx.region, name)
        if group is None:
            raise errors.no_such_group()
        return group

    async def _stream(self, group: LogGroup, name: str) -> LogStream:
        stream = await self._log_events.stream(group.id, name)
        if stream is None:
            raise errors.no_such_stream()
        return stream


def _range(start_time: int, end_time: int | None) -> tuple[Position, Position]:
    """Between which places the events from start_time to before end_time lie."""
    before = END if end_time is None else min(END, Position(end_time, 0))
    return min(END, Position(start_time, 0)), before


def _group_name(ctx: RequestContext, identifier: str | None) -> str:
    """Of a name or a group's ARN; other accounts' and regions' groups do not exist for the caller."""
    if identifier is None:
        raise errors.invalid_parameter("Either logGroupName or logGroupIdentifier must be specified.")
    if not identifier.startswith("arn:"):
        return identifier
    own = models.group_arn(ctx.account, ctx.region, "")
    if not identifier.startswith(own):
        raise errors.no_such_group()
    return identifier.removeprefix(own)


def _matcher(pattern: str, prefix: str | None) -> Callable[[LogEvent], bool] | None:
    message_matches = compile_pattern(pattern)
    if message_matches is None and prefix is None:
        return None
    return partial(_matches, message_matches, prefix or "")


def _matches(message_matches: Callable[[str], bool] | None, prefix: str, event: LogEvent) -> bool:
    return event.stream.startswith(prefix) and (message_matches is None or message_matches(event.message))
