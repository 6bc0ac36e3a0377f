"""The environments of one build of a function."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec

from noria.services.lambda_.environment import Environment
from noria.services.lambda_.models import Function

Key = tuple[str, str]  # the function's ARN and build


class Provisioned(msgspec.Struct, frozen=True):
    """Provisioned concurrency, as it is now. failure: why less than requested is available."""

    requested: int
    available: int
    failure: str = ""

    @property
    def status(self) -> Literal["IN_PROGRESS", "READY", "FAILED"]:
        """As GetProvisionedConcurrencyConfig has it."""
        if self.available >= self.requested:
            return "READY"
        return "FAILED" if self.failure else "IN_PROGRESS"


class Fleet:
    """idle: the last one used is taken first. invocations: that are in it, those included whose environment
    is being made. provisioned: so many environments are kept, in use or not; making: of them, not ready yet.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.idle: list[Environment] = []
        self.busy: set[Environment] = set()
        self.invocations = 0
        self.provisioned = 0
        self.making = 0
        self.failure = ""  # of the last one that was to be provisioned
        self.is_retired = False
        self.emptied = asyncio.Event()

    def take(self, tenant: str) -> Environment | None:
        """The last one used that may serve the tenant."""
        for at in range(len(self.idle) - 1, -1, -1):
            if self.idle[at].tenant in {None, tenant}:
                return self.idle.pop(at)
        return None

    @property
    def size(self) -> int:
        """Environments that are initialised, or are just being by an invocation."""
        return len(self.idle) + len(self.busy)

    @property
    def is_needed(self) -> bool:
        return bool(self.idle or self.invocations or self.provisioned)

    @property
    def missing(self) -> int:
        """How many are to be made."""
        return 0 if self.is_retired else max(0, self.provisioned - self.size - self.making)

    def oldest(self) -> Environment | None:
        """The one that has been idle for longest, if one may go."""
        return self.idle[0] if self.idle and self.size > self.provisioned else None

    def report(self) -> Provisioned:
        available = min(self.provisioned, self.size)
        return Provisioned(self.provisioned, available, self.failure)
