"""Tags of log groups, within AWS's limits."""

from __future__ import annotations

from collections.abc import Mapping

from noria.services.logs import errors
from noria.services.logs.limits import MAX_TAGS


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that somebody sets; their characters and lengths have been checked. Raises AwsError."""
    if any(key.lower().startswith("aws:") for key in tags):
        raise errors.invalid_parameter("Tag keys beginning with 'aws:' are reserved for system use.")
    return dict(tags)


def merged(present: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Raises AwsError."""
    tags = {**present, **checked_tags(added)}
    if len(tags) > MAX_TAGS:
        raise errors.too_many_tags()
    return tags
