"""The process of an execution environment: forked, given its Runtime API, watched, killed whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from noria.services.lambda_.cpu_share import limit_cpu
from noria.services.lambda_.fork_server import ForkServer
from noria.services.lambda_.limits import FREEZE_DELAY_S, PROCESSES, RESPONSE_BYTES
from noria.services.lambda_.models import Function
from noria.services.lambda_.output import FunctionLog, OutputPipe
from noria.services.lambda_.processes import (
    continue_processes,
    peak_resident_bytes,
    runtime_process,
    stop_processes,
)
from noria.services.lambda_.response_stream import ResponseStream
from noria.services.lambda_.runtime_api import Credentials, RuntimeApi

Headers = Sequence[tuple[str, str]]


class Answer(msgspec.Struct, frozen=True):
    """What the process said of an invocation, or that it ended. is_error: the body is an error document.

    wait_status: where it ended without a word; body is then empty.
    """

    body: bytes = b""
    is_error: bool = False
    wait_status: int | None = None


class RuntimeProcess:
    """One process, from its fork to its end. Implements `runtime_api.Runtime`."""

    def __init__(self, template: ForkServer, log: FunctionLog) -> None:
        loop = asyncio.get_running_loop()
        self._template = template
        self._api = RuntimeApi(self)
        self._output = OutputPipe(log)
        self._send_event: Callable[[Headers, bytes], None] | None = None
        self._waiting: tuple[str, Headers, bytes] | None = None
        self._running_id = ""
        self._answer: asyncio.Future[Answer] | None = None
        self._stream: ResponseStream | None = None
        self.pid: asyncio.Future[int] = loop.create_future()
        self.initialised: asyncio.Future[Answer | None] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self._measured_pid = 0
        self._freezing: asyncio.TimerHandle | None = None
        self._frozen: list[int] = []
        self.out_of_memory = False
        self.wants_shutdown = False
        self._shares_cpu = False
        self.peak_bytes = 0

    async def start(self, spec_at: Callable[[str], dict[str, Any]], *more_fds: int) -> None:
        """Fork it. spec_at: makes the spec (see `template_process`) from the Runtime API's address.

        more_fds: what it gets beside its output.

        Raises ServiceException where the machine cannot.
        """
        try:
            spec = spec_at(await self._api.start())
            pid = await self._template.fork(spec, [self._output.write_fd, *more_fds], self._exited)
        except BaseException:
            self._close()
            raise
        if not self.pid.done():
            self.pid.set_result(pid)
        if not self.ended.done():
            self._output.start()

    @property
    def is_alive(self) -> bool:
        return not self.ended.done()

    @property
    def api_address(self) -> str:
        host, port = self._api.address
        return f"{host}:{port}"

    def describe(self, function: Function) -> None:
        """To extensions that register."""
        described = {
            "functionName": function.name,
            "functionVersion": function.version,
            "handler": function.handler,
        }
        self._api.description = msgspec.json.encode(described)

    def serve_credentials(self, credentials: Credentials) -> None:
        """To what comes of it, at its Runtime API."""
        self._api.credentials = credentials

    def deliver(
        self, request_id: str, headers: Headers, event: bytes, stream: ResponseStream | None = None
    ) -> asyncio.Future[Answer]:
        """Give it an invocation as soon as it asks for one; the future tells how that ended.

        stream: takes its answer, if it is one.
        """
        self._stream = stream
        self._answer = asyncio.get_running_loop().create_future()
        self._waiting = (request_id, headers, event)
        if self.ended.done():
            self._answer.set_result(Answer(wait_status=self.ended.result()))
        else:
            self._send()
        return self._answer

    def _send(self) -> None:
        if self._send_event is not None and self._waiting is not None:
            send, self._send_event = self._send_event, None
            (self._running_id, headers, event), self._waiting = self._waiting, None
            self._thaw()
            send(headers, event)
        elif self._send_event is not None:
            self._freezing = asyncio.get_running_loop().call_later(FREEZE_DELAY_S, self._freeze)

    def _freeze(self) -> None:
        """As on AWS, nothing of it runs between invocations."""
        self._freezing = None
        self._frozen = stop_processes(self.pid.result(), PROCESSES)

    def _thaw(self) -> None:
        if self._freezing is not None:
            self._freezing.cancel()
            self._freezing = None
        if self._frozen:
            continue_processes(self._frozen)
            self._frozen = []

    @property
    def has_taken_event(self) -> bool:
        """Whether the last invocation reached it: one that did not may safely go elsewhere."""
        return self._waiting is None

    def drain(self) -> None:
        """Everything that it printed until now is in the log."""
        self._output.drain()

    def measure(self) -> int:
        """The most memory it ever held, in bytes; with its children's, as far as they were seen."""
        if self.is_alive and self.pid.done():
            if not self._measured_pid:
                self._measured_pid = runtime_process(self.pid.result())
            self.peak_bytes = max(self.peak_bytes, peak_resident_bytes(self._measured_pid))
        return self.peak_bytes

    def share_cpu(self, memory_size_mb: int) -> None:
        """From here on it has its part of the processors only."""
        if not self._shares_cpu:
            self._shares_cpu = True
            limit_cpu(self.pid.result(), memory_size_mb)

    def terminate(self) -> None:
        """Tell it, if it wants to know, that it will be killed."""
        if self.is_alive and self.wants_shutdown:
            self._thaw()
            with contextlib.suppress(ProcessLookupError):
                os.kill(runtime_process(self.pid.result()), signal.SIGTERM)

    def kill(self) -> None:
        """With all that came of it."""
        if self.is_alive and self.pid.done():
            self._template.kill(self.pid.result())

    # What the Runtime API is told

    def next(self, answer: Callable[[Headers, bytes], None]) -> None:
        self._send_event = answer
        if not self.initialised.done():
            self.initialised.set_result(None)
        self._send()

    def withdraw(self, answer: Callable[[Headers, bytes], None]) -> None:
        """It ends, which takes a while to be known: an invocation that comes now has not reached it."""
        if self._send_event == answer:
            self._send_event = None

    def stream_of(self, request_id: str) -> ResponseStream | None:
        return self._stream if request_id == self._running_id else None

    def answered(self, request_id: str, body: bytes, error_type: str | None) -> bool:
        if self._answer is None or self._answer.done() or request_id != self._running_id:
            return False
        self._running_id = ""
        self._answer.set_result(Answer(body, error_type is not None))
        return True

    def init_failed(self, body: bytes, error_type: str) -> None:
        if not self.initialised.done():
            self.initialised.set_result(Answer(body[:RESPONSE_BYTES], True))

    def registered(self) -> None:
        self.wants_shutdown = True

    # What the template tells

    def _exited(self, wait_status: int) -> None:
        self.ended.set_result(wait_status)
        self._close()
        end = Answer(wait_status=wait_status)
        if not self.initialised.done():
            self.initialised.set_result(end)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(end)

    def _close(self) -> None:
        if self._freezing is not None:
            self._freezing.cancel()
        self._api.close()
        self._output.close()
