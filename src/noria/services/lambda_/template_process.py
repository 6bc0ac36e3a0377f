"""The template of a runtime: a process that has awslambdaric imported and forks execution environments.

A script of its own, run by the runtime's interpreter (so: Python 3.9 syntax, of Noria only `sandbox`), with
``python -S template_process.py FD LIBRARIES MODE HOME MODULES``. MODE: of isolation, see `sandbox.confine`.
HOME: the prefix of another interpreter, which environments execute; "" where this one goes on in them.
MODULES: its libraries, or "". FD: a stream socket to the server; each message is a line of JSON. To here:
``{"fork": {…}, "id": n}`` with the write end of the output pipe and, where ``control`` is not "", what a
snapshot or an environment that waits is told by, and ``{"kill": pid}``. From here: ``{"ready": true}`` at
first, ``{"pid": pid, "id": n}`` or ``{"error": text, "id": n}`` to each fork, and, once nothing is left of an
environment, ``{"exit": pid, "status": wait status}``.

It must stay single-threaded (it forks) and must not import what packages bring themselves (boto3, urllib3).
When the socket closes, which a server that is killed does too, everything that was forked here is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import site
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

sys.path[0] = str(Path(__file__).parents[3])
from noria.services.lambda_.sandbox import confine, kernel, namespaces, orphans  # noqa: E402

MESSAGE_BYTES = 1 << 20
LOG_FD = 3  # for framed log records
CONTROL_FD = 4  # of a snapshot
MARKS = 1 << 20  # from one environment's mark to the next; a snapshot's environments have those between
# What differs between the environments of one snapshot.
RESTORED_VARIABLES = ("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API")


class Forker:
    """Forks what it is told to; `run` returns in each child, with what it was asked to be."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.environments: dict[int, int] = {}  # pid → the mark by which its processes are known
        self.received = b""
        self.fds: list[int] = []
        self.pipe = os.pipe()
        for fd in self.pipe:
            os.set_blocking(fd, False)
        self.wakeup = signal.set_wakeup_fd(self.pipe[1], warn_on_full_buffer=False)
        self.on_child = signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> dict[str, Any]:
        self.send({"ready": True})
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.pipe[0], select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self.pipe[0]:
                    os.read(self.pipe[0], 4096)
                    self.reap()
                    continue
                child = self.read()
                if child is not None:
                    return child

    def read(self) -> dict[str, Any] | None:
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
            child = self.fork(message["fork"], message["id"])
            if child is not None:
                return child
        return None

    def fork(self, spec: dict[str, Any], number: int) -> dict[str, Any] | None:
        """The child's spec in the child, None here."""
        fds = [self.fds.pop(0) for _ in range(2 if spec["control"] else 1)]
        try:
            pid = self.clone()
        except OSError as error:
            self.send({"error": str(error), "id": number})
            return None
        else:
            if pid == 0:
                signal.set_wakeup_fd(self.wakeup)
                signal.signal(signal.SIGCHLD, self.on_child)
                os.setsid()
                for fd in (1, 2):
                    os.dup2(fds[0], fd)
                os.dup2(fds[0], LOG_FD, inheritable=False)
                self.become(spec, number, fds[1:])
                return spec
            self.environments[pid] = self.mark(number)
            self.send({"pid": pid, "id": number})
            return None
        finally:
            for fd in fds:
                with contextlib.suppress(OSError):  # a child has closed all
                    os.close(fd)

    def clone(self) -> int:
        """As os.fork."""
        return os.fork()

    def mark(self, number: int) -> int:
        raise NotImplementedError

    def become(self, spec: dict[str, Any], number: int, fds: list[int]) -> None:
        """In the child, whose output is where it belongs. What fails here is in its log."""
        raise NotImplementedError

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
                ended.append((pid, self.status(pid, status)))
        for pid, _ in ended:
            kill_group(pid)
        if ended:
            self.sweep()
        for pid, status in ended:
            self.send({"exit": pid, "status": status})

    def status(self, pid: int, status: int) -> int:
        """The wait status of an environment's function."""
        return status

    def sweep(self) -> None:
        """Kill what ended environments left."""

    def end(self) -> NoReturn:
        """The server is gone, or wants this process gone."""
        for pid in self.environments:
            kill_group(pid)
            os.kill(pid, signal.SIGKILL)
        self.environments.clear()
        self.sweep()
        os._exit(0)


