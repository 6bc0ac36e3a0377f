"""ApplicationLogLevel: which of a function's own log events are kept, in LogFormat JSON.

docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from __future__ import annotations

import datetime
import json

# Levels by the names that the runtimes' loggers give them.
RANKS = {"TRACE": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "WARNING": 3, "ERROR": 4, "FATAL": 5, "CRITICAL": 5}
TIMES = ("timestamp", "time", "@timestamp")


def keeps(text: str, level: str) -> bool:
    """Whether an event is of that level or above it."""
    return _rank(text) >= RANKS[level]


def _rank(text: str) -> int:
    """An event that is no JSON object, or has no level and valid time, is INFO."""
    if not text.startswith("{"):
        return RANKS["INFO"]
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return RANKS["INFO"]
    has_time = any(_is_time(event.get(name)) for name in TIMES)
    return RANKS.get(str(event.get("level")).upper(), RANKS["INFO"]) if has_time else RANKS["INFO"]


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.datetime.fromisoformat(value).tzinfo)
    except ValueError:
        return False
