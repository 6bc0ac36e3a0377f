"""What metric and subscription filters have in common: names, quotas, order, compiled patterns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

from noria.services.logs import errors, limits
from noria.services.logs.patterns import FilterPattern, compile_pattern
from noria.services.logs.settings import GroupSettings


class Named(Protocol):
    """A filter of either kind."""

    @property
    def name(self) -> str: ...

    @property
    def pattern(self) -> str: ...


F = TypeVar("F", bound=Named)

compiled = lru_cache(maxsize=1_000)(compile_pattern)  # as many as there are groups with filters that are busy


def with_filter(filters: Sequence[F], added: F, most: int) -> list[F]:
    """In the order of the names; one of the name is replaced. Raises LimitExceededException."""
    others = [each for each in filters if each.name != added.name]
    if len(others) >= most:
        raise errors.limit_exceeded()
    return sorted([*others, added], key=lambda each: each.name)


def require_few_regexes(settings: GroupSettings, added: FilterPattern) -> None:
    """Of a group's filters only so many may have regular expressions. Raises LimitExceededException."""
    filters: list[Named] = [*settings.metric_filters, *settings.subscriptions]
    if (
        added.regexes
        and sum(compiled(each.pattern).regexes > 0 for each in filters) > limits.MAX_REGEX_FILTERS
    ):
        raise errors.limit_exceeded()
