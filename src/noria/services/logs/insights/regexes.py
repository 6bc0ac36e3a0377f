"""Regular expressions of queries, which AWS reads as Java does, for Python's `re`; and globs."""

from __future__ import annotations

import re

from noria.services.logs.insights.syntax import MalformedQuery

JAVA_GROUP = re.compile(r"(?P<escaped>\\.)|\(\?<(?P<name>[A-Za-z]\w*)>", re.DOTALL)
LEADING_FLAGS = re.compile(r"\(\?[imsux]+\)")


def compiled(regex: str, start: int, end: int) -> re.Pattern[str]:
    """start, end: where it is in the query. Named groups are Java's: ``(?<name>…)``."""
    pythonic = JAVA_GROUP.sub(lambda match: match["escaped"] or f"(?P<{match['name']}>", regex)
    try:
        return re.compile(pythonic)
    except (re.error, OverflowError, RecursionError) as error:
        raise MalformedQuery(f"Invalid regular expression: {error}", start, end) from error


def glob(text: str) -> re.Pattern[str]:
    """``*`` takes as little as will do; at the very end all there is."""
    parts = [re.escape(part) for part in text.split("*")]
    if len(parts) > 1 and not parts[-1]:
        return re.compile("(.*?)".join(parts[:-1]) + "(.*)")
    return re.compile("(.*?)".join(parts))
