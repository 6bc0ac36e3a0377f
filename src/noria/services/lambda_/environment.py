"""An execution environment: a process for one invocation at a time, its log stream, its credentials."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from noria.services.lambda_ import invocation
from noria.services.lambda_.fork_server import ForkServer
from noria.services.lambda_.invocation import Failure, Outcome, Work
from noria.services.lambda_.limits import INIT_TIMEOUT_S, RESPONSE_BYTES, SHUTDOWN_S
from noria.services.lambda_.memory import MemoryWatch
from noria.services.lambda_.models import Function
from noria.services.lambda_.output import FunctionLog
from noria.services.lambda_.platform_log import PlatformLog
from noria.services.lambda_.process import Answer, RuntimeProcess
from noria.services.lambda_.recursion import next_header
from noria.services.lambda_.site import MIB, Site, process_spec

log = logging.getLogger(__name__)

KILL_TIMEOUT_S = 10.0  # a killed process that waits for a device ends when the device answers


class EnvironmentEnded(Exception):
    """It ended before the invocation reached it: another one can take it."""


class Environment:
    """Cold until its first invocation, which initialises it.

    Its process may wait for that (`prepare`), or be initialised before (`initialise`).
    """

    def __init__(
        self,
        site: Site,
        template: Callable[[], ForkServer],
        log: FunctionLog,
        memory: MemoryWatch,
        platform: PlatformLog,
        begin: Callable[[], None],
    ) -> None:
        """platform: writes what Lambda says into that log; begin: its first lines."""
        self.site = site
        self.log = log
        self.is_retired = False
        self.idle_since_ms = 0
        self.tenant: str | None = None  # of its first invocation, where there are tenants, and of all others
        self._init_ms: float | None = None  # of an initialisation that no invocation has reported yet
        self._template = template
        self._memory = memory
        self._platform = platform
        self._begin = begin
        self._has_begun = False
        self._process: RuntimeProcess | None = None
        self._waiting: tuple[RuntimeProcess, int] | None = None  # and where it is told to go on

    @property
    def is_restored(self) -> bool:
        """Whether it comes of a snapshot, whose place it shares."""
        return self.site.initialization == "snap-start"

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.is_alive

    @property
    def pid(self) -> int | None:
        """Of its first process, once there is one."""
        process = self._process
        return process.pid.result() if process is not None and process.pid.done() else None

    async def invoke(self, work: Work) -> Outcome:
        """Handle one invocation; the environment may have ended afterwards (`is_alive`).

        Raises EnvironmentEnded, or ServiceException where the machine could not start it.
        """
        self._begin_log()
        if work.wants_tail:
            self.log.start_tail()
        timeout_s = float(self.site.function.timeout_s)
        init_ms, self._init_ms = self._init_ms, None
        spent_s = 0.0
        if self._process is None:
            init_ms, failure, spent_s = await self._initialise(work)
            if failure is not None:
                self._platform.start(work.request_id)
                return self._end(work, Outcome(failure.document, "Unhandled"), spent_s, None, failure)
        process = self._process
        assert process is not None
        self._platform.start(work.request_id)
        began_s = time.perf_counter() - spent_s
        deadline_ms = int(
            (time.time() + timeout_s - spent_s) * 1000
        )  # the function compares it to its own clock
        headers = _event_headers(self.site.function, work, deadline_ms)
        answered = process.deliver(work.request_id, headers, work.payload or b"{}", work.stream)
        self._memory.watch(process, self.site.function.memory_size_mb, is_invoked=True)
        try:
            await within(answered, timeout_s - spent_s)
        finally:
            self._memory.forget(process)
        duration_s = time.perf_counter() - began_s
        if not answered.done():
            return await self._timed_out(work, init_ms)
        answer = answered.result()
        if answer.wait_status is not None and not process.has_taken_event:
            raise EnvironmentEnded
        return self._answered(work, answer, duration_s, init_ms)

    def _begin_log(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._begin()

    async def prepare(self) -> None:
        """Have its process ready to initialise, in its sandbox. Raises ServiceException."""
        process = RuntimeProcess(self._template(), self.log)
        read, write = os.pipe()
        try:
            await process.start(lambda address: {**process_spec(self.site, address), "control": "go"}, read)
        except BaseException:
            os.close(write)
            raise
        finally:
            os.close(read)
        self._waiting = process, write

    def _go(self) -> RuntimeProcess | None:
        """What waits, if it lives, goes on."""
        if self._waiting is None:
            return None
        (process, write), self._waiting = self._waiting, None
        try:
            os.write(write, b"g")
        except BrokenPipeError:
            return None
        finally:
            os.close(write)
        return process if process.is_alive else None

    async def initialise(self) -> Failure | None:
        """Have it ready for its first invocation, which then reports how long that took.

        Raises ServiceException where the machine cannot.
        """
        self._begin_log()
        failure, spent_s = await self._start_process("", INIT_TIMEOUT_S)
        self._platform.init_report(spent_s * 1000, "init", failure)
        if failure is None:
            self._init_ms = spent_s * 1000
        else:
            await self.end()
        self.log.flush()
        return failure

    async def _initialise(self, work: Work) -> tuple[float | None, Failure | None, float]:
        """(init duration for REPORT, failure, seconds of the invocation that it took).

        AWS gives the init phase ten seconds of its own. Where it fails, the first invocation initialises
        again, and then it is part of that invocation and its timeout.
        """
        failure, spent_s = await self._start_process(work.request_id, INIT_TIMEOUT_S)
        self._platform.init_report(spent_s * 1000, "init", failure)
        if failure is None:
            return spent_s * 1000, None, 0.0
        await self.end()
        failure, spent_s = await self._start_process(work.request_id, float(self.site.function.timeout_s))
        self._platform.init_report(spent_s * 1000, "invoke", failure)
        if failure is not None:
            await self.end()
        return None, failure, spent_s

    async def _start_process(self, request_id: str, timeout_s: float) -> tuple[Failure | None, float]:
        function = self.site.function
        began_s = time.perf_counter()
        process = self._process = self._go() or RuntimeProcess(self._template(), self.log)
        process.describe(function)
        if not process.pid.done():
            await process.start(lambda address: process_spec(self.site, address))
        self._memory.watch(process, function.memory_size_mb)
        try:
            await within(process.initialised, timeout_s)
        finally:
            self._memory.forget(process)
        spent_s = time.perf_counter() - began_s
        process.drain()
        if not process.initialised.done():
            log_text = self._platform.timed_out(request_id)
            return invocation.timed_out(request_id, function.timeout_s, log_text), spent_s
        answer = process.initialised.result()
        return (None if answer is None else self._failure(request_id, answer)), spent_s

    def _failure(self, request_id: str, answer: Answer) -> Failure:
        assert self._process is not None
        if answer.wait_status is not None:
            return invocation.exited(request_id, answer.wait_status, self._process.out_of_memory)
        return Failure(answer.body, invocation.error_type(answer.body))

    async def _timed_out(self, work: Work, init_ms: float | None) -> Outcome:
        timeout_s = self.site.function.timeout_s
        text = self._platform.timed_out(work.request_id)
        failure = invocation.timed_out(work.request_id, timeout_s, text)
        self._drain()
        await self.end()
        return self._end(work, Outcome(failure.document, "Unhandled"), float(timeout_s), init_ms, failure)

    def _answered(self, work: Work, answer: Answer, duration_s: float, init_ms: float | None) -> Outcome:
        if answer.wait_status is not None:
            failure = self._failure(work.request_id, answer)
            return self._end(work, Outcome(failure.document, "Unhandled"), duration_s, init_ms, failure)
        if len(answer.body) > RESPONSE_BYTES:
            self.is_retired = True  # awslambdaric ends when its answer is refused
            document = invocation.response_too_large(RESPONSE_BYTES)
            return self._end(work, Outcome(document, "Unhandled"), duration_s, init_ms)
        outcome = Outcome(answer.body, "Unhandled" if answer.is_error else "")
        return self._end(work, outcome, duration_s, init_ms)

    def _end(
        self,
        work: Work,
        outcome: Outcome,
        duration_s: float,
        init_ms: float | None,
        failure: Failure | None = None,
    ) -> Outcome:
        self._drain()
        outcome.duration_ms = duration_s * 1000
        memory_mb = 0 if self._process is None else -(-self._process.measure() // MIB)
        is_error = bool(outcome.function_error)
        self._platform.end(
            work.request_id, outcome.duration_ms, memory_mb, init_ms, failure, is_error=is_error
        )
        self.log.flush()
        if work.wants_tail:
            outcome.tail = self.log.take_tail()
        return outcome

    def _drain(self) -> None:
        if self._process is not None:
            self._process.drain()

    async def shut_down(self) -> None:
        """As AWS does it: a runtime that has an extension in it is told, and has a moment."""
        if self._process is not None and self._process.is_alive and self._process.wants_shutdown:
            self._process.terminate()
            await within(self._process.ended, SHUTDOWN_S)
        await self.end()

    async def end(self) -> None:
        """Kill the process, if it lives, and wait until nothing is left of it."""
        if self._waiting is not None:
            (self._process, write), self._waiting = self._waiting, None
            os.close(write)
        if self._process is not None and self._process.is_alive:
            self._process.measure()
            self._process.kill()
            await within(self._process.ended, KILL_TIMEOUT_S)
            if self._process.is_alive:
                log.error("an environment of %s does not end", self.site.function.arn)


def _event_headers(function: Function, work: Work, deadline_ms: int) -> list[tuple[str, str]]:
    headers = [
        ("Lambda-Runtime-Aws-Request-Id", work.request_id),
        ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
        ("Lambda-Runtime-Invoked-Function-Arn", work.arn),
        ("Lambda-Runtime-Trace-Id", next_header(work.trace, function, deadline_ms)),
    ]
    if work.tenant:
        headers.append(("Lambda-Runtime-Aws-Tenant-Id", work.tenant))
    if work.client_context:
        headers.append(("Lambda-Runtime-Client-Context", work.client_context))
    return headers


async def within(future: asyncio.Future[Any], seconds: float) -> None:
    """Wait for a future no longer than that; real time, as a real process takes it."""
    if not future.done():
        await asyncio.wait([future], timeout=max(0.0, seconds))
