"""The manual clock runs timers in order, each at its own time."""

from __future__ import annotations

import asyncio

from noria.clock import ManualClock


def test_timers_run_in_order_of_their_due_time_and_see_that_time() -> None:
    clock = ManualClock(now_s=100)
    seen: list[tuple[str, float]] = []
    clock.call_later(5, lambda: seen.append(("later", clock.now_s())))
    clock.call_later(1, lambda: seen.append(("sooner", clock.now_s())))
    cancelled = clock.call_later(2, lambda: seen.append(("cancelled", clock.now_s())))
    cancelled.cancel()
    clock.advance(4.999)
    assert seen == [("sooner", 101.0)]
    clock.advance(0.001)
    assert seen == [("sooner", 101.0), ("later", 105.0)]
    assert clock.now_ms() == 105_000


async def test_sleep_returns_when_time_has_passed_and_not_before() -> None:
    clock = ManualClock()
    sleeper = asyncio.ensure_future(clock.sleep(10))
    await asyncio.sleep(0)
    clock.advance(9)
    await asyncio.sleep(0)
    assert not sleeper.done()
    clock.advance(1)
    await sleeper