class Template(Forker):
    """A runtime's: its environments are confined."""

    def __init__(self, control: socket.socket, mode: str, libraries: str, home: str, modules: str) -> None:
        super().__init__(control)
        self.mode = mode
        self.libraries = libraries
        self.home = home or namespaces.interpreter_home()
        self.modules = modules
        is_alone = mode == confine.NAMESPACES
        self.root = namespaces.Root(libraries, self.home, modules) if is_alone else None
        self.self_fd = os.pidfd_open(os.getpid()) if kernel.LINUX else -1  # readable once this process ended
        self.ending: namespaces.Ending | None = None  # of what is being forked
        self.endings: dict[int, namespaces.Ending] = {}

    def clone(self) -> int:
        if not self.root:
            return super().clone()
        self.ending = namespaces.Ending()
        pid = self.root.fork()
        if pid:
            self.endings[pid] = self.ending
        return pid

    def mark(self, number: int) -> int:
        return number * MARKS

    def become(self, spec: dict[str, Any], number: int, fds: list[int]) -> None:
        """An environment of its own, confined."""
        os.umask(0o022)
        orphans.mark(self.mark(number))
        if self.root:
            self.root.enter(spec, number)
        kernel.process_control(kernel.PR_SET_DUMPABLE, 1)  # else /proc/self is root's, once the user changed
        kernel.process_control(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # likewise forgotten then
        if self.self_fd >= 0 and select.select([self.self_fd], [], [], 0)[0]:
            os._exit(1)  # the template died before that
        last = LOG_FD
        if spec["control"]:
            last = CONTROL_FD
            os.dup2(fds[0], CONTROL_FD, inheritable=False)
        os.closerange(last + 1, 1024)  # the template's few
        confine.confine(self.mode, spec, [self.libraries, self.home, self.modules])
        if self.ending:
            pid = os.fork()
            if pid:
                os.closerange(1, last + 1)
                self.ending.wait_for(pid)
            os.setsid()

    def status(self, pid: int, status: int) -> int:
        ending = self.endings.pop(pid, None)
        return ending.status(status) if ending else status

    def sweep(self) -> None:
        living = self.environments.values()
        orphans.sweep(lambda pid: pid not in self.environments and orphans.mark_of(pid) not in living)


class Snapshot(Forker):
    """An environment whose function is initialised, in its sandbox: what is forked shares that.

    Its children have marks of their own, below its own mark; the server, which may look at them, sweeps.
    """

    def __init__(self) -> None:
        super().__init__(socket.socket(fileno=CONTROL_FD))
        self.pid = os.getpid()

    def mark(self, number: int) -> int:
        return orphans.own_mark() - number

    def become(self, spec: dict[str, Any], number: int, fds: list[int]) -> None:
        orphans.mark(self.mark(number))
        kernel.process_control(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self.pid:
            os._exit(1)
        self.control.close()
        for fd in self.pipe:
            os.close(fd)


def kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):  # it is empty, or was not made yet
        os.killpg(pid, signal.SIGKILL)


def start(spec: dict[str, Any], in_namespaces: bool) -> None:
    """Variables, directory and paths of the function."""
    task_root = namespaces.TASK_ROOT if in_namespaces else spec["task_root"]
    if in_namespaces:
        sys.executable = f"{namespaces.INTERPRETER_DIR}/bin/{os.path.basename(sys.executable)}"
    os.environ.clear()
    os.environ.update(spec["environment"])
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(LOG_FD)
    os.chdir(task_root)
    if spec["programs"]:
        wait_to_go(spec["control"])
        execute(spec["programs"])
    layers = f"{spec['layers']}/python"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if os.path.isdir(layers):
        sys.path[:0] = [f"{layers}/lib/{version}/site-packages", layers]
    sys.path.insert(0, task_root)
    sys.dont_write_bytecode = True
    sys.argv = ["bootstrap.py", spec["environment"]["_HANDLER"]]


def execute(programs: list[list[str]]) -> NoReturn:
    """The first one there is, as AWS looks for a bootstrap."""
    os.set_inheritable(LOG_FD, True)
    for program in programs:
        if os.path.exists(program[0]):
            os.execve(program[0], program, os.environ)
    paths = " ".join(program[0] for program in programs)
    print(f"Couldn't find valid bootstrap(s): [{paths}]", file=sys.stderr)
    os._exit(1)


def preload(libraries: str) -> None:
    """Import awslambdaric, but not its native client: that one reads its address when it is loaded."""
    del sys.path[0]  # Noria's own, which functions are not to see
    for name in [name for name in sys.modules if name.partition(".")[0] == "noria"]:
        del sys.modules[name]
    sys.path.append(libraries)
    site.setquit()
    site.setcopyright()
    site.sethelper()
    with contextlib.suppress(OSError):
        ctypes.CDLL("libstdc++.so.6")  # which the native client needs: half of the time that it takes to load
    sys.modules["runtime_client"] = None  # type: ignore[assignment]
    import concurrent.futures.thread  # noqa: F401  what awslambdaric waits with, from Python 3.12 on

    import awslambdaric.__main__
    import awslambdaric.lambda_literals  # noqa: F401  what an unhandled exception imports

    del sys.modules["runtime_client"]


def wait_to_go(control: str) -> None:
    """Where that is wanted, until the first invocation comes."""
    if control == "go":
        if not os.read(CONTROL_FD, 1):
            os._exit(1)
        os.close(CONTROL_FD)


def handle_invocations(control: str) -> None:
    """From here on as AWS's own bootstrap does it, which asks to be restored once a snapshot can be taken."""
    import awslambdaric.bootstrap
    import awslambdaric.lambda_runtime_client as client_module
    from awslambdaric.__main__ import main

    if "AWS_LAMBDA_LOG_FORMAT" in os.environ:  # which it reads when it is imported
        importlib.reload(awslambdaric.bootstrap)
    if control == "snapshot":
        client_module.BaseLambdaRuntimeClient.restore_next = restored
    else:
        load_client()
    wait_to_go(control)
    main(sys.argv)


def load_client() -> None:
    """AWS's native client; it reads its address once."""
    import awslambdaric.lambda_runtime_client as client_module
    import runtime_client

    client_module.runtime_client = runtime_client
    runtime_client.initialize_client(client_module._user_agent())


def restored(client: Any) -> None:
    """Returns in each environment that is restored from this process."""
    kernel.process_control(kernel.PR_SET_CHILD_SUBREAPER, 1)
    gc.collect()
    gc.freeze()
    variables = Snapshot().run()["environment"]
    os.environ.update({name: variables[name] for name in RESTORED_VARIABLES})
    client.lambda_runtime_address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    load_client()


def guard() -> None:
    """Leave a process behind that ends what this one leaves, where that is killed together with the server.

    In namespaces, the kernel does so.
    """
    kernel.process_control(kernel.PR_SET_CHILD_SUBREAPER, 1)
    template = os.fork()
    if template == 0:
        kernel.process_control(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        return
    os.closerange(0, 1024)
    ended = 0
    while ended != template:
        ended, _ = os.waitpid(-1, 0)
    orphans.sweep(lambda pid: True)
    os._exit(0)


def main(control_fd: int, libraries: str, mode: str, home: str, modules: str) -> None:
    if mode != confine.NAMESPACES and kernel.LINUX:
        guard()
    kernel.process_control(kernel.PR_SET_CHILD_SUBREAPER, 1)
    template = Template(socket.socket(fileno=control_fd), mode, libraries, home, modules)
    if not home:
        preload(namespaces.RUNTIME_DIR if template.root else libraries)
    gc.collect()
    gc.freeze()
    spec = template.run()
    start(spec, in_namespaces=template.root is not None)
    handle_invocations(spec["control"])


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
