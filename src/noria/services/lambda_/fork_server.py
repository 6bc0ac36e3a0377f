"""The server's side of a process that forks execution environments. Its messages: `template_process`."""

from __future__ import annotations

import asyncio
import json
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from noria.services.lambda_ import errors

MESSAGE_BYTES = 1 << 16
START_TIMEOUT_S = 20.0  # a busy machine may take its time; an interpreter starts in 0.1 s
KILLED = 9  # as a wait status


class _Fork(msgspec.Struct):
    """The fork that is under way."""

    number: int
    on_exit: Callable[[int], None]
    pid: asyncio.Future[int]


class ForkServer(ABC):
    """Forks are one at a time, so that a message always fits into the socket."""

    def __init__(self) -> None:
        self._forking = asyncio.Lock()
        self._fork: _Fork | None = None
        self._forks = 0
        self._exits: dict[int, Callable[[int], None]] = {}
        self._received = b""
        self._ready = asyncio.Event()
        self._socket: socket.socket | None = None

    @property
    def is_running(self) -> bool:
        return self._socket is not None

    def _connect(self, ours: socket.socket) -> None:
        """Talk with the process over its socket, on the event loop's thread."""
        ours.setblocking(False)
        self._ready.clear()
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._readable)

    def _disconnect(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self._received = b""
        self._ready.set()

    async def fork(self, spec: dict[str, Any], fds: Sequence[int], on_exit: Callable[[int], None]) -> int:
        """Fork an environment; its process's number. on_exit: called once, with the wait status.

        fds: the write end of its output's pipe, and where the spec has a ``control`` what it is told by.
        Raises ServiceException where the machine cannot.
        """
        async with self._forking:
            self._start()
            self._forks += 1
            fork = self._fork = _Fork(self._forks, on_exit, asyncio.get_running_loop().create_future())
            try:
                assert self._socket is not None
                message = json.dumps({"fork": spec, "id": fork.number}).encode() + b"\n"
                socket.send_fds(self._socket, [message], fds)
                async with asyncio.timeout(START_TIMEOUT_S):
                    return await fork.pid
            except (OSError, TimeoutError) as error:
                self._lost()
                raise errors.environment_failed(f"no template process ({error})") from error
            finally:
                self._fork = None

    @abstractmethod
    def _start(self) -> None:
        """Have the process run. Raises ServiceException where it has ended for good."""

    @abstractmethod
    def kill(self, pid: int) -> None:
        """One of what it forked, with all that came of that."""

    @abstractmethod
    def _lost(self) -> None:
        """The process is gone or unusable."""

    def _global(self, pid: int) -> int:
        """Our number of what the process has forked; pid: its own."""
        return pid

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._handle(line)

    def _handle(self, line: bytes) -> None:
        message = json.loads(line)
        if "exit" in message:
            self._exited(self._global(message["exit"]), message["status"])
        elif "ready" in message:
            self._ready.set()
        else:
            self._forked(message)

    def _forked(self, message: dict[str, Any]) -> None:
        fork = self._fork
        wanted = fork is not None and fork.number == message["id"] and not fork.pid.done()
        if "error" in message:
            if fork is not None and wanted:
                fork.pid.set_exception(errors.environment_failed(message["error"]))
            return
        pid = self._global(message["pid"])
        if fork is not None and wanted:
            self._exits[pid] = fork.on_exit
            fork.pid.set_result(pid)
        else:  # whoever wanted it has gone
            self._exits[pid] = _ignore
            self.kill(pid)

    def _exited(self, pid: int, status: int) -> None:
        on_exit = self._exits.pop(pid, None)
        if on_exit is not None:
            on_exit(status)

    def _fail_fork(self) -> None:
        if self._fork is not None and not self._fork.pid.done():
            self._fork.pid.set_exception(errors.environment_failed("the template process ended"))


def _ignore(status: int) -> None:
    """The end of an environment that nobody waits for."""
