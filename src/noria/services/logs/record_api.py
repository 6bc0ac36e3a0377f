"""Single log events, by the pointer that Insights' results have."""

from __future__ import annotations

from typing import Any

import msgspec

from noria.context import RequestContext
from noria.services.logs import errors, models
from noria.services.logs.core import LogsCore
from noria.services.logs.patterns.json_events import as_scalar
from noria.store.log_events import Position

MAX_FIELDS = 200  # that are found in an event, as Insights finds


class RecordOperations(LogsCore):
    """One method an operation; see `noria.gateway` for how they are called."""

    async def get_log_record(
        self, ctx: RequestContext, *, log_record_pointer: str, unmask: bool = False
    ) -> dict[str, Any]:
        """unmask: as GetLogEvents'."""
        group_id, (time_ms, seq) = models.parse_record_pointer(log_record_pointer)
        place = await self._log_events.place(group_id)
        if place is None or place[:2] != (ctx.account, ctx.region):
            raise errors.no_such_record()
        page = await self._log_events.read(
            group_id, after=Position(time_ms, seq - 1), before=Position(time_ms, seq + 1), limit=1
        )
        if not page.events:
            raise errors.no_such_record()
        [event] = page.events
        record = {
            "@ingestionTime": str(event.ingested_ms),
            "@log": f"{ctx.account}:{place[2]}",
            "@logStream": event.stream,
            "@message": event.message,
            "@timestamp": str(event.time_ms),
        }
        return {"logRecord": json_fields(event.message) | record}


def json_fields(message: str) -> dict[str, str]:
    """``a.b.0`` → value, of what is in an event that is JSON; empty for others."""
    try:
        event = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError):
        return {}
    fields: dict[str, str] = {}
    waiting: list[tuple[str, Any]] = [("", event)] if isinstance(event, dict) else []
    while waiting and len(fields) < MAX_FIELDS:
        name, value = waiting.pop()
        if isinstance(value, dict | list):
            inside = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [(f"{name}.{key}" if name else str(key), each) for key, each in inside][::-1]
        elif (scalar := as_scalar(value)) is not None:
            fields[name] = scalar[0]
    return fields
