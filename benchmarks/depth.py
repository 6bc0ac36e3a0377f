"""What depth costs: the same requests on a queue where 1,000 messages wait, and on one where 1,000,000 do.

Both servers run at once and are asked in turn, so that what else the machine does meets both alike.
"""

from __future__ import annotations

import asyncio
import functools
import http.client
import itertools
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.contenders import HOST, NORIA, BenchmarkError
from benchmarks.processes import pss_mb
from benchmarks.queues import cpu_s
from benchmarks.servers import REGION, Server, running
from noria.clock import SystemClock
from noria.config import DEFAULT_ACCOUNT
from noria.services.sqs.queue import QueueRecord, Queues, new_messages_id
from noria.store.messages import NewMessage
from noria.store.sqlite.store import SqliteStore

SHALLOW = 1_000
BODY = "x" * 200
BATCH = 10
FILLED_AT_ONCE = 2_000
TURNS = 20  # of the two servers
REQUESTS = 20  # a turn, of each kind
WARM_UP_TURNS = 2
STANDARD, ONE_GROUP, MANY_GROUPS, BLOCKED = "standard", "one_group", "many_groups", "blocked"
MANY = 100_000
# By case: the message group of the number-th of so many messages.
GROUPS: dict[str, Callable[[int, int], str | None]] = {
    STANDARD: lambda _number, _depth: None,
    ONE_GROUP: lambda _number, _depth: "0",
    MANY_GROUPS: lambda number, _depth: str(number % MANY),
    BLOCKED: lambda number, depth: "front" if number < depth // 2 else str(number % MANY),
}

Figures = dict[str, float]
Samples = dict[str, list[float]]


def measure(depth: int) -> Figures:
    """Of each case how many times as long the deep queue's answers take, and what such a server needs."""
    figures: Figures = {}
    for case in GROUPS:
        with (
            running(NORIA, pinned=True, prepare=functools.partial(fill, case, SHALLOW)) as shallow,
            running(NORIA, pinned=True, prepare=functools.partial(fill, case, depth)) as deep,
        ):
            clients = [_Client(shallow, case, SHALLOW), _Client(deep, case, depth)]
            samples: list[Samples] = [{}, {}]
            cpu: list[float] = [0.0, 0.0]
            for turn in range(WARM_UP_TURNS + TURNS):
                for number, (client, found) in enumerate(zip(clients, samples, strict=True)):
                    before_s = cpu_s(client.server.process.pid)
                    for kind, took_s in itertools.islice(client.requests(), 3 * REQUESTS):
                        if turn >= WARM_UP_TURNS:
                            found.setdefault(kind, []).append(took_s)
                    if turn >= WARM_UP_TURNS:
                        cpu[number] += cpu_s(client.server.process.pid) - before_s
            for kind, deep_s in samples[1].items():
                figures[f"{case}_{kind}"] = _middle(deep_s) / _middle(samples[0][kind])
            figures[f"{case}_cpu"] = cpu[1] / cpu[0]
            figures["deep_start"] = max(deep.ready_s, figures.get("deep_start", 0))
            figures["deep_memory"] = max(pss_mb(deep.process.pid), figures.get("deep_memory", 0))
    return figures


def _middle(samples: list[float]) -> float:
    """The mean without the slowest twentieth: what other processes made them wait for."""
    return mean(sorted(samples)[: len(samples) * 95 // 100])


def fill(case: str, depth: int, directory: Path) -> None:
    """A data directory whose queue holds so many messages."""
    asyncio.run(_fill(case, depth, directory / "noria.db"))


async def _fill(case: str, depth: int, path: Path) -> None:
    store = SqliteStore(path)
    await store.start()
    now_ms = SystemClock().now_ms()
    fifo = case != STANDARD
    record = QueueRecord(messages=new_messages_id(), created_ms=now_ms, modified_ms=now_ms, fifo=fifo)
    await Queues(store.records).create(DEFAULT_ACCOUNT, REGION, _name(case), record)
    for start in range(0, depth, FILLED_AT_ONCE):
        messages = [
            NewMessage(
                str(uuid.UUID(int=number)), BODY, None, DEFAULT_ACCOUNT, now_ms, GROUPS[case](number, depth),
                str(number) if fifo else "",
            )
            for number in range(start, min(depth, start + FILLED_AT_ONCE))
        ]  # fmt: skip
        if fifo:
            await store.fifo_messages.send_once(record.messages, messages, now_ms)
        else:
            await store.messages.send(record.messages, messages, now_ms, None)
    await store.close()


def _name(case: str) -> str:
    return "deep" if case == STANDARD else "deep.fifo"


class _Client:
    """One connection: receives, deletes what it received and sends as much again, for a constant depth."""

    def __init__(self, server: Server, case: str, depth: int) -> None:
        self.server = server
        self._url = f"{server.url}/{DEFAULT_ACCOUNT}/{_name(case)}"
        self._fifo = case != STANDARD
        self._group = GROUPS[case]
        self._depth = depth
        self._sent = depth
        self._connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
        if case == BLOCKED:
            self._ask("ReceiveMessage", MaxNumberOfMessages=1, VisibilityTimeout=43_200)

    def requests(self) -> Iterator[tuple[str, float]]:
        """What was asked, and how long its answer took."""
        while True:
            took_s, answer = self._ask("ReceiveMessage", MaxNumberOfMessages=BATCH)
            yield "receive", took_s
            messages = answer["Messages"]
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
            took_s, _ = self._ask("DeleteMessageBatch", Entries=entries)
            yield "delete", took_s
            took_s, _ = self._ask("GetQueueAttributes", AttributeNames=["All"])
            self._ask("SendMessageBatch", Entries=[self._entry(n) for n in range(len(messages))])
            yield "attributes", took_s

    def _entry(self, number: int) -> dict[str, Any]:
        entry: dict[str, Any] = {"Id": str(number), "MessageBody": BODY}
        if self._fifo:
            group = self._group(self._sent, self._depth)
            entry |= {"MessageGroupId": group, "MessageDeduplicationId": str(self._sent)}
        self._sent += 1
        return entry

    def _ask(self, operation: str, **members: Any) -> tuple[float, dict[str, Any]]:
        body = json.dumps({"QueueUrl": self._url, **members}).encode()
        headers = self.server.signed_headers(operation, body)
        started_s = time.perf_counter()
        self._connection.request("POST", "/", body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        took_s = time.perf_counter() - started_s
        document: dict[str, Any] = json.loads(answer or b"{}")
        if response.status != 200 or document.get("Failed"):
            raise BenchmarkError(f"{operation} on a deep queue: {answer!r}")
        return took_s, document
