"""How many batches of a mapping may be handled at once (services-sqs-scaling.html)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from noria.clock import Clock, Timer
from noria.services.triggers.limits import GROWTH_INTERVAL_S, LEAST_CONCURRENCY, QUICK_BATCH_S


class Places:
    """A mapping's concurrent batches: `first` to begin with, one more each fifth of a second while there is
    backlog, to `maximum`; fewer while the function fails or is throttled. One task acquires.
    """

    def __init__(self, first: int, maximum: int, clock: Clock, has_room: Callable[[], bool]) -> None:
        """has_room: whether the machine has places to spare, which other functions may need."""
        self._first = min(first, maximum)
        self._maximum = maximum
        self._clock = clock
        self._has_room = has_room
        self._allowed = self._first
        self._taken = 0
        self._quick = True  # the last batch was
        self._grown_ms = 0
        self._waiter: asyncio.Future[None] | None = None
        self._timer: Timer | None = None

    @property
    def allowed(self) -> int:
        return self._allowed

    async def acquire(self) -> None:
        """Wait for a place. Whoever waits here has a backlog, as far as one can know."""
        while self._taken >= self._allowed and not self._grow():
            self._waiter = asyncio.get_running_loop().create_future()
            self._timer = self._clock.call_later(GROWTH_INTERVAL_S, self._look_again)
            try:
                await self._waiter
            finally:
                self._timer.cancel()
                self._waiter = None
        self._taken += 1

    def release(self) -> None:
        self._taken -= 1
        self._wake()

    def succeeded(self, began_ms: int) -> None:
        """A batch was handled: what failures took is given back."""
        self._quick = self._clock.now_ms() - began_ms < QUICK_BATCH_S * 1000
        if self._allowed < self._first:
            self._allowed += 1

    def failed(self) -> None:
        """The function failed or was throttled: back off, gradually, to two batches at a time."""
        self._allowed = max(LEAST_CONCURRENCY, self._allowed - 1)

    def idle(self) -> None:
        """The queue is empty."""
        self._allowed = min(self._allowed, self._first)

    def _grow(self) -> bool:
        now_ms = self._clock.now_ms()
        if self._quick or not self._first <= self._allowed < self._maximum:
            return False
        if now_ms - self._grown_ms < GROWTH_INTERVAL_S * 1000 or not self._has_room():
            return False
        self._grown_ms = now_ms
        self._allowed += 1
        return True

    def _look_again(self) -> None:
        self._quick = False  # none of the batches has ended for as long as that
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
