"""CloudWatch Logs' filter-pattern language: which messages a pattern matches, and what it finds in them.

Pure, and linear in the length of a message. Where the user guide leaves something open, the modules say what
was chosen. See docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html.
"""

from __future__ import annotations

from typing import Protocol

from noria.errors import AwsError
from noria.services.logs.errors import invalid_parameter
from noria.services.logs.patterns.fields import FieldsPattern
from noria.services.logs.patterns.json_events import JsonPattern
from noria.services.logs.patterns.reading import INVALID_PATTERN
from noria.services.logs.patterns.terms import Terms


class FilterPattern(Protocol):
    """A compiled pattern."""

    @property
    def regexes(self) -> int:
        """How many regular expressions are in it."""

    @property
    def is_everything(self) -> bool:
        """Whether every message matches, so that none needs to be asked about."""

    @property
    def has_fields(self) -> bool:
        """Whether its events have values that can be asked for by name."""

    def matches(self, message: str) -> bool: ...

    def values(self, message: str) -> dict[str, str] | None:
        """``$name`` → value of a space-delimited event's fields, empty for others; None for no match."""

    def has(self, selector: str) -> bool:
        """Whether the pattern's events can have such a value: ``$.field`` of JSON, ``$name`` of fields."""

    def value(self, message: str, selector: str) -> str | None:
        """Of an event that matches; None where it is not there or no string, number or boolean."""


def compile_pattern(text: str) -> FilterPattern:
    """Raises AwsError, InvalidParameterException, with what is wrong."""
    text = text.strip()
    if text.startswith("{"):
        return JsonPattern(text)
    if text.startswith("["):
        return FieldsPattern(text)
    return Terms(text)


def compile_metric_pattern(text: str) -> FilterPattern:
    """As `compile_pattern`, in the words of metric filters."""
    try:
        return compile_pattern(text)
    except AwsError as error:
        if error.message == INVALID_PATTERN:
            raise invalid_parameter("Invalid metric filter pattern") from error
        raise
