"""Applies the filters of groups to what is appended: metrics are put, subscribers get what they want.

Whoever appends waits for it, so that filters slow down the writers of their group and nobody else.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from noria.context import Principal
from noria.services.logs.deliveries import Deliveries
from noria.services.logs.feed import Events, GroupName
from noria.services.logs.filters import compiled
from noria.services.logs.models import event_id
from noria.services.logs.patterns.conditions import parse_number
from noria.services.logs.settings import MetricFilter, SettingsTable, Subscription
from noria.services.ports import MetricSink
from noria.store.base import Store
from noria.store.log_events import Position

TRIED_AT_ONCE = 1_000  # events that a filter looks at in one turn of the loop: some ms
SOURCE_FUNCTION = "lambda:SourceFunctionArn"


class Appended(NamedTuple):
    """Events in the store. first_seq: the first one's place in its group. writer: who appended them."""

    group: GroupName
    stream: str
    events: Events
    first_seq: int
    writer: Principal


class Filtering:
    """See the module."""

    def __init__(self, store: Store, metrics: MetricSink, deliveries: Deliveries) -> None:
        self._log_events = store.log_events
        self._settings = SettingsTable(store.records)
        self._metrics = metrics
        self._deliveries = deliveries

    async def saw(self, appended: Appended) -> None:
        settings = await self._settings.named(*appended.group)
        if not (settings.metric_filters or settings.subscriptions):
            return
        group = await self._log_events.group(*appended.group)
        if group is None or group.id != settings.group_id:
            return  # of a group that had this name before
        for each in settings.metric_filters:
            self._measure(each, appended.group, await self._matching(each, appended), appended.events)
        source = dict(appended.writer.session_conditions).get(SOURCE_FUNCTION, "")
        for subscription in settings.subscriptions:
            if _function(source) == _function(subscription.destination):
                continue  # what it prints would invoke it for ever
            matching = await self._matching(subscription, appended)
            self._deliver(subscription, appended, group.id, matching)

    async def _matching(self, each: MetricFilter | Subscription, appended: Appended) -> list[int]:
        """The indexes of the events that match."""
        pattern = compiled(each.pattern)
        events = appended.events
        found: list[int] = []
        for start in range(0, len(events), TRIED_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            part = range(start, min(start + TRIED_AT_ONCE, len(events)))
            found += part if pattern.is_everything else (n for n in part if pattern.matches(events[n][1]))
        return found

    def _measure(self, each: MetricFilter, group: GroupName, matching: Sequence[int], events: Events) -> None:
        """Events of a minute with one value and the same dimensions are put at once."""
        counts: Counter[tuple[int, float, tuple[tuple[str, str], ...]]] = Counter()
        if not matching and each.default is not None:
            counts[events[0][0] // 60_000, each.default, ()] = len(events)
        pattern = compiled(each.pattern)
        fixed = parse_number(each.value)
        for time_ms, message in (events[number] for number in matching):
            value = parse_number(pattern.value(message, each.value) or "") if fixed is None else fixed
            names = [(name, pattern.value(message, field)) for name, field in each.dimensions.items()]
            dimensions = tuple((name, found) for name, found in names if found)
            if value is not None and len(dimensions) == len(names):
                counts[time_ms // 60_000, value, dimensions] += 1
        for (minute, value, dimensions), count in counts.items():
            self._metrics.put(
                group.account,
                group.region,
                each.namespace,
                each.metric,
                dict(dimensions),
                value,
                each.unit or "None",
                minute * 60.0,
                count,
            )

    def _deliver(
        self, subscription: Subscription, appended: Appended, group_id: int, matching: Sequence[int]
    ) -> None:
        pattern = compiled(subscription.pattern)
        events: list[dict[str, Any]] = []
        for number in matching:
            time_ms, message = appended.events[number]
            place = Position(time_ms, appended.first_seq + number)
            event: dict[str, Any] = {
                "id": event_id(group_id, place),
                "timestamp": time_ms,
                "message": message,
            }
            if fields := pattern.values(message):
                event["extractedFields"] = {name[1:]: value for name, value in fields.items()}
            events.append(event)
        if events:
            self._deliveries.add(appended.group, subscription, appended.stream, events)


def _function(arn: str) -> str:
    """A function's ARN without a version or alias."""
    return ":".join(arn.split(":")[:7]) or "nothing"
