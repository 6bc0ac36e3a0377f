"""What time costs: a thousand long polls on empty queues, and minutes of a steady load."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

from benchmarks.consumer import consume
from benchmarks.contenders import HOST, BenchmarkError
from benchmarks.load import post, wire
from benchmarks.processes import pss_mb
from benchmarks.queues import BODY, CONNECTIONS, cpu_s
from benchmarks.servers import Server

IDLE_QUEUES = 1_000
WAIT_S = 20
SETTLE_S = 1
WATCHED_S = 10  # less than a long poll waits
STEADY_RATE = 1_000  # messages a second
STEADY_MINUTES = 10

Figures = dict[str, float]


def idle_polls(server: Server) -> Figures:
    """CPU that a thousand queues cost on each of which a receive waits, in percent of one core."""
    sqs = server.client("sqs")
    requests = []
    for number in range(IDLE_QUEUES):
        queue_url = sqs.create_queue(QueueName=f"idle-{number}")["QueueUrl"]
        body = json.dumps({"QueueUrl": queue_url, "WaitTimeSeconds": WAIT_S}).encode()
        requests.append(wire("/", server.signed_headers("ReceiveMessage", body), body))
    with contextlib.ExitStack() as stack:
        began_s = time.monotonic()
        for request in requests:
            connection = stack.enter_context(socket.create_connection((HOST, server.port)))
            connection.sendall(request)
        time.sleep(SETTLE_S)
        if time.monotonic() - began_s > WAIT_S - WATCHED_S:
            raise BenchmarkError("the machine is too slow to begin a thousand long polls before one ends")
        before_s = cpu_s(server.process.pid)
        time.sleep(WATCHED_S)
        return {"idle_polls": 100 * (cpu_s(server.process.pid) - before_s) / WATCHED_S}


def steady(server: Server) -> Figures:
    """Memory at the end, less that after the first minute: sends and consumers at an even rate."""
    queue_url = server.client("sqs").create_queue(QueueName="steady")["QueueUrl"]
    body = json.dumps({"QueueUrl": queue_url, "MessageBody": BODY}).encode()
    stopping = threading.Event()

    def work() -> None:
        while not stopping.is_set():
            with contextlib.suppress(BenchmarkError):  # an empty queue
                consume(server, queue_url, messages=60_000, seconds=60, connections=4, processes=1)

    consumer = threading.Thread(target=work)
    consumer.start()
    memory_mb = []
    try:
        for _ in range(STEADY_MINUTES):
            post(server, "SendMessage", body, connections=CONNECTIONS, seconds=60, rate=STEADY_RATE)
            memory_mb.append(pss_mb(server.process.pid))
    finally:
        stopping.set()
        consumer.join()
    return {"steady_growth": memory_mb[-1] - memory_mb[0], "steady_memory": max(memory_mb)}
