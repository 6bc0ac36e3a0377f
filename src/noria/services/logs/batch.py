"""Which events of a PutLogEvents request are taken."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from noria.services.logs.errors import invalid_parameter
from noria.services.logs.limits import (
    EVENT_OVERHEAD_BYTES,
    MAX_BATCH_BYTES,
    MAX_BATCH_SPAN_MS,
    MAX_EVENT_AGE_MS,
    MAX_EVENT_BYTES,
    MAX_EVENT_LEAD_MS,
)

Batch = Sequence[tuple[int, str]]


def accept(batch: Batch, now_ms: int) -> tuple[Batch, dict[str, int] | None]:
    """The events of acceptable age, and ``rejectedLogEventsInfo`` about the others (None: there are none).

    batch: (time in ms, message). Raises InvalidParameterException for a batch that is refused whole.
    """
    sizes = [len(message.encode()) + EVENT_OVERHEAD_BYTES for _, message in batch]
    if (largest := max(sizes)) > MAX_EVENT_BYTES:
        raise invalid_parameter(f"Log event too large: {largest} bytes exceeds limit of {MAX_EVENT_BYTES}")
    if (total := sum(sizes)) > MAX_BATCH_BYTES:
        raise invalid_parameter(f"Upload too large: {total} bytes exceeds limit of {MAX_BATCH_BYTES}")
    if any(later[0] < earlier[0] for earlier, later in pairwise(batch)):
        raise invalid_parameter("Log events in a single PutLogEvents request must be in chronological order.")
    if batch[-1][0] - batch[0][0] > MAX_BATCH_SPAN_MS:
        raise invalid_parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    first = sum(time_ms < now_ms - MAX_EVENT_AGE_MS for time_ms, _ in batch)
    end = len(batch) - sum(time_ms > now_ms + MAX_EVENT_LEAD_MS for time_ms, _ in batch)
    rejected = {}
    if first:
        rejected["tooOldLogEventEndIndex"] = first  # exclusive
    if end < len(batch):
        rejected["tooNewLogEventStartIndex"] = end
    return batch[first:end], rejected or None
