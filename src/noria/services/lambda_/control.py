"""The life of a function beside its invocations: becoming active, changing builds, going."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any

import msgspec

from noria.services.lambda_ import errors
from noria.services.lambda_.functions import FunctionTable
from noria.services.lambda_.models import Function
from noria.services.lambda_.names import Reference
from noria.services.lambda_.package import PackageStore
from noria.services.lambda_.pool import Pool
from noria.services.lambda_.runtimes import Runtimes


class Control:
    """Changes functions one step at a time; what takes longer goes on in tasks, and resumes after a crash."""

    def __init__(self, table: FunctionTable, packages: PackageStore, runtimes: Runtimes, pool: Pool) -> None:
        self._table = table
        self._packages = packages
        self._runtimes = runtimes
        self._pool = pool
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        functions = await self._table.all()
        references: dict[str, set[str]] = {}
        for function in functions:
            references.setdefault(function.code_sha256, set()).add(function.build_id)
        await self._packages.start(references)
        for function in functions:
            if function.update_status != "Successful":
                self._run(self._activate(function))
        for runtime in {function.runtime for function in functions}:
            self._run(self._warm(runtime))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Return once nothing is under way; the pool is to be stopped before."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._packages.stop()

    async def get(self, reference: Reference) -> Function:
        """Raises ResourceNotFoundException."""
        function = await self._table.get(reference.account, reference.region, reference.name)
        if function is None:
            raise errors.function_not_found(reference.arn)
        return function

    async def create(self, function: Function) -> None:
        """Insert a Pending function, whose package is held; it becomes Active by itself."""
        if not await self._table.insert(function):
            await self._packages.release(function.code_sha256, function.build_id)
            raise errors.function_exists(function.name)
        self._run(self._activate(function))

    async def for_update(self, reference: Reference, revision_id: str | None) -> Function:
        """The function, if it may be changed now."""
        function = await self.get(reference)
        if revision_id is not None and revision_id != function.revision_id:
            raise errors.revision_mismatch()
        if function.state != "Active":
            raise errors.not_active(function.state)
        if function.update_status == "InProgress":
            raise errors.update_in_progress(function.arn)
        return function

    async def update(self, old: Function, new: Function) -> None:
        """Put a new build, whose package is held, in the old one's place."""
        if not await self._table.replace(old, new):
            await self._packages.release(new.code_sha256, new.build_id)
            raise errors.update_in_progress(old.arn)
        self._run(self._activate(new))
        self._run(self._retire(old))

    async def delete(self, function: Function) -> None:
        if await self._table.delete(function):
            self._run(self._retire(function))

    async def delete_all(self, account: str) -> None:
        """Every function of an account; return once their environments are gone."""
        for region in await self._table.regions(account):
            for function in await self._table.all_of(account, region):
                if await self._table.delete(function):
                    await self._retire(function)

    async def _activate(self, function: Function) -> None:
        """Have the runtime's template ready, so that the first invocation finds it, and say so."""
        await self._packages.task_root(function.code_sha256)
        await self._warm(function.runtime)
        active = msgspec.structs.replace(
            function, state="Active", update_status="Successful", revision_id=str(uuid.uuid4())
        )
        if await self._table.replace(function, active):  # else it was deleted meanwhile
            interpreter = self._runtimes.interpreter(function.runtime)
            self._packages.compile(function.code_sha256, interpreter.executable)

    async def _warm(self, runtime: str) -> None:
        await self._runtimes.ready()
        await self._runtimes.template(runtime).ready()

    async def _retire(self, function: Function) -> None:
        await self._pool.retire(function)
        await self._packages.release(function.code_sha256, function.build_id)
