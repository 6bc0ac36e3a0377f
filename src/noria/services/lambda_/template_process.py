"""The template of a runtime: a process that has awslambdaric imported and forks execution environments.

A script of its own, run by the runtime's interpreter (so: Python 3.9 syntax, nothing of Noria imported), with
``python -S template_process.py FD LIBRARIES``. FD is a stream socket to the server; each message is a line of
JSON. To here: ``{"fork": {…}, "id": n}`` with the write end of the output pipe, and ``{"kill": pid}``. From
here: ``{"ready": true}`` at first, ``{"pid": pid, "id": n}`` or ``{"error": text, "id": n}`` to each fork,
and, once nothing is left of an environment, ``{"exit": pid, "status": wait status}``.

It must stay single-threaded (it forks) and must not import what packages bring themselves (boto3, urllib3).
When the socket closes, which a server that is killed does too, everything that was forked here is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import select
import signal
import site
import socket
import sys
from typing import Any, NoReturn

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
MESSAGE_BYTES = 1 << 20
RLIMIT_LOCKS = 10  # Linux does not use this limit; all that comes of a process inherits it, so it is a mark
SWEEPS = 1000  # rounds of killing what processes left behind; each round kills a generation


def process_control(option: int, value: int) -> None:
    if LINUX:
        ctypes.CDLL(None).prctl(option, value)


class Template:
    """The loop of the template; `run` returns in each forked child, with what it was asked to be."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.environments: dict[int, int] = {}  # pid → its number, by which its processes are known
        self.received = b""
        self.fds: list[int] = []
        self.wakeup, wakeup = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> tuple[dict[str, Any], int]:
        self.send({"ready": True})
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wakeup, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self.wakeup:
                    os.read(self.wakeup, 4096)
                    self.reap()
                    continue
                child = self.read()
                if child is not None:
                    return child

    def read(self) -> tuple[dict[str, Any], int] | None:
        try:
            data, fds, _, _ = socket.recv_fds(
                self.control, MESSAGE_BYTES, 16, getattr(socket, "MSG_CMSG_CLOEXEC", 0)
            )
        except ConnectionResetError:  # the server was killed, with messages of ours unread
            self.end()
        if not data:
            self.end()
        self.fds += fds
        self.received += data
        while b"\n" in self.received:
            line, self.received = self.received.split(b"\n", 1)
            message = json.loads(line)
            if "kill" in message:
                if message["kill"] in self.environments:
                    os.kill(message["kill"], signal.SIGKILL)
                continue
            child = self.fork(message["fork"], message["id"], self.fds.pop(0))
            if child is not None:
                return child
        return None

    def fork(self, spec: dict[str, Any], number: int, output: int) -> tuple[dict[str, Any], int] | None:
        """The child's spec and output descriptor in the child, None in the template."""
        template = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(output)
            self.send({"error": str(error), "id": number})
            return None
        if pid == 0:
            become_a_process_of_its_own(template, number)
            return spec, output
        os.close(output)
        self.environments[pid] = number
        self.send({"pid": pid, "id": number})
        return None

    def send(self, message: dict[str, Any]) -> None:
        try:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self.end()

    def reap(self) -> None:
        ended = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if self.environments.pop(pid, None) is not None:
                ended.append((pid, status))
        for pid, _ in ended:
            kill_group(pid)
        if ended:
            self.sweep()
        for pid, status in ended:
            self.send({"exit": pid, "status": status})

    def sweep(self) -> None:
        """Kill what ended environments left: as the subreaper, this process inherits it."""
        for _ in range(SWEEPS):
            orphans = [
                pid for pid in own_children() if pid not in self.environments and not self.is_of_a_living(pid)
            ]
            if not orphans:
                return
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
            for pid in orphans:
                os.waitpid(pid, 0)

    def is_of_a_living(self, pid: int) -> bool:
        """Whether a process that lost its parent belongs to an environment that still lives."""
        try:
            with open(f"/proc/{pid}/limits") as file:
                limits = file.read()
        except OSError:
            return False
        mark = limits.partition("Max file locks")[2].split()
        return bool(mark) and mark[0].isdigit() and int(mark[0]) in self.environments.values()

    def end(self) -> NoReturn:
        """The server is gone, or wants this process gone."""
        for pid in self.environments:
            kill_group(pid)
            os.kill(pid, signal.SIGKILL)
        self.environments.clear()
        self.sweep()
        os._exit(0)


def own_children() -> list[int]:
    if not LINUX:
        return []
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):  # it is empty, or was not made yet
        os.killpg(pid, signal.SIGKILL)


def become_a_process_of_its_own(template: int, number: int) -> None:
    os.setsid()
    if LINUX:
        resource.setrlimit(RLIMIT_LOCKS, (number, number))
    process_control(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != template:  # it died before that
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))


def enter(spec: dict[str, Any], output: int) -> None:
    """Make this process what the spec says: output, limits, variables, directory, paths."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    log = os.dup2(output, 3, inheritable=False)  # awslambdaric frames its log records on it
    os.closerange(4, 1024)  # the template's few
    os.umask(0o022)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_NOFILE, spec["open_files"])
    limit(resource.RLIMIT_DATA, spec["data_bytes"])
    os.environ.clear()
    os.environ.update(spec["environment"])
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(log)
    os.chdir(spec["task_root"])
    sys.path.insert(0, spec["task_root"])
    sys.dont_write_bytecode = True
    sys.argv = ["bootstrap.py", spec["environment"]["_HANDLER"]]


def preload(libraries: str) -> None:
    """Import awslambdaric, but not its native client: that one reads its address when it is loaded."""
    sys.path[:] = [path for path in sys.path if path and path != os.path.dirname(os.path.abspath(__file__))]
    sys.path.append(libraries)
    site.setquit()
    site.setcopyright()
    site.sethelper()
    sys.modules["runtime_client"] = None  # type: ignore[assignment]
    import concurrent.futures.thread  # noqa: F401  what awslambdaric waits with, from Python 3.12 on

    import awslambdaric.__main__
    import awslambdaric.lambda_literals  # noqa: F401  what an unhandled exception imports

    del sys.modules["runtime_client"]


def handle_invocations() -> None:
    """From here on as AWS's own bootstrap does it."""
    import awslambdaric.lambda_runtime_client as client_module
    import runtime_client
    from awslambdaric.__main__ import main

    client_module.runtime_client = runtime_client
    runtime_client.initialize_client(client_module._user_agent())
    main(sys.argv)


if __name__ == "__main__":
    process_control(PR_SET_CHILD_SUBREAPER, 1)
    preload(sys.argv[2])
    gc.collect()
    gc.freeze()
    enter(*Template(socket.socket(fileno=int(sys.argv[1]))).run())
    handle_invocations()
