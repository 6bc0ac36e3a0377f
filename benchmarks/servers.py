"""A contender's server: started, found ready, addressed and stopped."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from benchmarks.contenders import EPHEMERAL, HOST, NORIA, BenchmarkError, Contender
from noria.auth.credentials import load_root_credentials
from noria.config import cache_dir
from noria.data_dir import running_server

REGION = "us-east-1"
ROOT = Path(__file__).parent.parent
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
POLL_S = 0.001
SERVER_CPU, CLIENT_CPU = 0, 1  # of those that this process may use; both are there, or neither is pinned

# The environments that must not reach a server or a client: keys, endpoints and settings of the user's own.
OWN_PREFIXES = ("AWS_", "NORIA_")


class Server:
    """A contender that is ready. spawned_s: `time.perf_counter` at its start; ready_s: from there."""

    def __init__(
        self,
        contender: Contender,
        process: subprocess.Popen[bytes],
        port: int,
        directory: Path,
        spawned_s: float,
    ) -> None:
        self.contender = contender
        self.process = process
        self.port = port
        self.directory = directory
        self.url = f"http://{HOST}:{port}"
        self.spawned_s = spawned_s
        self.ready_s = time.perf_counter() - spawned_s
        self.credentials = _credentials(contender, directory)

    def client(self, service: str) -> Any:
        """boto3's, as it comes, but without retries: a failure must show."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=self.credentials.access_key,
            aws_secret_access_key=self.credentials.secret_key,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def signed_headers(self, operation: str, body: bytes) -> dict[str, str]:
        """Of an SQS request (JSON protocol), signed now: good for five minutes."""
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}"}
        return self.signed("sqs", "/", body, headers)

    def signed(self, service: str, path: str, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """The headers of a POST."""
        request = AWSRequest("POST", self.url + path, data=body, headers=headers)
        SigV4Auth(self.credentials, service, REGION).add_auth(request)
        return {**dict(request.headers.items()), "Host": f"{HOST}:{self.port}"}

    def post(self, operation: str, body: bytes) -> None:
        """One SQS request without boto3's start-up time."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=START_TIMEOUT_S)
        with contextlib.closing(connection):
            connection.request("POST", "/", body, self.signed_headers(operation, body))
            response = connection.getresponse()
            answer = response.read()
        if response.status != 200:
            raise BenchmarkError(
                f"{self.contender.name} refused {operation}: {answer.decode(errors='replace')}"
            )


def _credentials(contender: Contender, directory: Path) -> Credentials:
    if contender not in (NORIA, EPHEMERAL):
        return Credentials("test", "test")
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while (server := running_server(directory)) is None:  # an ephemeral one leaves word once it is ready
        if time.monotonic() > deadline_s:
            raise BenchmarkError(f"no Noria server leaves word in {directory}")
        time.sleep(POLL_S)
    root = load_root_credentials(Path(server.data_dir))
    assert root is not None
    return Credentials(root.access_key_id, root.secret_access_key)


def work_dir() -> Path:
    """On a disk, as a user's data is: /tmp may be memory, where syncing costs nothing."""
    path = cache_dir() / "benchmarks" / "work"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def running(
    contender: Contender, *, pinned: bool = False, prepare: Callable[[Path], None] = lambda _directory: None
) -> Iterator[Server]:
    """The contender, freshly started on nothing, or on what `prepare` makes in its directory.

    pinned: to one CPU, where the machine has a second one.
    """
    with tempfile.TemporaryDirectory(dir=work_dir(), ignore_cleanup_errors=True) as scratch:
        port = _free_port()
        data = Path(scratch, "data")
        data.mkdir()
        prepare(data)
        command = contender.command(port, data)
        if pinned:
            command = [*pinned_to(SERVER_CPU), *command]
        output = Path(scratch, "output")
        with output.open("wb") as stream:
            spawned_s = time.perf_counter()
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=_environment() | {"TMPDIR": scratch} | contender.environment(port),
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_until_ready(contender, process, port, spawned_s, output)
            yield Server(contender, process, port, data, spawned_s)
        finally:
            _stop(process)


def pinned_to(cpu: int) -> list[str]:
    """The command before a command that keeps it on one CPU; nothing where it cannot be done."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2 or shutil.which("taskset") is None:
        return []
    return ["taskset", "--cpu-list", str(cpus[cpu])]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN_PREFIXES)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(
    contender: Contender, process: subprocess.Popen[bytes], port: int, spawned_s: float, output: Path
) -> None:
    while not _is_healthy(contender, port):
        if process.poll() is not None or time.perf_counter() - spawned_s > START_TIMEOUT_S:
            said = output.read_text(errors="replace")[-2000:]
            raise BenchmarkError(f"{contender.name} does not start; it said:\n{said}")
        time.sleep(POLL_S)


def _is_healthy(contender: Contender, port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", contender.health)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
