"""A runtime's template: the server's side of `template_process`, which it starts."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from noria.services.lambda_.fork_server import KILLED, START_TIMEOUT_S, ForkServer
from noria.services.lambda_.interpreters import Interpreter
from noria.services.lambda_.sandbox import kernel, orphans

log = logging.getLogger(__name__)

SCRIPT = Path(__file__).with_name("template_process.py")
SWEEPS, SWEEP_S = 20, 0.05
CLOSE_TIMEOUT_S = 5.0


class Template(ForkServer):
    """One template process."""

    def __init__(self, interpreter: Interpreter, mode: str) -> None:
        """mode: of isolation, see `sandbox.confine`. What is no Python, forks of our own one execute."""
        super().__init__()
        self._executable = sys.executable if interpreter.home else interpreter.executable
        self._interpreter = interpreter
        self._mode = mode
        self._process: subprocess.Popen[bytes] | None = None
        self._sweeping: asyncio.Future[None] | None = None

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
        self._connect(ours)

    def _arguments(self) -> list[str]:
        interpreter = self._interpreter
        return [interpreter.libraries, self._mode, interpreter.home, interpreter.modules]

    def _start(self) -> None:
        if self._socket is None:
            self.start()

    async def ready(self) -> None:
        """Return once it can fork at once, or will not."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._ready.wait()
        except TimeoutError:
            log.warning("the template process of %s is slow to start", self._interpreter.executable)

    def kill(self, pid: int) -> None:
        if self._socket is None or pid not in self._exits:
            return
        try:
            self._socket.send(json.dumps({"kill": pid}).encode() + b"\n")
        except OSError:
            self._lost()

    def _lost(self) -> None:
        """What it forked is killed (by itself, if it can)."""
        if self._socket is None:
            return
        self._disconnect()
        self._fail_fork()
        assert self._process is not None
        self._process.kill()
        self._process.wait(CLOSE_TIMEOUT_S)
        exits, self._exits = self._exits, {}
        for pid, on_exit in exits.items():
            _kill_group(pid)
            on_exit(KILLED)
        self._sweeping = asyncio.get_running_loop().run_in_executor(None, _sweep)

    async def close(self) -> None:
        """Let it kill what it forked, and end."""
        self._disconnect()
        self._exits.clear()
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
    for _ in range(SWEEPS):  # one whose guard was killed ends a moment after that, and only then hands on
        orphans.sweep(lambda pid: orphans.mark_of(pid) not in {None, own})
        time.sleep(SWEEP_S)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, 9)
    except (ProcessLookupError, PermissionError):
        return
