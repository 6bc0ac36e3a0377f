"""The contract of the queues' messages (see `noria.store.base`)."""

from __future__ import annotations

from typing import Protocol


class Messages(Protocol):
    """To be filled by SQS."""
