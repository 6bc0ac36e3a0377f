"""Metric filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.context import RequestContext
from noria.services.logs.core import LogsCore
from noria.services.logs.patterns import compile_metric_pattern


class MetricFilterOperations(LogsCore):
    """One method an operation; see `noria.gateway` for how they are called."""

    async def test_metric_filter(
        self, ctx: RequestContext, *, filter_pattern: str, log_event_messages: Sequence[str]
    ) -> dict[str, Any]:
        """Which of the messages match, counted from 1, and the fields of those that are space-delimited."""
        pattern = compile_metric_pattern(filter_pattern)
        found = ((message, pattern.values(message)) for message in log_event_messages)
        return {
            "matches": [
                {"eventNumber": number, "eventMessage": message, "extractedValues": values}
                for number, (message, values) in enumerate(found, 1)
                if values is not None
            ]
        }
