"""Runs queries over events, without a server or a process."""

from __future__ import annotations

from collections.abc import Sequence

from noria.services.logs.insights.fields import Row, Source
from noria.services.logs.insights.parser import parse
from noria.services.logs.insights.pipeline import Pipeline

NOW = 1_800_000_000_000  # 2027-01-15 08:00:00
GROUP = "/app"


def pipeline(query: str, messages: Sequence[str], group: str = GROUP, limit: int | None = None) -> Pipeline:
    """It has seen the messages, one a minute from NOW on, the newest first as it has to be."""
    found = Pipeline(parse(query), [Source(7, "111111111111", group)], NOW, limit)
    events = [
        Row(NOW + 60_000 * number, number + 1, "s", message, NOW, 0)
        for number, message in enumerate(messages)
    ]
    for event in reversed(events):
        found.add(event)
    return found


def rows(
    query: str, messages: Sequence[str], group: str = GROUP, limit: int | None = None
) -> list[dict[str, str]]:
    """The results, without @ptr."""
    results = pipeline(query, messages, group, limit).results()
    return [{name: value for name, value in row if name != "@ptr"} for row in results]
