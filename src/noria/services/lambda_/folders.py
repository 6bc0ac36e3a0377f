"""Functions that run from a folder of their owner's instead of the code that was deployed (`noria dev`).

The folder becomes the function's ``/var/task`` as it is, read-only; nothing is copied. A change of it makes
new environments, so that the next invocation begins with the new code. Only $LATEST runs from a folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from noria.clock import Clock, Timer
from noria.services.lambda_.models import LATEST, Function
from noria.services.lambda_.pool import Pool

LEASE_S = 10.0  # whoever does not renew it has gone, and the deployed code is in force again


class _Folder:
    """changes: how often its content was said to have changed. build: that runs from it now, if any."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.changes = 0
        self.build: Function | None = None
        self.lease: Timer | None = None


class Folders:
    """By the functions' ARNs."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._folders: dict[str, _Folder] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        return bool(self._folders)

    def use(self, arn: str, path: Path, *, changed: bool) -> int:
        """Run the function from the folder until `end`, or until this is not said again for `LEASE_S`.

        Return how often the folder has changed since it is in use.
        """
        folder = self._folders.get(arn)
        if folder is None or folder.path != path:
            if folder is not None:
                self.end(arn)
            folder = self._folders[arn] = _Folder(path)
        elif changed:
            folder.changes += 1
            self._retire(folder)
        if folder.lease is not None:
            folder.lease.cancel()
        folder.lease = self._clock.call_later(LEASE_S, lambda: self.end(arn))
        return folder.changes

    def end(self, arn: str) -> bool:
        """The deployed code is in force again; False where it was anyhow."""
        folder = self._folders.pop(arn, None)
        if folder is None:
            return False
        if folder.lease is not None:
            folder.lease.cancel()
        self._retire(folder)
        return True

    def path(self, arn: str) -> Path | None:
        """The folder that a function runs from, if any."""
        folder = self._folders.get(arn)
        return folder.path if folder else None

    def build(self, function: Function) -> Function:
        """What runs instead of a function: its configuration, with the folder's code."""
        folder = self._folders.get(function.arn)
        if folder is None or function.version != LATEST:
            return function
        build_id = f"{function.build_id}/{folder.changes}/{folder.path}"
        if folder.build is None or folder.build.build_id != build_id:
            self._retire(folder)
            folder.build = msgspec.structs.replace(function, code_sha256=str(folder.path), build_id=build_id)
        return folder.build

    def _retire(self, folder: _Folder) -> None:
        if folder.build is not None:
            self._run(self._pool.retire(folder.build))
            folder.build = None

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def end_all(self) -> None:
        for arn in list(self._folders):
            self.end(arn)

    async def stop(self) -> None:
        """Return once nothing of what `end_all` ended is left."""
        while self._retiring:
            await asyncio.wait(self._retiring)
