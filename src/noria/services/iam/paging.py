"""Pages of IAM's lists: Marker, MaxItems, IsTruncated."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from noria.services.iam import errors, limits

T = TypeVar("T")


def page(
    items: Sequence[T], key: Callable[[T], str], marker: str | None, max_items: int | None
) -> tuple[list[T], dict[str, Any]]:
    """The page after `marker`, and the members that say whether there is more.

    key: unique; pages follow its order. The marker holds the last key shown, so that a page that is asked
    for after a change neither repeats nor skips what was there before. Raises ValidationError.
    """
    after = _decode(marker) if marker is not None else ""
    rest = sorted((item for item in items if key(item) > after), key=key)
    size = max_items or limits.DEFAULT_PAGE_ITEMS
    shown = rest[:size]
    if len(rest) <= size:
        return shown, {"IsTruncated": False}
    return shown, {"IsTruncated": True, "Marker": base64.urlsafe_b64encode(key(shown[-1]).encode()).decode()}


def _decode(marker: str) -> str:
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise errors.invalid_marker() from None
