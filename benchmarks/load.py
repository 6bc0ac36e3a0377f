"""As many requests a second as a server answers, from a process of its own, on another CPU if there is one.

`python -m benchmarks.load PORT CONNECTIONS SECONDS` sends what it reads from its standard input, again and
again. It keeps up with wrk and takes half as much CPU for a request as the limit: it waits for the server.
"""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import cast

import httptools
import msgspec
import uvloop

from benchmarks.servers import CLIENT_CPU, HOST, ROOT, BenchmarkError, Server, pinned_to


class Load(msgspec.Struct, frozen=True):
    """What came of it. errors: answers that were not a success, and broken connections."""

    requests: int
    duration_s: float
    errors: int
    p50_ms: float
    p99_ms: float


def post(server: Server, operation: str, body: bytes, *, connections: int, seconds: int) -> Load:
    """The same signed SQS request over and over. Raises BenchmarkError if a single one failed."""
    headers = server.signed_headers(operation, body)
    command = [sys.executable, "-m", "benchmarks.load", str(server.port), str(connections), str(seconds)]
    run = subprocess.run(
        [*pinned_to(CLIENT_CPU), *command],
        cwd=ROOT,
        check=False,
        capture_output=True,
        input=_wire(headers, body),
    )
    if run.returncode != 0:
        raise BenchmarkError(f"the load generator failed: {run.stderr.decode(errors='replace')[-500:]}")
    load = msgspec.json.decode(run.stdout.splitlines()[-1], type=Load)
    if load.errors or not load.requests:
        raise BenchmarkError(f"{server.contender.name}: {load.errors} of {load.requests} requests failed")
    return load


def _wire(headers: Mapping[str, str], body: bytes) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST / HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def percentile(samples: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest sample that `percent` % of all do not exceed; of no samples, 0."""
    if not samples:
        return 0.0
    return sorted(samples)[max(0, math.ceil(len(samples) * percent / 100) - 1)]


class _Client(asyncio.Protocol):
    """One connection: the next request as soon as the last one is answered."""

    def __init__(self, request: bytes, latencies_s: list[float]) -> None:
        self._request = request
        self._latencies_s = latencies_s
        self.errors = 0
        self.closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self._parser = httptools.HttpResponseParser(self)
        self._send()

    def _send(self) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._latencies_s.append(time.perf_counter() - self._sent_s)
        if self._parser.get_status_code() != 200:
            self.errors += 1
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closing:
            self.errors += 1

    def close(self) -> None:
        self.closing = True
        self._transport.close()


async def generate(port: int, request: bytes, connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    latencies_s: list[float] = []
    started_s = time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: _Client(request, latencies_s), HOST, port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    duration_s = time.perf_counter() - started_s
    for client in clients:
        client.close()
    return Load(
        len(latencies_s),
        duration_s,
        sum(client.errors for client in clients),
        percentile(latencies_s, 50) * 1e3,
        percentile(latencies_s, 99) * 1e3,
    )


def main() -> None:
    port, connections, seconds = (int(argument) for argument in sys.argv[1:])
    load = uvloop.run(generate(port, sys.stdin.buffer.read(), connections, seconds))
    sys.stdout.write(json.dumps(msgspec.to_builtins(load)) + "\n")


if __name__ == "__main__":
    main()
