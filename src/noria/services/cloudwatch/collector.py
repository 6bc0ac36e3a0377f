"""Metrics on their way to the store: aggregated in memory, written once a minute and at the server's end.

What a killed server had not yet written, of the last minute, is lost; what PutMetricData acknowledged is not:
it goes straight to the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from noria.clock import Clock, Timer
from noria.services.cloudwatch.limits import EXPIRY_S, FLUSH_S, KEPT_MINUTES, MAX_PENDING
from noria.services.cloudwatch.prometheus import Exposition
from noria.store.base import StoreError
from noria.store.metrics import Metrics, Minute, Series

log = logging.getLogger(__name__)

JUST_OVER_S = 1.0  # a tick comes when a minute has begun; what was counted is of the one before

Work = Callable[[], Awaitable[None]]


class Collector:
    """See `noria.services.ports.MetricSink`.

    counted: called before everything is written, to put what was counted elsewhere until the time given.
    measured: called once a minute, to put what is measured, such as a queue's length.
    exposition: the same for Prometheus.
    """

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self.counted: list[Callable[[float], None]] = []
        self.measured: list[Work] = []
        self.exposition = Exposition()
        self._pending: dict[tuple[Series, int, str], Minute] = {}
        self._dropped = 0
        self._writing = asyncio.Lock()
        self._timers: dict[float, Timer] = {}  # by their interval
        self._running: set[asyncio.Task[None]] = set()

    def put(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        unit: str = "None",
        timestamp_s: float | None = None,
        count: float = 1.0,
    ) -> None:
        minute = int((self._clock.now_s() if timestamp_s is None else timestamp_s) // 60)
        series = Series(account, region, namespace, name, tuple(sorted(dimensions.items())))
        if (found := self._place(series, minute, unit)) is not None:
            found.add(value, count)

    def merge(self, series: Series, values: Minute) -> None:
        if (found := self._place(series, values.minute, values.unit)) is not None:
            found.merge(values)

    def _place(self, series: Series, minute: int, unit: str) -> Minute | None:
        found = self._pending.get((series, minute, unit))
        if found is None:
            if len(self._pending) >= MAX_PENDING:
                self._dropped += 1
                return None
            found = self._pending[series, minute, unit] = Minute(minute, unit)
        return found

    async def flush(self) -> None:
        """Once this returns, all that was put before is in the store."""
        await self._flush(self._clock.now_s())

    async def _flush(self, until_s: float) -> None:
        for put_counts in self.counted:
            put_counts(until_s)
        async with self._writing:
            pending, self._pending = self._pending, {}
            dropped, self._dropped = self._dropped, 0
            for (series, _, _), values in pending.items():
                self.exposition.add(series, values)
            if pending:
                refused = await self._metrics.add([(key[0], minute) for key, minute in pending.items()])
                dropped += len(refused)
        if dropped:
            log.warning("%d values of metrics are left out: there are too many metrics", dropped)

    def start(self) -> None:
        self._schedule(FLUSH_S, self._tick)
        self._schedule(EXPIRY_S, self._expire)

    async def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        try:
            await self.flush()
        except StoreError as error:
            log.error("the metrics of the last minute are lost: %s", error)

    async def reset(self, account: str) -> None:
        await self.flush()
        self.exposition.forget(account)
        await self._metrics.delete_account(account)

    def _schedule(self, interval_s: float, work: Work) -> None:
        """At multiples of the interval since the epoch, so that a minute is written when it is over."""
        delay_s = interval_s - self._clock.now_s() % interval_s
        self._timers[interval_s] = self._clock.call_later(delay_s, lambda: self._begin(interval_s, work))

    def _begin(self, interval_s: float, work: Work) -> None:
        self._schedule(interval_s, work)
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("metrics are lost, a bug", exc_info=error)

    async def _guarded(self, work: Work) -> None:
        try:
            await work()
        except StoreError as error:
            log.error("metrics are lost: %s", error)

    async def _tick(self) -> None:
        await self._flush(self._clock.now_s() - JUST_OVER_S)
        for measure in self.measured:
            await measure()

    async def _expire(self) -> None:
        await self._metrics.expire(int(self._clock.now_s() // 60) - KEPT_MINUTES)
