"""As many requests a second as a server answers, from a process of its own, on another CPU if there is one.

`python -m benchmarks.load PORT CONNECTIONS SECONDS RATE` sends what it reads from its standard input, again
and again. It keeps up with wrk and takes half as much CPU for a request as the limit: it waits for the
server. With a RATE (0: none) it sends so many a second, whatever the server takes for them.
"""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

import msgspec
import uvloop

from benchmarks.connection import Connection
from benchmarks.contenders import BenchmarkError
from benchmarks.servers import CLIENT_CPU, ROOT, Server, pinned_to


class Load(msgspec.Struct, frozen=True):
    """What came of it. errors: answers that were not a success, and broken connections."""

    requests: int
    duration_s: float
    errors: int
    p50_ms: float
    p99_ms: float


def post(
    server: Server, operation: str, body: bytes, *, connections: int, seconds: int, rate: int = 0
) -> Load:
    """The same signed SQS request over and over. Raises BenchmarkError if a single one failed."""
    headers = server.signed_headers(operation, body)
    return _load(server, "/", headers, body, connections, seconds, rate)


def post_to(server: Server, service: str, path: str, body: bytes, *, connections: int, seconds: int) -> Load:
    """Likewise a request of a service that goes by paths."""
    headers = server.signed(service, path, body, {"Content-Type": "application/json"})
    return _load(server, path, headers, body, connections, seconds, 0)


def _load(
    server: Server,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    connections: int,
    seconds: int,
    rate: int,
) -> Load:
    arguments = [str(number) for number in (server.port, connections, seconds, rate)]
    command = [sys.executable, "-m", "benchmarks.load", *arguments]
    run = subprocess.run(
        [*pinned_to(CLIENT_CPU), *command],
        cwd=ROOT,
        check=False,
        capture_output=True,
        input=wire(path, headers, body),
    )
    if run.returncode != 0:
        raise BenchmarkError(f"the load generator failed: {run.stderr.decode(errors='replace')[-500:]}")
    load = msgspec.json.decode(run.stdout.splitlines()[-1], type=Load)
    if load.errors or not load.requests:
        raise BenchmarkError(f"{server.contender.name}: {load.errors} of {load.requests} requests failed")
    return load


def wire(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def percentile(samples: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest sample that `percent` % of all do not exceed; of no samples, 0."""
    if not samples:
        return 0.0
    return sorted(samples)[max(0, math.ceil(len(samples) * percent / 100) - 1)]


class _Client(Connection):
    """The next request as soon as the last one is answered, or, with an interval, when it is due.

    A request that is late because the one before it was not answered has been waiting since it was due.
    """

    def __init__(
        self, port: int, request: bytes, latencies_s: list[float], interval_s: float, delay_s: float
    ) -> None:
        super().__init__(port)
        self._request = request
        self._latencies_s = latencies_s
        self._interval_s = interval_s
        self._due_s = time.perf_counter() + delay_s
        self.errors = 0

    def next(self) -> None:
        now_s = time.perf_counter()
        if not self._interval_s:
            self._send(now_s)
        elif self._due_s <= now_s:
            self._send(self._due_s)
        else:
            asyncio.get_running_loop().call_later(self._due_s - now_s, self._on_time)

    def _on_time(self) -> None:
        self._send(time.perf_counter())  # what the timer is late is not the server's doing

    def _send(self, since_s: float) -> None:
        if not self._closing:
            self._sent_s = since_s
            self._due_s += self._interval_s
            self.send(self._request)

    def answered(self, status: int, body: bytes) -> None:
        self._latencies_s.append(time.perf_counter() - self._sent_s)
        if status != 200:
            self.errors += 1
        self.next()

    def lost(self, why: str) -> None:
        self.errors += 1


async def generate(port: int, request: bytes, connections: int, seconds: float, rate: float = 0) -> Load:
    interval_s = connections / rate if rate else 0.0
    latencies_s: list[float] = []
    clients = [
        _Client(port, request, latencies_s, interval_s, interval_s * number / connections)
        for number in range(connections)
    ]
    for client in clients:
        await client.open()
    started_s = time.perf_counter()
    for client in clients:
        client.next()
    await asyncio.sleep(seconds)
    duration_s = time.perf_counter() - started_s
    for client in clients:
        await client.close()
    return Load(
        len(latencies_s),
        duration_s,
        sum(client.errors for client in clients),
        percentile(latencies_s, 50) * 1e3,
        percentile(latencies_s, 99) * 1e3,
    )


def main() -> None:
    port, connections, seconds, rate = (int(argument) for argument in sys.argv[1:])
    load = uvloop.run(generate(port, sys.stdin.buffer.read(), connections, seconds, rate))
    sys.stdout.write(json.dumps(msgspec.to_builtins(load)) + "\n")


if __name__ == "__main__":
    main()
