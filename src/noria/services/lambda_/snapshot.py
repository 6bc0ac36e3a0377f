"""A snapshot of a SnapStart version: its function, initialised once, from which environments are forked.

It is an environment's process as any other, in a sandbox of its own. Once AWS's runtime client asks to be
restored, it forks what it is told to, over a socket (see `template_process`). What it says is a stranger's
word: the numbers of its processes are looked up among what came of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import time
from typing import Any

import msgspec

from noria.services.lambda_ import errors, invocation
from noria.services.lambda_.environment import within
from noria.services.lambda_.fork_server import KILLED, ForkServer
from noria.services.lambda_.invocation import Failure
from noria.services.lambda_.limits import INIT_TIMEOUT_S, PROCESSES
from noria.services.lambda_.memory import MemoryWatch
from noria.services.lambda_.output import FunctionLog
from noria.services.lambda_.platform_log import PlatformLog
from noria.services.lambda_.process import RuntimeProcess
from noria.services.lambda_.processes import children, descendants, number_within, runtime_process
from noria.services.lambda_.runtime_api import Credentials
from noria.services.lambda_.sandbox import orphans
from noria.services.lambda_.site import Site, process_spec
from noria.services.lambda_.template import Template

log = logging.getLogger(__name__)

END_TIMEOUT_S = 10.0
KILL_TIMEOUT_S = 2.0  # after which a snapshot that does not report an end is killed itself
ENVIRONMENTS = 16  # whose processes are bounded together, by the kernel; one by one they are watched


class Snapshot(ForkServer):
    """Forks environments, as a template does. `take` comes first."""

    def __init__(
        self,
        site: Site,
        template: Template,
        function_log: FunctionLog,
        memory: MemoryWatch,
        platform: PlatformLog,
    ) -> None:
        """platform: writes what Lambda says into that log."""
        super().__init__()
        self.site = site
        self.log = function_log
        self._memory = memory
        self._platform = platform
        self._process = RuntimeProcess(template, function_log)
        self._numbers: dict[int, int] = {}  # of living environments: theirs, ours
        self._descriptors: dict[int, int] = {}  # by our number: of the process, whoever has the number later
        self._runtime_pid = 0

    @property
    def is_used(self) -> bool:
        return bool(self._exits)

    @property
    def is_alive(self) -> bool:
        return self._socket is not None and self._process.is_alive

    async def take(self, credentials: Credentials) -> Failure | None:
        """Initialise the function; why that failed, if it did. Raises ServiceException."""
        began_s = time.perf_counter()
        ours, theirs = socket.socketpair()
        with theirs:
            self._connect(ours)
            self._process.serve_credentials(credentials)
            try:
                await self._process.start(self._spec, theirs.fileno())
            except BaseException:
                self._disconnect()
                raise
        self._process.ended.add_done_callback(lambda _: self._lost())
        self._memory.watch(self._process, self.site.function.memory_size_mb)
        ready = asyncio.ensure_future(self._ready.wait())
        initialised: list[asyncio.Future[Any]] = [ready, self._process.initialised]
        try:
            await asyncio.wait(initialised, timeout=INIT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            self._memory.forget(self._process)
        self._process.drain()
        failure = self._failure()
        self._platform.init_report((time.perf_counter() - began_s) * 1000, "init", failure)
        if failure is not None:
            await self.end()
        else:
            self._runtime_pid = runtime_process(self._process.pid.result())
        self.log.flush()
        return failure

    def _spec(self, address: str) -> dict[str, Any]:
        spec = process_spec(msgspec.structs.replace(self.site, snapshot_api=address), address)
        return {**spec, "control": "snapshot", "processes": ENVIRONMENTS * PROCESSES}

    def _failure(self) -> Failure | None:
        function, process = self.site.function, self._process
        if process.initialised.done() and (answer := process.initialised.result()) is not None:
            if answer.wait_status is not None:
                return invocation.exited("", answer.wait_status, process.out_of_memory)
            return Failure(answer.body, invocation.error_type(answer.body))
        if not self.is_alive or not self._ready.is_set():
            return invocation.timed_out("", function.timeout_s, "")
        return None

    @property
    def api_address(self) -> str:
        """Of the Runtime API that it has itself, where its environments get their credentials."""
        return self._process.api_address

    async def end(self) -> None:
        """With all environments that came of it."""
        self._process.kill()
        await within(self._process.ended, END_TIMEOUT_S)
        self._lost()
        await self.log.close()
        if self.site.scratch is not None:
            await asyncio.to_thread(shutil.rmtree, self.site.scratch, ignore_errors=True)

    # As a fork server

    def _start(self) -> None:
        if not self.is_alive:
            raise errors.environment_failed("the snapshot of the function ended")

    def _handle(self, line: bytes) -> None:
        try:
            super()._handle(line)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("a snapshot of %s says nonsense: %s", self.site.function.version_arn, error)
            self._process.kill()

    def _global(self, pid: int) -> int:
        """Raises KeyError for what did not come of it."""
        if pid not in self._numbers:
            found = [each for each in children(self._runtime_pid) if number_within(each) == pid]
            if not found:
                raise KeyError(pid)
            self._numbers[pid] = found[0]
            self._descriptors[found[0]] = os.pidfd_open(found[0])
        return self._numbers[pid]

    def _exited(self, pid: int, status: int) -> None:
        self._numbers = {theirs: ours for theirs, ours in self._numbers.items() if ours != pid}
        os.close(self._descriptors.pop(pid))
        super()._exited(pid, status)
        self._sweep()

    def kill(self, pid: int) -> None:
        if pid in self._exits:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptors[pid], signal.SIGKILL)
            asyncio.get_running_loop().call_later(KILL_TIMEOUT_S, self._check_killed, pid)

    def _check_killed(self, pid: int) -> None:
        if pid in self._exits:
            self._process.kill()

    def _sweep(self) -> None:
        """Kill what ended environments left. What they can shed their mark for is nobody's mark."""
        first = self._process.pid.result()
        living = {orphans.mark_of(each) for each in (first, *self._exits)}
        for pid in descendants(first, ENVIRONMENTS * PROCESSES):
            if orphans.mark_of(pid) not in living:
                _kill_marked(pid, living)

    def _lost(self) -> None:
        self._disconnect()
        self._fail_fork()
        self._process.kill()
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])
        exits, self._exits = self._exits, {}
        for on_exit in exits.values():
            on_exit(KILLED)


def _kill_marked(pid: int, living: set[int | None]) -> None:
    """By a descriptor, as the number may be another's by now."""
    try:
        fd = os.pidfd_open(pid)
    except (ProcessLookupError, AttributeError):
        return
    try:
        mark = orphans.mark_of(pid)
        if mark is not None and mark not in living:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(fd)
