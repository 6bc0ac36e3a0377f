"""Execution environments kept warm: one for each invocation at a time, reused, expired, retired.

How many there may be: one for each 64 MB of the machine's memory, and no more than the server may have open
files for. Beyond it, an invocation is throttled. (AWS's own limits are `concurrency`'s.)
"""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from noria.clock import Clock, Timer
from noria.services.lambda_ import errors, log_lines
from noria.services.lambda_.code_files import remove_tree
from noria.services.lambda_.environment import Environment, EnvironmentEnded, Site
from noria.services.lambda_.invocation import Outcome, Work
from noria.services.lambda_.limits import (
    ACCOUNT_CONCURRENCY,
    CREDENTIALS_MARGIN_S,
    IDLE_EXPIRY_S,
    MACHINE_ENVIRONMENTS,
)
from noria.services.lambda_.memory import MemoryWatch
from noria.services.lambda_.models import Function
from noria.services.lambda_.output import FunctionLog
from noria.services.lambda_.package import PackageStore
from noria.services.lambda_.runtimes import RUNTIMES, Runtimes
from noria.services.lambda_.sandbox.confine import NAMESPACES
from noria.services.ports import LAMBDA_SERVICE_PRINCIPAL, LogSink, LogStream, Roles, RoleSession

MEMORY_PER_ENVIRONMENT_BYTES = 64 << 20
FILES_PER_ENVIRONMENT = 6  # a pipe, a listener, a connection, and its caller's; the rest is room
EXPIRY_SWEEP_S = 60.0


