"""What the batch operations share: the checks of the request as a whole, and per-entry results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from noria.errors import AwsError
from noria.services.sqs import errors
from noria.services.sqs.limits import MAX_BATCH_ENTRIES, MAX_BATCH_ID_LENGTH

ENTRY_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_BATCH_ID_LENGTH}}}")

Entry = Mapping[str, Any]


def check(entries: Sequence[Entry] | None, shape: str, most: int = MAX_BATCH_ENTRIES) -> Sequence[Entry]:
    """Raise what fails a batch as a whole. shape: the entries' name in the model, for the texts."""
    if entries is None:
        raise errors.missing_parameter("Entries")
    if not entries:
        raise errors.empty_batch(shape)
    if len(entries) > most:
        raise errors.too_many_entries(len(entries))
    seen = set()
    for number, entry in enumerate(entries, 1):
        entry_id = entry.get("Id")
        if not entry_id:
            raise errors.missing_parameter(f"{shape}.{number}.Id")
        if not ENTRY_ID.fullmatch(entry_id):
            raise errors.invalid_batch_entry_id()
        if entry_id in seen:
            raise errors.batch_entry_ids_not_distinct(entry_id)
        seen.add(entry_id)
    return entries


class Results:
    """A batch's answer, entry by entry."""

    def __init__(self) -> None:
        self._successful: list[dict[str, Any]] = []
        self._failed: list[dict[str, Any]] = []

    def succeed(self, entry: Entry, answer: Mapping[str, Any] | None = None) -> None:
        self._successful.append({"Id": entry["Id"], **(answer or {})})

    def fail(self, entry: Entry, error: AwsError) -> None:
        self._failed.append(
            {
                "Id": entry["Id"],
                "Code": error.query_code,
                "Message": error.message,
                "SenderFault": error.fault == "Sender",
            }
        )

    def answer(self) -> dict[str, Any]:
        return {"Successful": self._successful or None, "Failed": self._failed or None}
