"""Time, injected: nothing in Noria reads the machine's clock but through one of these."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A callback that waits; `cancel` may be called more than once, also after it ran."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Wall-clock time as Unix time, and timers that follow it."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""

    def now_s(self) -> float:
        """Seconds since the epoch."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Run `callback` on the event loop once `delay_s` seconds have passed."""

    async def sleep(self, delay_s: float) -> None:
        """Return once `delay_s` seconds have passed."""


class SystemClock:
    """The machine's time."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def now_s(self) -> float:
        return time.time()

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(delay_s, callback)

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


class _ManualTimer:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """Time that stands still until a test moves it."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self._now_ms = round(now_s * 1000)
        self._timers: list[tuple[int, int, _ManualTimer]] = []
        self._order = itertools.count()

    def now_ms(self) -> int:
        return self._now_ms

    def now_s(self) -> float:
        return self._now_ms / 1000

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        timer = _ManualTimer(callback)
        due_ms = self._now_ms + max(0, round(delay_s * 1000))
        heapq.heappush(self._timers, (due_ms, next(self._order), timer))
        return timer

    async def sleep(self, delay_s: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        timer = self.call_later(delay_s, wake)
        try:
            await waiter
        finally:
            timer.cancel()

    def advance(self, seconds: float) -> None:
        """Move time on, running the timers that come due, each at its own time."""
        until_ms = self._now_ms + round(seconds * 1000)
        while self._timers and self._timers[0][0] <= until_ms:
            due_ms, _, timer = heapq.heappop(self._timers)
            self._now_ms = max(self._now_ms, due_ms)
            if timer.callback is not None:
                callback, timer.callback = timer.callback, None
                callback()
        self._now_ms = until_ms
