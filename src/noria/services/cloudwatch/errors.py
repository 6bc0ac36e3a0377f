"""CloudWatch's errors, with AWS's texts."""

from __future__ import annotations

from collections.abc import Sequence

from noria.errors import AwsError


def invalid_value(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, query_code="InvalidParameterValue")


def invalid_combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombinationException", message, query_code="InvalidParameterCombination")


def missing(name: str) -> AwsError:
    text = f"The parameter {name} is required."
    return AwsError("MissingRequiredParameterException", text, query_code="MissingParameter")


def validation(message: str) -> AwsError:
    """The word of GetMetricData."""
    return AwsError("ValidationException", message, query_code="ValidationError")


def exclusive(one: str, other: str) -> AwsError:
    return invalid_combination(
        f"The parameters {one} and {other} are mutually exclusive and you have specified both."
    )


def too_many(name: str, limit: int) -> AwsError:
    return invalid_value(f"The collection {name} must not have a size greater than {limit}.")


def not_of(name: str, allowed: Sequence[object]) -> AwsError:
    return invalid_value(
        f"The parameter {name} must be a value in the set [ {', '.join(map(str, allowed))} ]."
    )


def bad_value(value: object, name: str) -> AwsError:
    return invalid_value(f"The value {value} for parameter {name} is invalid.")


def too_many_metrics(limit: int) -> AwsError:
    """Noria's own bound (docs/differences.md)."""
    return AwsError(
        "LimitExceededException", f"This account and region have {limit} metrics, and may not have more."
    )


def invalid_next_token() -> AwsError:
    return AwsError("InvalidNextToken", "The next token is invalid.")
