"""What CloudWatch asks of names, dimensions, units and times."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from noria.services.cloudwatch import errors, limits
from noria.store.metrics import UNITS

_PERCENTILE = re.compile(r"p(?:\d{1,2}(?:\.\d{0,10})?|100(?:\.0{0,10})?)", re.ASCII)


def check_text(value: str | None, name: str, most: int = limits.MAX_NAME_CHARS) -> str:
    """A text that must be there. name: how the request calls it."""
    if not value:
        raise errors.missing(name)
    if len(value) > most:
        raise errors.invalid_value(f"The parameter {name} must be shorter than {most + 1} characters.")
    return value


def check_namespace(namespace: str | None) -> str:
    found = check_text(namespace, "Namespace")
    if found.startswith(":"):
        raise errors.bad_value(found, "Namespace")
    return found


def check_dimensions(dimensions: Sequence[Mapping[str, Any]], name: str) -> tuple[tuple[str, str], ...]:
    """(name, value) pairs, sorted."""
    if len(dimensions) > limits.MAX_DIMENSIONS:
        raise errors.too_many(name, limits.MAX_DIMENSIONS)
    found: dict[str, str] = {}
    for number, dimension in enumerate(dimensions, 1):
        key = check_text(dimension.get("Name"), f"{name}.member.{number}.Name")
        value_name = f"{name}.member.{number}.Value"
        value = check_text(dimension.get("Value"), value_name, limits.MAX_DIMENSION_VALUE_CHARS)
        if key in found:
            raise errors.invalid_value("No Metric may specify the same dimension twice.")
        found[key] = value
    return tuple(sorted(found.items()))


def check_unit(unit: str | None, name: str) -> None:
    if unit is not None and unit not in UNITS:
        raise errors.not_of(name, UNITS)


def check_timestamp(time_s: float, now_s: float, name: str) -> None:
    if time_s > now_s + limits.MAX_LEAD_S:
        raise errors.invalid_value(
            f"The parameter {name} must specify a time no more than two hours in the future."
        )
    if time_s < now_s - limits.MAX_AGE_S:
        raise errors.invalid_value(f"The parameter {name} must specify a time within the past two weeks.")


def check_period(period: int | None) -> int:
    if period is None:
        raise errors.missing("Period")
    if period <= 0:
        raise errors.invalid_value("The parameter Period must be greater than 0.")
    if period not in limits.SHORT_PERIODS_S and period % 60:
        raise errors.invalid_value("The parameter Period must be a multiple of 60.")
    return period


def is_percentile(statistic: str) -> bool:
    return _PERCENTILE.fullmatch(statistic) is not None
