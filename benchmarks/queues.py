"""SQS's hot path: sends, batches of them, and what consumers do, on shallow and deep queues."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from benchmarks.consumer import BATCH, consume
from benchmarks.contenders import LIMIT, MOTO
from benchmarks.load import Load, post
from benchmarks.processes import tree
from benchmarks.servers import Server
from benchmarks.triggers import fill

CONNECTIONS, FEW_CONNECTIONS = 64, 32
CONSUMERS = 2  # processes
BODY = "x" * 200
WARM_UP_S = 1
SHALLOW, DEEP = 5_000, 100_000  # messages that wait, at most and at least
CONSUMED_DEEP = 20_000

Figures = dict[str, float]


def send(server: Server, seconds: int) -> Figures:
    """As fast as it goes, from few connections and from many, then at half that rate."""
    body = json.dumps({"QueueUrl": _queue_url(server), "MessageBody": BODY}).encode()
    few, _ = _post(server, "SendMessage", body, seconds, FEW_CONNECTIONS)
    done, cpu_us = _post(server, "SendMessage", body, seconds)
    figures = {
        "sends_of_few": few.requests / few.duration_s,
        "sends": done.requests / done.duration_s,
        "send_cpu": cpu_us,
        "send_p50": done.p50_ms,
        "send_p99": done.p99_ms,
    }
    half = int(figures["sends"] / 2)
    calm = post(server, "SendMessage", body, connections=CONNECTIONS, seconds=seconds, rate=half)
    return figures | {"half_p99": calm.p99_ms}


def send_batch(server: Server, seconds: int) -> Figures:
    done, cpu_us = _post(server, "SendMessageBatch", _batch(_queue_url(server)), seconds)
    return {"batch_sends": BATCH * done.requests / done.duration_s, "batch_cpu": cpu_us / BATCH}


def receive(server: Server, seconds: int) -> Figures:
    """A queue that is filled and emptied, again and again; the emptying is what is measured."""
    queue_url = _queue_url(server)
    messages, took_s, spent_s, cpu = 0, 0.0, 0.0, 0.0
    while took_s < seconds and spent_s < 3 * seconds:
        began_s = time.perf_counter()
        filled = fill(server, queue_url, SHALLOW // 10 if server.contender is MOTO else SHALLOW, BODY)
        before_s = cpu_s(server.process.pid)
        done = consume(
            server, queue_url,
            messages=filled, seconds=seconds, connections=CONNECTIONS, processes=CONSUMERS,
        )  # fmt: skip
        cpu += cpu_s(server.process.pid) - before_s
        messages += done.messages
        took_s += done.ended_s - done.began_s
        spent_s += time.perf_counter() - began_s
    return {"consumed": messages / took_s, "consumed_cpu": cpu * 1e6 / messages}


def receive_deep(server: Server, seconds: int) -> Figures:
    queue_url = _queue_url(server)
    fill(server, queue_url, DEEP + CONSUMED_DEEP, BODY)
    done = consume(
        server, queue_url,
        messages=CONSUMED_DEEP, seconds=seconds, connections=CONNECTIONS, processes=CONSUMERS,
    )  # fmt: skip
    return {"consumed_deep": done.messages / (done.ended_s - done.began_s)}


def _batch(queue_url: str) -> bytes:
    entries = [{"Id": str(number), "MessageBody": BODY} for number in range(BATCH)]
    return json.dumps({"QueueUrl": queue_url, "Entries": entries}).encode()


def cpu_s(pid: int) -> float:
    """What a process and all below it have used so far, in user space and in the kernel."""
    ticks = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _queue_url(server: Server) -> str:
    if server.contender is LIMIT:
        return f"{server.url}/"
    url: str = server.client("sqs").create_queue(QueueName="benchmark")["QueueUrl"]
    return url


def _post(
    server: Server, operation: str, body: bytes, seconds: int, connections: int = CONNECTIONS
) -> tuple[Load, float]:
    """What came of it, and the server's CPU time for a request in µs."""
    post(server, operation, body, connections=1, seconds=WARM_UP_S)
    before_s = cpu_s(server.process.pid)
    done = post(server, operation, body, connections=connections, seconds=seconds)
    return done, (cpu_s(server.process.pid) - before_s) * 1e6 / done.requests
