"""What a codec says of a request that it cannot read or route."""

from __future__ import annotations

from noria.errors import AwsError


def serialization(message: str = "") -> AwsError:
    """AWS often gives no text at all, for what is no JSON say."""
    return AwsError("SerializationException", message)


def malformed_input(message: str = "") -> AwsError:
    """The Query protocol's word for a value that is not of its type."""
    return AwsError("MalformedInput", message)


def unknown_operation(status: int) -> AwsError:
    return AwsError("UnknownOperationException", "", status)
