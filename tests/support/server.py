"""A real server in a process of its own, as tests and benchmarks start, kill and restart it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from noria.auth.credentials import RootCredentials, load_root_credentials
from noria.data_dir import RunningServer, running_server

READY_WITHIN_S = 20.0  # it takes under half a second; test machines stall
STOPPED_WITHIN_S = 30.0
POLL_S = 0.005
OFFLINE = {"PIP_NO_INDEX": "1"}  # a runtime's libraries that are not there are not downloaded by tests


class ServerError(Exception):
    """The server did not start or end as it should; the text holds what it wrote."""


class Keys(NamedTuple):
    """What a client signs with."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


class ServerProcess:
    """`noria up` on a data directory. Restarted, it comes back on the port it had.

    options: further words of the command line, e.g. ``("--auth", "permissive")``.
    """

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir = data_dir
        self.port = 0
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[Any] = []
        self._output = data_dir.parent / f"{data_dir.name}.output"

    def start(self) -> ServerProcess:
        """Returns once it is ready. Raises ServerError."""
        command = [sys.executable, "-m", "noria.cli", "up", "--port", str(self.port)]
        command += ["--data-dir", str(self.data_dir), *self._options]
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NORIA_"))
        } | OFFLINE
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=inherited
            )
        self.port = int(self._wait_ready(self._process).url.rpartition(":")[2])
        return self

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> RunningServer:
        deadline_s = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline_s:
            server = running_server(self.data_dir)
            if server is not None and server.pid == process.pid:
                return server
            if process.poll() is not None:
                raise ServerError(f"exit code {process.returncode}: {self.output()}")
            time.sleep(POLL_S)
        self.kill()
        raise ServerError(f"not ready: {self.output()}")

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def root(self) -> RootCredentials:
        credentials = load_root_credentials(self.data_dir)
        assert credentials is not None, "the server has made no root credentials"
        return credentials

    def output(self) -> str:
        """All that it has written to stdout and stderr, its earlier lives included."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def client(
        self,
        service: str,
        keys: Keys | None = None,
        *,
        region: str = "us-east-1",
        timeout_s: float = 60.0,
    ) -> Any:
        """A boto3 client without retries, as root unless `keys` say otherwise."""
        keys = keys or Keys(self.root.access_key_id, self.root.secret_access_key)
        client = boto3.session.Session(*keys, region_name=region).client(
            service,
            endpoint_url=self.url,
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=timeout_s,
                read_timeout=timeout_s,
                max_pool_connections=32,
                proxies={},
                inject_host_prefix=False,  # of stream-127.0.0.1
            ),
        )
        self._clients.append(client)
        return client

    def kill(self) -> None:
        """SIGKILL: it cannot tidy up."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise ServerError(f"did not stop: {self.output()}") from error
        self._process = None
        return code

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server is not running"
        return self._process

    def __enter__(self) -> ServerProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        if self._process is None:
            return
        if kind is None:
            self.stop()
        else:
            self.kill()


def descendants(pid: int) -> set[int]:
    """The processes below `pid`, at any depth. Linux only."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found: set[int] = set()
    pending = [pid]
    while pending:
        below = children.get(pending.pop(), [])
        found.update(below)
        pending.extend(below)
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run; a zombie has ended."""
    running = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                running.add(pid)
    return running


def wait_gone(pids: set[int], within_s: float = 5.0) -> set[int]:
    """Wait until none of `pids` runs; those that still do after `within_s`."""
    deadline_s = time.monotonic() + within_s
    while (left := alive(pids)) and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
    return left
