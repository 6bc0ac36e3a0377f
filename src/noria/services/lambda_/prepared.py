"""Environments whose sandboxes wait for a function's first invocation, which then only has to initialise.

Those of the functions that became Active last; where there is none, an invocation makes its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from noria.errors import AwsError
from noria.services.lambda_.builder import Builder
from noria.services.lambda_.environment import Environment
from noria.services.lambda_.fleet import Key
from noria.services.lambda_.limits import PREPARED
from noria.services.lambda_.models import Function

log = logging.getLogger(__name__)


class Prepared:
    """By the function's ARN and build, the oldest first."""

    def __init__(self, builder: Builder, end: Callable[[Environment], Awaitable[None]]) -> None:
        """end: ends an environment, whole."""
        self._builder = builder
        self._end = end
        self._tasks: dict[Key, asyncio.Task[Environment | None]] = {}
        self._closing = False

    def start(self, function: Function) -> None:
        """Make one in the background, in the place of the oldest if there are many."""
        key = (function.arn, function.build_id)
        if self._closing or key in self._tasks:
            return
        self._tasks[key] = asyncio.get_running_loop().create_task(self._prepare(function))

    async def _prepare(self, function: Function) -> Environment | None:
        if len(self._tasks) > PREPARED:
            await self.end(next(iter(self._tasks)))
        environment = None
        try:
            environment = await self._builder.build(function, "on-demand")
            await environment.prepare()
        except AwsError as error:
            log.debug("%s is not prepared: %s", function.version_arn, error.message)
            if environment is not None:
                await self._end(environment)
            return None
        except asyncio.CancelledError:
            if environment is not None:
                await self._end(environment)
            raise
        return environment

    async def take(self, key: Key) -> Environment | None:
        """The build's, if there is one that can be used."""
        task = self._tasks.pop(key, None)
        if task is None:
            return None
        await asyncio.wait([task])
        environment = None if task.cancelled() else task.result()
        if environment is not None and not await self._builder.may_begin(environment):
            await self._end(environment)
            return None
        return environment

    async def end(self, key: Key) -> None:
        task = self._tasks.pop(key, None)
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (environment := task.result()) is not None:
            await self._end(environment)

    async def close(self) -> None:
        self._closing = True
        for key in list(self._tasks):
            await self.end(key)
