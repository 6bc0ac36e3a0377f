"""The life of a function beside its invocations: becoming active, changing builds, being published, going."""

from __future__ import annotations

import asyncio
import logging
import uuid
import zipfile
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from noria.clock import Clock
from noria.errors import AwsError
from noria.services.lambda_ import errors
from noria.services.lambda_.code_files import combined
from noria.services.lambda_.functions import FunctionTable
from noria.services.lambda_.models import LATEST, Function, Shared
from noria.services.lambda_.names import Reference
from noria.services.lambda_.package import PackageStore
from noria.services.lambda_.pool import Pool
from noria.services.lambda_.runtime_table import RUNTIMES
from noria.services.lambda_.runtimes import Runtimes
from noria.services.lambda_.tables import Table

log = logging.getLogger(__name__)


class Control:
    """Changes functions one step at a time; what takes longer goes on in tasks, and resumes after a crash."""

    def __init__(
        self,
        table: FunctionTable,
        belongings: Sequence[Table[Any]],
        packages: PackageStore,
        runtimes: Runtimes,
        strict_runtimes: bool,
        pool: Pool,
        clock: Clock,
    ) -> None:
        """belongings: records by function and qualifier, which go with the function. strict_runtimes: a
        function whose own interpreter cannot be made ready fails."""
        self._table = table
        self._belongings = belongings
        self._packages = packages
        self._runtimes = runtimes
        self._strict_runtimes = strict_runtimes
        self._pool = pool
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, references: dict[str, set[str]]) -> None:
        """references: of packages, by others than functions."""
        functions = await self._table.everywhere()
        for function in functions:
            for sha256 in packages_of(function):
                references.setdefault(sha256, set()).add(function.build_id)
        await self._packages.start(references)
        for function in functions:
            if function.update_status in {None, "InProgress"}:
                self._run(self._activate(function))
        for runtime in {function.runtime for function in functions}:
            self._run(self._warm(runtime))

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """Return once nothing is under way; the pool is to be stopped before."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._packages.stop()

    async def find(self, reference: Reference) -> Function:
        """The version that is meant. Raises ResourceNotFoundException."""
        function = await self._table.find(reference)
        if function is None:
            raise errors.function_not_found(reference.arn)
        return function

    async def latest(self, reference: Reference) -> Function:
        """$LATEST, whatever the qualifier. Raises ResourceNotFoundException."""
        function = await self._table.get(reference.account, reference.region, reference.name)
        if function is None:
            raise errors.function_not_found(reference.arn)
        return function

    async def create(self, function: Function, *, publish: bool) -> Function:
        """Insert a Pending function, whose packages are held; it becomes Active by itself."""
        if not await self._table.insert(function):
            await self._release(function)
            raise errors.function_exists(function.name)
        self._run(self._activate(function))
        return await self._publish(function, function.description) if publish else function

    async def for_update(self, reference: Reference, revision_id: str | None) -> Function:
        """$LATEST, if it may be changed now."""
        function = await self.latest(reference)
        if revision_id is not None and revision_id != function.revision_id:
            raise errors.revision_mismatch()
        if function.state == "Pending":
            raise errors.not_active(function.state)
        if function.update_status == "InProgress":
            raise errors.update_in_progress(function.arn)
        return function

    async def update(self, old: Function, new: Function) -> None:
        """Put a new build, whose packages are held, in the old one's place."""
        if not await self._table.replace(old, new):
            await self._release(new)
            raise errors.update_in_progress(old.arn)
        self._run(self._activate(new))
        self._run(self._retire(old))

    async def change(self, reference: Reference, edit: Callable[[Function], Function]) -> Function:
        """Change what no environment sees of $LATEST (its tags, what is shared)."""
        while True:
            old = await self.latest(reference)
            new = edit(old)
            if await self._table.replace(old, new):
                return new

    async def change_version(self, function: Function, edit: Callable[[Function], Function]) -> Function:
        """Likewise of any version."""
        while True:
            old = await self._table.version(
                function.account, function.region, function.name, function.version
            )
            if old is None:
                raise errors.function_not_found(function.version_arn)
            new = edit(old)
            if await self._table.replace(old, new):
                return new

    async def publish(self, latest: Function, description: str | None) -> Function:
        """The version that `latest` is: the last one, if nothing has changed since, else a new one."""
        if latest.shared.versions:
            newest = await self._table.version(
                latest.account, latest.region, latest.name, str(latest.shared.versions)
            )
            if newest is not None and _essence(newest) == _essence(latest):
                return newest
        return await self._publish(latest, latest.description if description is None else description)

    async def _publish(self, latest: Function, description: str) -> Function:
        """A crash between the two writes skips a number, which is never used again then."""
        number = latest.shared.versions + 1
        version = msgspec.structs.replace(
            latest,
            version=str(number),
            description=description,
            source_description=latest.description,
            tags={},
            shared=Shared(),
            last_modified_ms=self._clock.now_ms(),
            revision_id=str(uuid.uuid4()),
            build_id=str(uuid.uuid4()),
        )
        if version.is_snapshot:  # Pending until it is initialised
            version = msgspec.structs.replace(version, state="Pending", update_status=None)
        self.hold(version)
        shared = msgspec.structs.replace(latest.shared, versions=number)
        counted = msgspec.structs.replace(latest, shared=shared, revision_id=str(uuid.uuid4()))
        if not await self._table.replace(latest, counted):
            await self._release(version)
            raise errors.update_in_progress(latest.arn)
        await self._table.insert(version)
        if version.update_status in {None, "InProgress"}:
            self._run(self._activate(version))
        return version

    def hold(self, function: Function) -> None:
        """Its packages are there, and shall stay."""
        for sha256 in packages_of(function):
            self._packages.hold(sha256, function.build_id)

    async def delete(self, function: Function) -> list[asyncio.Task[None]]:
        """One version; with $LATEST, all of the function. What is left to do goes on in tasks."""
        tasks = []
        if function.version == LATEST:
            versions = await self._table.versions_of(function)
            tasks += [self._run(self._retire(each)) for each in versions if await self._table.delete(each)]
            for table in [self._table.aliases, *self._belongings]:
                await table.delete_all(function.account, function.region, f"{function.name}:")
        if await self._table.delete(function):
            tasks.append(self._run(self._retire(function)))
        return tasks

    async def delete_all(self, account: str) -> None:
        """Every function of an account; return once their environments are gone.

        What makes one ready is not waited for (it may be installing libraries): it finds its function gone.
        """
        tasks: list[asyncio.Task[None]] = []
        for region in await self._table.latest.regions(account):
            for _, function in await self._table.latest.all_of(account, region):
                tasks += await self.delete(function)
        if tasks:
            await asyncio.wait(tasks)

    async def _activate(self, function: Function) -> None:
        """Have the runtime's template ready, so that the first invocation finds it, and say so."""
        try:
            await self._packages.task_root(function.code_sha256)
            await self._packages.layers_root(layers_of(function))
            await self._runtimes.prepare(function.runtime)
            if self._strict_runtimes and not self._runtimes.is_exact(function.runtime):
                await self._settle(function, await self._runtimes.note(function.runtime), runs=False)
                return
            await self._warm(function.runtime)
            if function.is_snapshot and (failed := await self._pool.take_snapshot(function)):
                await self._settle(function, failed, runs=False)
                return
        except (OSError, AwsError, zipfile.BadZipFile) as error:
            log.error("%s cannot be made ready", function.version_arn, exc_info=error)
            await self._settle(function, str(error))
            return
        if not function.is_snapshot:
            self._pool.prepare(function)
        if not await self._settle(function):  # it was deleted meanwhile
            await self._pool.forget_prepared(function)
        elif RUNTIMES[function.runtime].language == "python":
            interpreter = self._runtimes.interpreter(function.runtime)
            self._packages.compile(function.code_sha256, interpreter.executable)

    async def _settle(self, function: Function, failed: str = "", *, runs: bool = True) -> bool:
        """Its build has become ready, or has not for the reason `failed`; False where it is gone.

        runs: whether a function that was Active stays so though an update of it has failed.
        """
        while True:
            old = await self._table.version(
                function.account, function.region, function.name, function.version
            )
            if old is None or old.build_id != function.build_id:
                return False
            state = "Active" if not failed or (runs and old.state == "Active") else "Failed"
            new = msgspec.structs.replace(
                old,
                state=state,
                update_status="Failed" if failed else "Successful",
                state_reason=failed,
                revision_id=old.revision_id if old.version != LATEST else str(uuid.uuid4()),
            )
            if await self._table.replace(old, new):
                return True

    async def _warm(self, runtime: str) -> None:
        await self._runtimes.ready(runtime)
        await self._runtimes.template(runtime).ready()

    async def _retire(self, function: Function) -> None:
        await self._pool.retire(function)
        await self._release(function)

    async def _release(self, function: Function) -> None:
        for sha256 in packages_of(function):
            await self._packages.release(sha256, function.build_id)


def packages_of(function: Function) -> list[str]:
    """The packages that its build holds."""
    layers = layers_of(function)
    return [function.code_sha256, *layers, *([combined(layers)] if len(layers) > 1 else [])]


def layers_of(function: Function) -> list[str]:
    """The packages of its layers, in their order."""
    return [layer.code_sha256 for layer in function.layers]


def _essence(function: Function) -> Function:
    """What makes two versions differ."""
    return msgspec.structs.replace(
        function,
        version="",
        description=function.description if function.version == LATEST else function.source_description,
        source_description="",
        tags={},
        shared=Shared(),
        last_modified_ms=0,
        revision_id="",
        build_id="",
        state="Active",
        update_status=None,
        state_reason="",
    )