def machine_environments() -> int:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    by_files = files // FILES_PER_ENVIRONMENT if files != resource.RLIM_INFINITY else MACHINE_ENVIRONMENTS
    return max(8, min(MACHINE_ENVIRONMENTS, memory // MEMORY_PER_ENVIRONMENT_BYTES, by_files))


class _Fleet:
    """The environments of one build of a function. idle: the last one used is taken first.

    invocations: that are in it, those included whose environment is being made.
    """

    def __init__(self) -> None:
        self.idle: list[Environment] = []
        self.busy: set[Environment] = set()
        self.invocations = 0
        self.is_retired = False
        self.emptied = asyncio.Event()


Key = tuple[str, str]  # the function's ARN and build


class Pool:
    """See the module. `invoke` is the hot path."""

    def __init__(
        self,
        clock: Clock,
        roles: Roles,
        logs: LogSink,
        runtimes: Runtimes,
        packages: PackageStore,
        endpoint_url: Callable[[], str],
        scratch: Path,
    ) -> None:
        self._clock = clock
        self._roles = roles
        self._logs = logs
        self._runtimes = runtimes
        self._packages = packages
        self._endpoint_url = endpoint_url
        self._scratch = scratch
        self._memory = MemoryWatch()
        self._fleets: dict[Key, _Fleet] = {}
        self._sessions: dict[Key, RoleSession] = {}
        self._running = 0
        self._environments = 0
        self._machine_environments = machine_environments()
        self._endings: set[asyncio.Task[None]] = set()
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
        fleet = self._fleets.get((function.arn, function.build_id))
        if fleet is None:
            fleet = self._fleets[function.arn, function.build_id] = _Fleet()
        fleet.invocations += 1
        try:
            return await self._invoke_in(fleet, function, work)
        finally:
            fleet.invocations -= 1
            self._check_emptied(fleet)

    async def _invoke_in(self, fleet: _Fleet, function: Function, work: Work) -> Outcome:
        await self._check_session(function)
        while True:
            environment = self._take_idle(fleet) or await self._create(function)
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

    def _take_idle(self, fleet: _Fleet) -> Environment | None:
        while fleet.idle:
            environment = fleet.idle.pop()
            if environment.is_alive and not self._is_stale(environment):
                return environment
            self._end(environment)
        return None

    async def _check_session(self, function: Function) -> None:
        """Sessions of a role that was deleted and made anew may nothing; the next ones are the new role's."""
        key = (function.arn, function.build_id)
        session = self._sessions.get(key)
        if session is not None and await self._roles.is_outlived(function.role, session):
            self._sessions.pop(key, None)

    def _is_stale(self, environment: Environment) -> bool:
        """Whether its credentials may expire while an invocation runs, or are of a role that is gone."""
        function = environment.site.function
        session = self._sessions.get((function.arn, function.build_id))
        if session is None or session.principal.user_id != environment.site.session.principal.user_id:
            return True
        left_ms = environment.site.session.expires_at_ms - self._clock.now_ms()
        return left_ms < CREDENTIALS_MARGIN_S * 1000

    def _put_back(self, fleet: _Fleet, environment: Environment) -> None:
        if environment.is_retired or fleet.is_retired or self._stopping or not environment.is_alive:
            self._end(environment)
            return
        environment.idle_since_ms = self._clock.now_ms()
        fleet.idle.append(environment)
        if self._sweep is None:
            self._sweep = self._clock.call_later(EXPIRY_SWEEP_S, self._expire)

    async def _create(self, function: Function) -> Environment:
        if self._environments >= self._machine_environments and not self._evict():
            raise errors.too_many_requests()
        self._environments += 1
        try:
            return await self._new_environment(function)
        except BaseException:
            self._environments -= 1
            raise

    async def _new_environment(self, function: Function) -> Environment:
        session = await self._session(function)
        await self._runtimes.prepared(function.runtime)
        name = secrets.token_hex(16)
        day = time.strftime("%Y/%m/%d", time.gmtime(self._clock.now_s()))
        mode = self._runtimes.isolation.mode
        scratch = None if mode == NAMESPACES else self._scratch / name
        if scratch is not None:
            scratch.mkdir(mode=0o700)
        site = Site(
            function=function,
            interpreter=self._runtimes.interpreter(function.runtime),
            session=session,
            endpoint_url=self._endpoint_url(),
            mode=mode,
            task_root=await self._packages.task_root(function.code_sha256),
            layers_root=await self._packages.layers_root([layer.code_sha256 for layer in function.layers]),
            scratch=scratch,
            log_stream=f"{day}/[{function.version}]{name}",
        )

        async def open_stream() -> LogStream | None:
            return await self._logs.open_stream(
                session.principal, function.region, function.log_group, site.log_stream
            )

        log = FunctionLog(self._clock, open_stream)
        interpreter = site.interpreter.text if RUNTIMES[function.runtime] else ""
        log.write(log_lines.init_start(function.runtime, interpreter))
        if not self._runtimes.is_exact(function.runtime):
            why = await self._runtimes.note(function.runtime)
            log.write(log_lines.nearest_runtime(function.runtime, site.interpreter.text, why))
        return Environment(
            site, lambda: self._runtimes.template(function.runtime), log, self._memory, self._clock
        )

    async def _session(self, function: Function) -> RoleSession:
        """One session serves all environments of a build until half of its life is over."""
        key = (function.arn, function.build_id)
        session = self._sessions.get(key)
        if (
            session is not None
            and session.expires_at_ms - self._clock.now_ms() > 2 * CREDENTIALS_MARGIN_S * 1000
        ):
            return session
        source = (("lambda:SourceFunctionArn", function.arn),)
        session = await self._roles.assume(
            function.role, LAMBDA_SERVICE_PRINCIPAL, function.name, function.arn, source
        )
        if session is None:
            raise errors.role_no_longer_assumable()
        self._sessions[key] = session
        return session

    def _evict(self) -> bool:
        """End the environment that has been idle for longest, to make room."""
        fleets = [fleet for fleet in self._fleets.values() if fleet.idle]
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
        await environment.end()
        await environment.log.close()
        if environment.site.scratch is not None:
            await asyncio.to_thread(shutil.rmtree, environment.site.scratch, ignore_errors=True)

    def _expire(self) -> None:
        self._sweep = None
        oldest_ms = self._clock.now_ms() - IDLE_EXPIRY_S * 1000
        for key, fleet in list(self._fleets.items()):
            while fleet.idle and fleet.idle[0].idle_since_ms <= oldest_ms:
                self._end(fleet.idle.pop(0))
            if not fleet.idle and not fleet.invocations:
                del self._fleets[key]
                self._sessions.pop(key, None)
        if any(fleet.idle for fleet in self._fleets.values()):
            self._sweep = self._clock.call_later(EXPIRY_SWEEP_S, self._expire)

    def _check_emptied(self, fleet: _Fleet) -> None:
        if fleet.is_retired and not fleet.invocations:
            fleet.emptied.set()

    def environments_of(self, function_arn: str) -> int:
        return sum(len(f.idle) + len(f.busy) for (arn, _), f in self._fleets.items() if arn == function_arn)

    def has_room(self) -> bool:
        """Whether a quarter of all that may run at once does not; who asks leaves it to others."""
        return self._running < 3 * min(self._machine_environments, ACCOUNT_CONCURRENCY) // 4

    async def retire(self, function: Function) -> None:
        """No invocation uses this build's environments any more; return once the running ones are through."""
        key = (function.arn, function.build_id)
        self._sessions.pop(key, None)
        fleet = self._fleets.pop(key, None)
        if fleet is None:
            return
        fleet.is_retired = True
        while fleet.idle:
            self._end(fleet.idle.pop())
        self._check_emptied(fleet)
        await fleet.emptied.wait()

    async def stop(self, grace_s: float) -> None:
        """Let running invocations finish for that long, then end every environment; logs are written."""
        self._stopping = True
        if self._sweep is not None:
            self._sweep.cancel()
        try:
            async with asyncio.timeout(grace_s):
                await self._quiet.wait()
        except TimeoutError:
            running = [environment for fleet in self._fleets.values() for environment in fleet.busy]
            await asyncio.gather(*(environment.end() for environment in running))
            await self._quiet.wait()
        for fleet in self._fleets.values():
            while fleet.idle:
                self._end(fleet.idle.pop())
        while self._endings:
            await asyncio.wait(self._endings)
