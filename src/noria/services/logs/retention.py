"""Log events are kept as long as their group's retention says, and no more than all groups together may
store.
"""

from __future__ import annotations

import asyncio
import logging

from noria.clock import Clock
from noria.services.logs.settings import SettingsTable
from noria.store.base import StoreError
from noria.store.log_events import LogEvents

log = logging.getLogger(__name__)

SWEEP_S = 600.0  # AWS takes up to 72 hours; what has expired is not shown in the meantime
ROOM_BYTES = 2 << 20  # freed at once when the limit is reached: some 10,000 lines, erased in about 50 ms


class Retention:
    """Erases what has expired: at the start, every `SWEEP_S`, and when somebody shortens a retention."""

    def __init__(self, events: LogEvents, settings: SettingsTable, clock: Clock) -> None:
        self._events = events
        self._settings = settings
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def changed(self) -> None:
        self._changed.set()

    async def sweep(self) -> None:
        """Slice by slice; others have their turn in between."""
        for account, region in await self._settings.owners():
            for name, settings in await self._settings.all_of(account, region):
                if settings.retention_ms is None:
                    continue
                before_ms = self._clock.now_ms() - settings.retention_ms
                while erased := await self._events.erase_oldest(settings.group_id, before_ms):
                    log.debug("%d events of %s have expired", erased, name)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                await self.sweep()
            except StoreError as error:
                log.error("expired log events could not be erased, the next sweep tries again: %s", error)
            timer = self._clock.call_later(SWEEP_S, self._changed.set)
            try:
                await self._changed.wait()
            finally:
                timer.cancel()


class StorageLimit:
    """Keeps all events of all groups within a limit: who appends beyond it first erases as much of what the
    largest group has longest. So a function that logs without end loses its own past, and waits for that.
    """

    def __init__(self, events: LogEvents, limit_bytes: int) -> None:
        self._events = events
        self._limit_bytes = limit_bytes
        self._at_most = limit_bytes  # bytes stored, or more: deletions are counted when it matters
        self._erasing = asyncio.Lock()

    async def make_room(self, size: int) -> None:
        """For `size` bytes that are about to be appended."""
        self._at_most += size
        if self._at_most <= self._limit_bytes:
            return
        async with self._erasing:
            stored = await self._events.stored_bytes() + size
            if stored > self._limit_bytes:
                while stored > self._limit_bytes - ROOM_BYTES and stored > size:
                    if not await self._events.erase_oldest(await self._events.largest_group()):
                        break
                    stored = await self._events.stored_bytes() + size
            self._at_most = stored
