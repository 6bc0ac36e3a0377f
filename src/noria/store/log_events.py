"""The contract of log events (see `noria.store.base`)."""

from __future__ import annotations

from typing import Protocol


class LogEvents(Protocol):
    """To be filled by Logs."""
