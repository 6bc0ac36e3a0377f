"""The snapshots of SnapStart versions: taken when one is published, and again where one was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from noria.services.lambda_.fleet import Key
from noria.services.lambda_.invocation import Failure
from noria.services.lambda_.limits import SNAPSHOTS
from noria.services.lambda_.models import Function
from noria.services.lambda_.snapshot import Snapshot

Taken = Snapshot | Failure


class Snapshots:
    """By the function's ARN and build; the one that was used last comes last."""

    def __init__(self, take: Callable[[Function], Awaitable[Taken]]) -> None:
        self._take = take
        self._tasks: dict[Key, asyncio.Task[Taken]] = {}

    async def get(self, function: Function) -> Taken:
        """A living one, or why there is none. Raises what the machine refuses."""
        key = (function.arn, function.build_id)
        task = self._tasks.pop(key, None)
        if task is None or _is_over(task):
            task = asyncio.ensure_future(self._take(function))
        self._tasks[key] = task
        await asyncio.wait([task])
        await self._make_room()
        return task.result()

    async def _make_room(self) -> None:
        """One that has no environments is taken anew when it is needed again."""
        spare = [key for key, task in self._tasks.items() if (taken := _taken(task)) and not taken.is_used]
        for key in spare[: max(0, len(self._tasks) - SNAPSHOTS)]:
            await self.end(key)

    async def end(self, key: Key) -> None:
        task = self._tasks.pop(key, None)
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        if (taken := _taken(task)) is not None:
            await taken.end()

    async def close(self) -> None:
        for key in list(self._tasks):
            await self.end(key)


def _taken(task: asyncio.Task[Taken]) -> Snapshot | None:
    if not task.done() or task.cancelled() or task.exception() is not None:
        return None
    taken = task.result()
    return taken if isinstance(taken, Snapshot) else None


def _is_over(task: asyncio.Task[Taken]) -> bool:
    return task.done() and ((taken := _taken(task)) is None or not taken.is_alive)
