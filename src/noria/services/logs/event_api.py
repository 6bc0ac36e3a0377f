"""Log events: written, read, looked through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from noria.context import RequestContext
from noria.services.logs import errors, limits, models
from noria.services.logs.batch import accept, check
from noria.services.logs.core import LogsCore
from noria.services.logs.feed import GroupName
from noria.services.logs.patterns import compile_pattern
from noria.store.log_events import END, LogGroup, Position


class EventOperations(LogsCore):
    """One method an operation; see `noria.gateway` for how they are called."""

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
        check(batch, now_ms)  # AWS refuses a batch before it looks for its group
        group = await self._group(ctx, log_group_name)
        stream = await self._stream(group, log_stream_name)
        settings = await self._settings.get(ctx.account, ctx.region, group)
        accepted, rejected = accept(batch, now_ms, settings.retention_ms)
        if accepted:
            name = GroupName(ctx.account, ctx.region, group.name)
            if not await self._intake.append(name, stream.name, stream.id, accepted, now_ms, ctx.principal):
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
        unmask: bool = False,
    ) -> dict[str, Any]:
        """A page in the order of time. At either end the token comes back as it was, to be tried again later.

        end_time is exclusive, unlike FilterLogEvents'. limit and 1 MB bound the page. unmask: nothing is
        masked here, so that it only asks for the permission.
        """
        group = await self._group(ctx, log_group_name, log_group_identifier)
        stream = await self._stream(group, log_stream_name)
        after, before = _range(await self._since(ctx, group, start_time), end_time)
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
        unmask: bool = False,
    ) -> dict[str, Any]:
        """A page of all streams, by time. A page may be empty and have a token: it looked through its share.

        end_time is inclusive. interleaved: AWS ignores it and always interleaves. unmask: as GetLogEvents'.
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
        pattern = compile_pattern(filter_pattern)
        token = models.parse_events_token(next_token) if next_token else None
        group = await self._group(ctx, log_group_name, log_group_identifier)
        since_ms = await self._since(ctx, group, start_time)
        after, before = _range(since_ms, None if end_time is None else end_time + 1)
        if token:
            direction, position = token
            descending = direction == "b"
            if descending:
                before = min(before, position)
            else:
                after = max(after, position)
        stream_ids = None
        if log_stream_names is not None:
            stream_ids = [(await self._stream(group, name)).id for name in sorted(set(log_stream_names))]
        page = await self._log_events.read(
            group.id,
            stream_ids=stream_ids,
            after=after,
            before=before,
            descending=descending,
            stream_prefix=log_stream_name_prefix or "",
            matches=None if pattern.is_everything else pattern.matches,
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
                    "eventId": models.event_id(group.id, event.position),
                }
                for event in page.events
            ],
            "searchedLogStreams": [],  # AWS leaves it empty since 2020
            "nextToken": None if page.finished else models.events_token(direction, page.position),
        }

    async def _since(self, ctx: RequestContext, group: LogGroup, start_time: int) -> int:
        """The time from which events are shown: what has expired is not, though it may not be erased yet."""
        retention_ms = (await self._settings.get(ctx.account, ctx.region, group)).retention_ms
        return start_time if retention_ms is None else max(start_time, self._clock.now_ms() - retention_ms)


def _range(start_time: int, end_time: int | None) -> tuple[Position, Position]:
    """Between which places the events from start_time to before end_time lie."""
    before = END if end_time is None else min(END, Position(end_time, 0))
    return min(END, Position(start_time, 0)), before
