"""Pages of ListQueues."""

from __future__ import annotations

import base64
import binascii

from noria.services.sqs import errors
from noria.services.sqs.limits import MAX_LISTED_QUEUES


def page_size(max_results: int | None) -> int:
    if max_results is None:
        return MAX_LISTED_QUEUES
    if not 1 <= max_results <= MAX_LISTED_QUEUES:
        raise errors.invalid_value(
            max_results, "MaxResults", f"MaxResults must be an integer between 1 and {MAX_LISTED_QUEUES}."
        )
    return max_results


def token(last: str) -> str:
    """What the next page is asked for with. last: the name that this one ends with."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def after(next_token: str | None) -> str:
    """The name after which the page begins."""
    try:
        return base64.b64decode(next_token or "", altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise errors.invalid_parameter("Invalid or expired next token.") from error
