"""The template of a runtime: a process that has awslambdaric imported and forks execution environments.

A script of its own, run by the runtime's interpreter (so: Python 3.9 syntax, of Noria only `sandbox`), with
``python -S template_process.py FD LIBRARIES MODE HOME``. MODE: of isolation, see `sandbox.confine`. HOME: the
prefix of another interpreter, which environments execute; "" where this one goes on in them. FD: a stream
socket to the server; each message is a line of JSON. To here: ``{"fork": {…}, "id": n}`` with the write end
of the output pipe, and ``{"kill": pid}``. From here: ``{"ready": true}`` at first, ``{"pid": pid, "id": n}``
or ``{"error": text, "id": n}`` to each fork, and, once nothing is left of an environment, ``{"exit": pid,
"status": wait status}``.

It must stay single-threaded (it forks) and must not import what packages bring themselves (boto3, urllib3).
When the socket closes, which a server that is killed does too, everything that was forked here is killed.
"""

from __future__ import annotations

import contextlib
import gc
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


class Template:
    """The loop of the template; `run` returns in each forked child, with what it was asked to be."""

    def __init__(self, control: socket.socket, mode: str, libraries: str, home: str) -> None:
        self.control = control
        self.mode = mode
        self.libraries = libraries
        self.home = home or namespaces.interpreter_home()
        self.root = namespaces.Root(libraries, self.home) if mode == confine.NAMESPACES else None
        self.self_fd = os.pidfd_open(os.getpid()) if kernel.LINUX else -1  # readable once this process ended
        self.environments: dict[int, int] = {}  # pid → its number, by which its processes are known
        self.endings: dict[int, namespaces.Ending] = {}
        self.received = b""
        self.fds: list[int] = []
        self.wakeup, wakeup = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> dict[str, Any]:
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
            child = self.fork(message["fork"], message["id"], self.fds.pop(0))
            if child is not None:
                return child
        return None

    def fork(self, spec: dict[str, Any], number: int, output: int) -> dict[str, Any] | None:
        """The child's spec in the child, None in the template."""
        ending = namespaces.Ending() if self.root else None
        try:
            pid = self.root.fork() if self.root else os.fork()
        except OSError as error:
            os.close(output)
            self.send({"error": str(error), "id": number})
            return None
        if pid == 0:
            self.become(spec, number, output, ending)
            return spec
        os.close(output)
        self.environments[pid] = number
        if ending:
            self.endings[pid] = ending
        self.send({"pid": pid, "id": number})
        return None

    def become(
        self, spec: dict[str, Any], number: int, output: int, ending: namespaces.Ending | None
    ) -> None:
        """In the child: an environment of its own, confined. What fails here is in its log."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.umask(0o022)
        for fd in (1, 2):
            os.dup2(output, fd)
        os.dup2(output, LOG_FD, inheritable=False)
        orphans.mark(number)
        if self.root:
            self.root.enter(spec, number)
        kernel.process_control(kernel.PR_SET_DUMPABLE, 1)  # else /proc/self is root's, once the user changed
        kernel.process_control(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # likewise forgotten then
        if self.self_fd >= 0 and select.select([self.self_fd], [], [], 0)[0]:
            os._exit(1)  # the template died before that
        os.closerange(LOG_FD + 1, 1024)  # the template's few
        confine.confine(self.mode, spec, self.libraries, self.home)
        if ending:
            pid = os.fork()
            if pid:
                os.closerange(1, LOG_FD + 1)
                ending.wait_for(pid)
            os.setsid()

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
                ending = self.endings.pop(pid, None)
                ended.append((pid, ending.status(status) if ending else status))
        for pid, _ in ended:
            kill_group(pid)
        if ended:
            self.sweep()
        for pid, status in ended:
            self.send({"exit": pid, "status": status})

    def sweep(self) -> None:
        living = self.environments.values()
        orphans.sweep(lambda pid: pid not in self.environments and orphans.mark_of(pid) not in living)

    def end(self) -> NoReturn:
        """The server is gone, or wants this process gone."""
        for pid in self.environments:
            kill_group(pid)
            os.kill(pid, signal.SIGKILL)
        self.environments.clear()
        self.sweep()
        os._exit(0)


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


def main(control_fd: int, libraries: str, mode: str, home: str) -> None:
    kernel.process_control(kernel.PR_SET_CHILD_SUBREAPER, 1)
    template = Template(socket.socket(fileno=control_fd), mode, libraries, home)
    if not home:
        preload(namespaces.RUNTIME_DIR if template.root else libraries)
    gc.collect()
    gc.freeze()
    start(template.run(), in_namespaces=template.root is not None)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
    handle_invocations()
