"""Which events of a PutLogEvents request are taken."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from noria.services.logs.errors import invalid_parameter
from noria.services.logs.limits import (
    MAX_BATCH_BYTES,
    MAX_BATCH_SPAN_MS,
    MAX_EVENT_AGE_MS,
    MAX_EVENT_BYTES,
    MAX_EVENT_LEAD_MS,
)
from noria.store.log_events import EVENT_OVERHEAD_BYTES

Batch = Sequence[tuple[int, str]]


def check(batch: Batch, now_ms: int) -> None:
    """Raise InvalidParameterException for a batch that is refused whole.

    batch: (time in ms, message).
    """
    sizes = [len(message.encode()) + EVENT_OVERHEAD_BYTES for _, message in batch]
    if (largest := max(sizes)) > MAX_EVENT_BYTES:
        raise invalid_parameter(f"Log event too large: {largest} bytes exceeds limit of {MAX_EVENT_BYTES}")
    if (total := sum(sizes)) > MAX_BATCH_BYTES:
        raise invalid_parameter(f"Upload too large: {total} bytes exceeds limit of {MAX_BATCH_BYTES}")
    if any(later[0] < earlier[0] for earlier, later in pairwise(batch)):
        raise invalid_parameter("Log events in a single PutLogEvents request must be in chronological order.")
    valid = batch[_first_since(batch, now_ms - MAX_EVENT_AGE_MS) : _first_too_new(batch, now_ms)]
    if valid and valid[-1][0] - valid[0][0] > MAX_BATCH_SPAN_MS:
        raise invalid_parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )


def accept(batch: Batch, now_ms: int, retention_ms: int | None) -> tuple[Batch, dict[str, int] | None]:
    """The events of acceptable age, and ``rejectedLogEventsInfo`` about the others (None: there are none).

    batch: checked. retention_ms: the group's, None for ever. The ends are exclusive, the start is not.
    """
    rejected = {}
    if too_old := _first_since(batch, now_ms - MAX_EVENT_AGE_MS):
        rejected["tooOldLogEventEndIndex"] = too_old
    if (too_new := _first_too_new(batch, now_ms)) < len(batch):
        rejected["tooNewLogEventStartIndex"] = too_new
    first = too_old
    if retention_ms is not None:
        first = max(first, _first_since(batch, now_ms - retention_ms))
        if first > too_old:
            rejected["expiredLogEventEndIndex"] = first
    return batch[first:too_new], rejected or None


def _first_since(batch: Batch, since_ms: int) -> int:
    return bisect_left(batch, (since_ms, ""))


def _first_too_new(batch: Batch, now_ms: int) -> int:
    return _first_since(batch, now_ms + MAX_EVENT_LEAD_MS + 1)
