"""Filter criteria: which messages a function wants. Any one of the patterns is enough.

A pattern of the body's fields wants a body that is JSON, and a pattern of the body's text one that is not;
neither fits the other (with-sqs-filtering.html).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from noria.services.triggers import errors
from noria.services.triggers.limits import MAX_FILTERS
from noria.services.triggers.patterns import OR, InvalidPattern, Pattern

# A record's body, as patterns see it: its text is in `body` only where it is not JSON.
IS_JSON, AS_JSON = "body is JSON", "body as JSON"


class Filters:
    """Compiled filter criteria; true where there are any."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """patterns: JSON texts. Raises AwsError for one that is no pattern."""
        try:
            self._patterns = [Pattern(_told_apart(msgspec.json.decode(text))) for text in patterns]
        except (InvalidPattern, msgspec.DecodeError, RecursionError) as error:
            raise errors.invalid_filter() from error

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match(self, record: Mapping[str, Any]) -> bool:
        """record: a message as the function's event has it."""
        if not self._patterns:
            return True
        event = dict(record)
        try:
            event[AS_JSON] = msgspec.json.decode(event["body"])
            del event["body"]
        except (msgspec.DecodeError, RecursionError):
            pass
        event[IS_JSON] = AS_JSON in event
        return any(pattern.matches(event) for pattern in self._patterns)


def patterns_of(criteria: Mapping[str, Any]) -> tuple[str, ...]:
    """Of a request's FilterCriteria. Raises AwsError."""
    filters = criteria.get("Filters") or ()
    if len(filters) > MAX_FILTERS:
        raise errors.too_many_filters(MAX_FILTERS)
    patterns = tuple(each.get("Pattern") or "" for each in filters)
    Filters(patterns)
    return patterns


def _told_apart(tree: Any) -> Any:
    """The pattern with its rules for the body where `Filters.match` puts the body that they are for."""
    if not isinstance(tree, dict):
        return tree
    apart: dict[str, Any] = {}
    for name, value in tree.items():
        if name == "body":
            is_json = isinstance(value, dict)
            apart[AS_JSON if is_json else name] = value
            apart[IS_JSON] = [is_json]
        elif name == OR and isinstance(value, list):
            apart[name] = [_told_apart(each) for each in value]
        else:
            apart[name] = value
    return apart
