"""Execution environments kept warm: one for each invocation at a time, reused, expired, retired.

How many there may be: one for each 64 MB of the machine's memory, and no more than the server may have open
files for. Beyond it, an invocation is throttled. (AWS's own limits are `concurrency`'s.)
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
from pathlib import Path

from noria.clock import Clock, Timer
from noria.errors import AwsError
from noria.services.lambda_ import errors
from noria.services.lambda_.builder import Builder
from noria.services.lambda_.code_files import remove_tree
from noria.services.lambda_.environment import Environment, EnvironmentEnded
from noria.services.lambda_.fleet import Fleet, Key, Provisioned
from noria.services.lambda_.invocation import Failure, Outcome, Work
from noria.services.lambda_.limits import ACCOUNT_CONCURRENCY, IDLE_EXPIRY_S, MACHINE_ENVIRONMENTS
from noria.services.lambda_.models import Function
from noria.services.lambda_.prepared import Prepared
from noria.services.lambda_.site import InitializationType

MEMORY_PER_ENVIRONMENT_BYTES = 64 << 20
FILES_PER_ENVIRONMENT = 6  # a pipe, a listener, a connection, and its caller's; the rest is room
EXPIRY_SWEEP_S = 60.0


def machine_environments() -> int:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    by_files = files // FILES_PER_ENVIRONMENT if files != resource.RLIM_INFINITY else MACHINE_ENVIRONMENTS
    return max(8, min(MACHINE_ENVIRONMENTS, memory // MEMORY_PER_ENVIRONMENT_BYTES, by_files))


class Pool:
    """See the module. `invoke` is the hot path."""

    def __init__(
        self,
        clock: Clock,
        builder: Builder,
        scratch: Path,
    ) -> None:
        """scratch: the directory of the environments' own."""
        self._clock = clock
        self._builder = builder
        self._scratch = scratch
        self._fleets: dict[Key, Fleet] = {}
        self._running = 0
        self._environments = 0
        self._machine_environments = machine_environments()
        self._prepared = Prepared(builder, self._ended)
        self._endings: set[asyncio.Task[None]] = set()
        self._provisioning: set[asyncio.Task[None]] = set()
        self._sweep: Timer | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._stopping = False

    async def start(self) -> None:
        def clean() -> None:
            remove_tree(self._scratch)
            self._scratch.mkdir(parents=True, mode=0o700)

        await asyncio.to_thread(clean)

    async def invoke(self, function: Function, work: Work) -> Outcome:
        """Run an invocation to its end. Raises AwsError where it could not begin."""
        if self._stopping:
            raise errors.service_stopping()
        self._running += 1
        self._quiet.clear()
        try:
            return await self._invoke(function, work)
        finally:
            self._running -= 1
            if not self._running:
                self._quiet.set()

    async def _invoke(self, function: Function, work: Work) -> Outcome:
        fleet = self._fleet(function)
        fleet.invocations += 1
        try:
            return await self._invoke_in(fleet, function, work)
        finally:
            fleet.invocations -= 1
            self._check_emptied(fleet)
            if not fleet.failure:
                self._provide(fleet)

    def _fleet(self, function: Function) -> Fleet:
        key = (function.arn, function.build_id)
        fleet = self._fleets.get(key)
        if fleet is None:
            fleet = self._fleets[key] = Fleet(function)
        return fleet

    async def _invoke_in(self, fleet: Fleet, function: Function, work: Work) -> Outcome:
        await self._builder.check_session(function)
        while True:
            environment = self._take_idle(fleet, work) or await self._create(function, "on-demand")
            environment.tenant = work.tenant
            fleet.busy.add(environment)
            try:
                return await environment.invoke(work)
            except EnvironmentEnded:
                continue  # it ended while it was idle, and never saw the event
            except BaseException:
                environment.is_retired = True
                raise
            finally:
                fleet.busy.discard(environment)
                self._put_back(fleet, environment)

    def _take_idle(self, fleet: Fleet, work: Work) -> Environment | None:
        while (environment := fleet.take(work.tenant)) is not None:
            if environment.is_alive and not self._builder.is_stale(environment):
                return environment
            self._end(environment)
        return None

    def _put_back(self, fleet: Fleet, environment: Environment) -> None:
        if environment.is_retired or fleet.is_retired or self._stopping or not environment.is_alive:
            self._end(environment)
            return
        environment.idle_since_ms = self._clock.now_ms()
        fleet.idle.append(environment)
        self._sweep_later()

    def _sweep_later(self) -> None:
        if self._sweep is None and not self._stopping:
            self._sweep = self._clock.call_later(EXPIRY_SWEEP_S, self._expire)

    async def _create(self, function: Function, initialization: InitializationType) -> Environment:
        if self._environments >= self._machine_environments and not self._evict():
            raise errors.too_many_requests()
        self._environments += 1
        try:
            environment = None
            if initialization == "on-demand":
                environment = await self._prepared.take((function.arn, function.build_id))
            if environment is None:
                environment = await self._builder.build(function, initialization)
        except BaseException:
            self._environments -= 1
            raise
        if self._stopping:
            self._end(environment)
            raise errors.service_stopping()
        return environment

    def set_provisioned(self, function: Function, count: int) -> None:
        """Keep so many environments of this build initialised, in use or not, from now on."""
        fleet = self._fleet(function)
        fleet.provisioned, fleet.failure = count, ""
        self._provide(fleet)
        self._sweep_later()

    def provisioned(self, function: Function) -> Provisioned:
        """What has come of `set_provisioned`."""
        fleet = self._fleets.get((function.arn, function.build_id))
        return Provisioned(0, 0) if fleet is None else fleet.report()

    def _provide(self, fleet: Fleet) -> None:
        for _ in range(0 if self._stopping else fleet.missing):
            fleet.making += 1
            task = asyncio.get_running_loop().create_task(self._provision(fleet))
            self._provisioning.add(task)
            task.add_done_callback(self._provisioning.discard)

    async def _provision(self, fleet: Fleet) -> None:
        try:
            environment = await self._create(fleet.function, "provisioned-concurrency")
            try:
                failure = await environment.initialise()
            except BaseException:
                self._end(environment)
                raise
            if failure is None:
                fleet.failure = ""
                self._put_back(fleet, environment)
            else:
                self._end(environment)
                fleet.failure = failure.document.decode(errors="replace")
        except AwsError as error:
            fleet.failure = error.message
        finally:
            fleet.making -= 1

    def _evict(self) -> bool:
        """End the environment that has been idle for longest, to make room."""
        fleets = [fleet for fleet in self._fleets.values() if fleet.oldest()]
        if not fleets:
            return False
        fleet = min(fleets, key=lambda fleet: fleet.idle[0].idle_since_ms)
        self._end(fleet.idle.pop(0))
        return True

    def _end(self, environment: Environment) -> None:
        self._environments -= 1
        task = asyncio.get_running_loop().create_task(self._ended(environment))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _ended(self, environment: Environment) -> None:
        await environment.shut_down()
        await environment.log.close()
        if environment.site.scratch is not None and not environment.is_restored:
            await asyncio.to_thread(shutil.rmtree, environment.site.scratch, ignore_errors=True)

    def _expire(self) -> None:
        self._sweep = None
        oldest_ms = self._clock.now_ms() - IDLE_EXPIRY_S * 1000
        for key, fleet in list(self._fleets.items()):
            while (oldest := fleet.oldest()) and oldest.idle_since_ms <= oldest_ms:
                self._end(fleet.idle.pop(0))
            if fleet.provisioned:
                self._replace(fleet)
            elif not fleet.is_needed:
                del self._fleets[key]
                self._builder.forget(key)
        if any(fleet.is_needed for fleet in self._fleets.values()):
            self._sweep_later()

    def _replace(self, fleet: Fleet) -> None:
        """Provisioned environments that have ended, or whose credentials do, are made anew."""
        for environment in list(fleet.idle):
            if not environment.is_alive or self._builder.is_stale(environment):
                fleet.idle.remove(environment)
                self._end(environment)
        self._provide(fleet)

    def _check_emptied(self, fleet: Fleet) -> None:
        if fleet.is_retired and not fleet.invocations:
            fleet.emptied.set()

    def environments_of(self, function_arn: str) -> int:
        return sum(len(f.idle) + len(f.busy) for (arn, _), f in self._fleets.items() if arn == function_arn)

    def running_pids(self, function: Function) -> list[int]:
        """The first processes of this build's environments that handle an invocation."""
        fleet = self._fleets.get((function.arn, function.build_id))
        return [each.pid for each in fleet.busy if each.pid is not None] if fleet else []

    def has_room(self) -> bool:
        """Whether a quarter of all that may run at once does not; who asks leaves it to others."""
        return self._running < 3 * min(self._machine_environments, ACCOUNT_CONCURRENCY) // 4

    async def retire(self, function: Function) -> None:
        """No invocation uses this build's environments any more; return once the running ones are through."""
        key = (function.arn, function.build_id)
        await self._prepared.end(key)
        self._builder.forget(key)
        fleet = self._fleets.pop(key, None)
        if fleet is not None:
            fleet.is_retired = True
            while fleet.idle:
                self._end(fleet.idle.pop())
            self._check_emptied(fleet)
            await fleet.emptied.wait()
        await self._builder.snapshots.end(key)

    def prepare(self, function: Function) -> None:
        """Have a sandbox wait for its first invocation."""
        self._prepared.start(function)

    async def forget_prepared(self, function: Function) -> None:
        await self._prepared.end((function.arn, function.build_id))

    async def take_snapshot(self, function: Function) -> str:
        """Have the version's snapshot ready; why there is none, if so. Raises what the machine refuses."""
        taken = await self._builder.snapshots.get(function)
        return taken.document.decode(errors="replace") if isinstance(taken, Failure) else ""

    async def stop(self, grace_s: float) -> None:
        """Let running invocations finish for that long, then end every environment; logs are written."""
        self._stopping = True
        await self._prepared.close()
        if self._sweep is not None:
            self._sweep.cancel()
        try:
            async with asyncio.timeout(grace_s):
                await self._quiet.wait()
        except TimeoutError:
            running = [environment for fleet in self._fleets.values() for environment in fleet.busy]
            await asyncio.gather(*(environment.end() for environment in running))
            await self._quiet.wait()
        for task in self._provisioning:
            task.cancel()
        if self._provisioning:
            await asyncio.wait(self._provisioning)
        for fleet in self._fleets.values():
            while fleet.idle:
                self._end(fleet.idle.pop())
        while self._endings:
            await asyncio.wait(self._endings)
        await self._builder.snapshots.close()
