"""`noria debug`: the next invocation of a function waits for a debugger, and takes as long as it takes."""

from __future__ import annotations

import asyncio
import errno
from typing import Literal

import msgspec

from noria.clock import Clock, Timer
from noria.errors import AwsError
from noria.services.lambda_.control import packages_of
from noria.services.lambda_.debug_layer import HANDLER, debug_layer, debugger_path
from noria.services.lambda_.debug_relay import DebugRelay
from noria.services.lambda_.folders import LEASE_S
from noria.services.lambda_.invocation import Outcome, Work
from noria.services.lambda_.models import Function, LayerUse
from noria.services.lambda_.package import PackageStore
from noria.services.lambda_.pool import Pool
from noria.services.lambda_.runtime_table import RUNTIMES

TIMEOUT_S = 86_400  # of a debugged invocation: nobody looks at a breakpoint for longer
MEMORY_MB = 256  # for the debugger itself, beside the function's own

State = Literal["idle", "invoked", "attached", "ended"]


class _Session:
    """One debugged invocation, from its announcement to its end. build: once it has been invoked."""

    def __init__(self, arn: str, pool: Pool) -> None:
        self.arn = arn
        self.relay = DebugRelay(lambda: pool.running_pids(self.build) if self.build else [])
        self.outside: tuple[str, int] = ("", 0)
        self.inside: tuple[str, int] = ("", 0)
        self.build: Function | None = None
        self.has_ended = False
        self.lease: Timer | None = None

    @property
    def state(self) -> State:
        """idle: no invocation yet. invoked: it waits for the debugger."""
        if self.has_ended:
            return "ended"
        if self.relay.is_attached:
            return "attached"
        return "invoked" if self.relay.is_waiting else "idle"


class Debugging:
    """By the functions' ARNs, one session each."""

    def __init__(self, packages: PackageStore, pool: Pool, clock: Clock) -> None:
        self._packages = packages
        self._pool = pool
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._running: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        return bool(self._sessions)

    async def begin(self, function: Function, port: int) -> tuple[str, int]:
        """The address to attach the debugger to; `look` is to be called at least every `LEASE_S`."""
        if not _is_python(function):
            raise _refused(
                f"{function.name} runs on {function.runtime}; only Python functions can be debugged."
            )
        if debugger_path() is None:
            raise _refused("debugpy is missing where Noria is installed: pip install 'noria[debug]'")
        if function.arn in self._sessions:
            raise _refused(f"{function.name} is being debugged already.")
        session = self._sessions[function.arn] = _Session(function.arn, self._pool)
        try:
            session.outside, session.inside = await session.relay.start(port)
        except OSError as error:
            del self._sessions[function.arn]
            used = error.errno == errno.EADDRINUSE
            raise _refused(f"port {port} is in use" if used else f"port {port}: {error.strerror}") from error
        self._renew(session)
        return session.outside

    def _renew(self, session: _Session) -> None:
        if session.lease is not None:
            session.lease.cancel()
        session.lease = self._clock.call_later(LEASE_S, lambda: self.end(session.arn))

    def look(self, arn: str) -> State:
        """How far it is, which says that somebody still cares."""
        session = self._sessions.get(arn)
        if session is None:
            return "ended"
        self._renew(session)
        return session.state

    def end(self, arn: str) -> None:
        """What waits for a debugger, or is stopped by it, goes on without."""
        session = self._sessions.pop(arn, None)
        if session is None:
            return
        if session.lease is not None:
            session.lease.cancel()
        session.relay.close()

    def takes(self, function: Function) -> bool:
        """Whether this invocation is the next one."""
        session = self._sessions.get(function.arn)
        return session is not None and session.build is None and _is_python(function)

    async def invoke(self, function: Function, work: Work) -> Outcome:
        """An invocation that `takes`."""
        session = self._sessions[function.arn]
        build_id = f"{function.build_id}/debug/{work.request_id}"
        session.build = build = _build(function, build_id, session.inside)
        path = debugger_path()
        assert path is not None
        data = await asyncio.to_thread(debug_layer, path)
        layer = LayerUse("", await self._packages.add(data, build_id), len(data))
        session.build = build = msgspec.structs.replace(build, layers=[*function.layers, layer])
        held = [sha256 for sha256 in packages_of(build) if not sha256.startswith("/")]
        for sha256 in held:
            self._packages.hold(sha256, build_id)
        try:
            return await self._pool.invoke(build, work)
        finally:
            session.has_ended = True
            session.relay.close()
            task = asyncio.get_running_loop().create_task(self._retire(build, held))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _retire(self, build: Function, held: list[str]) -> None:
        await self._pool.retire(build)
        for sha256 in held:
            await self._packages.release(sha256, build.build_id)

    def end_all(self) -> None:
        for arn in list(self._sessions):
            self.end(arn)

    async def stop(self) -> None:
        """Return once nothing of what `end_all` ended is left."""
        while self._running:
            await asyncio.wait(self._running)


def _build(function: Function, build_id: str, address: tuple[str, int]) -> Function:
    variables = {
        **(function.environment or {}),
        "NORIA_DEBUG_HANDLER": function.handler,
        "NORIA_DEBUG_ADDRESS": f"{address[0]}:{address[1]}",
    }
    return msgspec.structs.replace(
        function,
        handler=HANDLER,
        environment=variables,
        timeout_s=TIMEOUT_S,
        memory_size_mb=function.memory_size_mb + MEMORY_MB,
        build_id=build_id,
    )


def _is_python(function: Function) -> bool:
    return RUNTIMES[function.runtime].language == "python"


def _refused(why: str) -> AwsError:
    return AwsError("InvalidRequest", why, 400)
