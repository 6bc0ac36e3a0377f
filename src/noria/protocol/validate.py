"""The constraints of the service models (required, length, range, pattern, enum), with AWS's texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.protocol.models import Operation


def validate(operation: Operation, arguments: Mapping[str, Any]) -> None:
    """Raise AwsError, AWS's ``N validation errors detected: …``, unless every constraint holds.

    arguments: as `Codec.decode` gives them.
    """
    raise NotImplementedError
