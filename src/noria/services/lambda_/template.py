"""The server's side of a template process (see `template_process`)."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from noria.services.lambda_ import errors
from noria.services.lambda_.interpreters import Interpreter
from noria.services.lambda_.sandbox import kernel, orphans

log = logging.getLogger(__name__)

SCRIPT = Path(__file__).with_name("template_process.py")
MESSAGE_BYTES = 1 << 16
START_TIMEOUT_S = 20.0  # a busy machine may take its time; an interpreter starts in 0.1 s
CLOSE_TIMEOUT_S = 5.0


class _Fork(msgspec.Struct):
    """The fork that is under way."""

    number: int
    on_exit: Callable[[int], None]
    pid: asyncio.Future[int]


class Template:
    """One template process. Forks are one at a time, so that a message always fits into the socket."""

    def __init__(self, interpreter: Interpreter, mode: str) -> None:
        """mode: of isolation, see `sandbox.confine`. What is no Python, forks of our own one execute."""
        self._executable = sys.executable if interpreter.home else interpreter.executable
        self._interpreter = interpreter
        self._mode = mode
        self._forking = asyncio.Lock()
        self._fork: _Fork | None = None
        self._forks = 0
        self._exits: dict[int, Callable[[int], None]] = {}
        self._received = b""
        self._ready = asyncio.Event()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._sweeping: asyncio.Future[None] | None = None

    @property
    def is_running(self) -> bool:
        return self._socket is not None

    def start(self) -> None:
        """On the event loop's thread: the process dies with the thread that started it."""
        # What a template that is killed leaves, this process inherits (see `_lost`).
        kernel.process_control(kernel.PR_SET_CHILD_SUBREAPER, 1)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [self._executable, "-S", str(SCRIPT), str(theirs.fileno()), *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd="/",
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},  # nothing of the server's own
                start_new_session=True,  # a Ctrl-C at the server's terminal is the server's to handle
            )
        ours.setblocking(False)
        self._ready.clear()
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._readable)

    def _arguments(self) -> list[str]:
        return [self._interpreter.libraries, self._mode, self._interpreter.home]

    async def ready(self) -> None:
        """Return once it can fork at once, or will not."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._ready.wait()
        except TimeoutError:
            log.warning("the template process of %s is slow to start", self._interpreter.executable)

    async def fork(self, spec: dict[str, Any], output_fd: int, on_exit: Callable[[int], None]) -> int:
        """Fork an environment; its process's number. on_exit: called once, with the wait status.

        Raises ServiceException where the machine cannot.
        """
        async with self._forking:
            if self._socket is None:
                self.start()
            assert self._socket is not None
            self._forks += 1
            fork = self._fork = _Fork(self._forks, on_exit, asyncio.get_running_loop().create_future())
            try:
                message = json.dumps({"fork": spec, "id": fork.number}).encode() + b"\n"
                socket.send_fds(self._socket, [message], [output_fd])
                async with asyncio.timeout(START_TIMEOUT_S):
                    return await fork.pid
            except (OSError, TimeoutError) as error:
                self._lost()
                raise errors.environment_failed(f"no template process ({error})") from error
            finally:
                self._fork = None

    def kill(self, pid: int) -> None:
        if self._socket is None or pid not in self._exits:
            return
        try:
            self._socket.send(json.dumps({"kill": pid}).encode() + b"\n")
        except OSError:
            self._lost()

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
            message = json.loads(line)
            if "exit" in message:
                self._exited(message["exit"], message["status"])
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
        pid = message["pid"]
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

    def _lost(self) -> None:
        """The template is gone or unusable: what it forked is killed (by itself, if it can)."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = None
        self._received = b""
        self._ready.set()
        if self._fork is not None and not self._fork.pid.done():
            self._fork.pid.set_exception(errors.environment_failed("the template process ended"))
        assert self._process is not None
        self._process.kill()
        self._process.wait(CLOSE_TIMEOUT_S)
        exits, self._exits = self._exits, {}
        for pid, on_exit in exits.items():
            _kill_group(pid)
            on_exit(9)  # as a wait status: killed
        self._sweeping = asyncio.get_running_loop().run_in_executor(None, _sweep)

    async def close(self) -> None:
        """Let it kill what it forked, and end."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self._exits.clear()
        self._ready.set()
        if self._sweeping is not None:
            await self._sweeping
        if self._process is not None:
            try:
                await asyncio.to_thread(self._process.wait, CLOSE_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait)


def _sweep() -> None:
    """Kill what a template left that was killed; what comes of a living one is the template's to inherit."""
    own = orphans.mark_of(os.getpid())
    orphans.sweep(lambda pid: orphans.mark_of(pid) not in {None, own})


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, 9)
    except (ProcessLookupError, PermissionError):
        return


def _ignore(status: int) -> None:
    """The end of an environment that nobody waits for."""
