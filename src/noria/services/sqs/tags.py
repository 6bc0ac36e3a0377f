"""Cost allocation tags of queues, within AWS's limits."""

from __future__ import annotations

from collections.abc import Mapping

from noria.services.sqs import errors
from noria.services.sqs.limits import MAX_TAG_KEY_LENGTH, MAX_TAG_VALUE_LENGTH, MAX_TAGS


def merged(queue_name: str, present: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Raises InvalidParameterValue."""
    for key, value in added.items():
        if not 1 <= len(key) <= MAX_TAG_KEY_LENGTH:
            raise errors.invalid_parameter(
                f"Tag keys must be between 1 and {MAX_TAG_KEY_LENGTH} characters in length."
            )
        if key.lower().startswith("aws:"):
            raise errors.invalid_parameter("Tag keys beginning with 'aws:' are reserved for internal use.")
        if len(value) > MAX_TAG_VALUE_LENGTH:
            raise errors.invalid_parameter(
                f"Tag values must be between 0 and {MAX_TAG_VALUE_LENGTH} characters in length."
            )
    tags = {**present, **added}
    if len(tags) > MAX_TAGS:
        raise errors.invalid_parameter(f"Too many tags added for queue {queue_name}.")
    return tags
