"""What the consumer's log group says since a moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

CONSUMED = "consumed "  # what consumer_of_all prints before a message's body
EXCERPT_LINES = 12


class ConsumerLog:
    """Reads what is new with each `read`; an event's id tells which it has."""

    def __init__(self, logs: Any, function: str) -> None:
        self._logs = logs
        self._group = f"/aws/lambda/{function}"
        self._since_ms = time.time_ns() // 1_000_000
        self._seen: set[str] = set()
        self.lines: list[str] = []

    def read(self) -> ConsumerLog:
        for event in self._new_events():
            self._seen.add(event["eventId"])
            self.lines.append(event["message"].rstrip())
        return self

    @property
    def consumed(self) -> set[str]:
        """The bodies that consumer_of_all printed."""
        return {line.removeprefix(CONSUMED) for line in self.lines if line.startswith(CONSUMED)}

    @property
    def invocations(self) -> int:
        return sum(line.startswith("REPORT ") for line in self.lines)

    def complete(self, at_least: int) -> bool:
        """Whether so many invocations, and every one that started, have been reported."""
        started = sum(line.startswith("START ") for line in self.lines)
        return started == self.invocations >= at_least

    def excerpt(self) -> Iterator[str]:
        yield from (line.expandtabs(2) for line in self.lines[:EXCERPT_LINES])
        if len(self.lines) > EXCERPT_LINES:
            yield f"… {len(self.lines) - EXCERPT_LINES} more lines"

    def _new_events(self) -> Iterator[dict[str, Any]]:
        pages = self._logs.get_paginator("filter_log_events")
        try:
            for page in pages.paginate(logGroupName=self._group, startTime=self._since_ms):
                yield from (event for event in page["events"] if event["eventId"] not in self._seen)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":  # no invocation yet: no group
                raise
