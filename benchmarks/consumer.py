"""ReceiveMessage(10) and DeleteMessageBatch over and over, each request signed, from processes of their own.

`python -m benchmarks.consumer` reads a Job from its standard input, connects, says that it is ready, and
begins when it is told to. A pair of requests costs it 75 µs: together such processes wait for the server.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import subprocess
import sys
import time
from collections.abc import Callable

import msgspec
import uvloop

from benchmarks.connection import Connection
from benchmarks.contenders import HOST, BenchmarkError
from benchmarks.servers import CLIENT_CPU, REGION, ROOT, Server, pinned_to

BATCH = 10
TARGET = b"AmazonSQS."


class Job(msgspec.Struct, frozen=True):
    """messages: after which it is enough. seconds: after which it is, too."""

    port: int
    queue_url: str
    access_key: str
    secret_key: str
    connections: int
    messages: int
    seconds: float


class Consumed(msgspec.Struct, frozen=True):
    """messages: received and deleted. Times are the system's monotonic ones, the same in every process."""

    messages: int
    began_s: float
    ended_s: float
    error: str = ""


class _Message(msgspec.Struct, rename="pascal"):
    receipt_handle: str


class _Received(msgspec.Struct, rename="pascal"):
    messages: list[_Message] | None = None


class _Deleted(msgspec.Struct, rename="pascal"):
    successful: list[msgspec.Raw] = []
    failed: list[msgspec.Raw] | None = None


def consume(
    server: Server, queue_url: str, *, messages: int, seconds: float, connections: int, processes: int
) -> Consumed:
    """Raises BenchmarkError if a single request failed, or nothing was there to be consumed."""
    job = Job(
        server.port, queue_url, server.credentials.access_key, server.credentials.secret_key,
        connections // processes, messages // processes, seconds,
    )  # fmt: skip
    running = [_spawn(job) for _ in range(processes)]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    parts = [msgspec.json.decode(process.communicate()[0], type=Consumed) for process in running]
    whole = Consumed(
        sum(part.messages for part in parts),
        min(part.began_s for part in parts),
        max(part.ended_s for part in parts),
        next((part.error for part in parts if part.error), ""),
    )
    if whole.error or not whole.messages:
        raise BenchmarkError(f"{server.contender.name}: {whole.messages} consumed; {whole.error}")
    return whole


def _spawn(job: Job) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [*pinned_to(CLIENT_CPU), sys.executable, "-m", "benchmarks.consumer"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(job) + b"\n")
    process.stdin.flush()
    return process


def signer(job: Job, operation: str, at: time.struct_time) -> Callable[[bytes], bytes]:
    """Makes requests of bodies, all signed with one time: what does not change is hashed once."""
    date, amz_date = time.strftime("%Y%m%d", at).encode(), time.strftime("%Y%m%dT%H%M%SZ", at).encode()
    host = f"{HOST}:{job.port}".encode()
    scope = b"/".join([date, REGION.encode(), b"sqs", b"aws4_request"])
    key = b"AWS4" + job.secret_key.encode()
    for part in scope.split(b"/"):
        key = hmac.digest(key, part, "sha256")
    target = TARGET + operation.encode()
    names = b"content-type;host;x-amz-date;x-amz-target"
    canonical = hashlib.sha256(
        b"POST\n/\n\ncontent-type:application/x-amz-json-1.0\nhost:" + host + b"\nx-amz-date:" + amz_date
        + b"\nx-amz-target:" + target + b"\n\n" + names + b"\n"
    )  # fmt: skip
    to_sign = b"AWS4-HMAC-SHA256\n" + amz_date + b"\n" + scope + b"\n"
    head = (
        b"POST / HTTP/1.1\r\nHost: " + host + b"\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Date: "
        + amz_date + b"\r\nX-Amz-Target: " + target + b"\r\nAuthorization: AWS4-HMAC-SHA256 Credential="
        + job.access_key.encode() + b"/" + scope + b", SignedHeaders=" + names + b", Signature="
    )  # fmt: skip

    def request(body: bytes) -> bytes:
        hashed = canonical.copy()
        hashed.update(hashlib.sha256(body).hexdigest().encode())
        signature = hmac.digest(key, to_sign + hashed.hexdigest().encode(), "sha256").hex()
        return b"%b%b\r\nContent-Length: %d\r\n\r\n%b" % (head, signature.encode(), len(body), body)

    return request


class Consumer:
    """What the connections of this process share."""

    def __init__(self, job: Job) -> None:
        now = time.gmtime()
        body = {"QueueUrl": job.queue_url, "MaxNumberOfMessages": BATCH}
        self.receive = signer(job, "ReceiveMessage", now)(msgspec.json.encode(body))
        self._sign_delete = signer(job, "DeleteMessageBatch", now)
        self._job = job
        self._remaining = job.messages  # that nobody is about to receive
        self.consumed = 0
        self.ended_s = self.deadline_s = time.perf_counter()
        self.error = ""

    def begin(self) -> None:
        self.deadline_s = time.perf_counter() + self._job.seconds

    def may_receive(self) -> bool:
        if self.error or self._remaining <= 0 or time.perf_counter() > self.deadline_s:
            return False
        self._remaining -= BATCH
        return True

    def delete(self, messages: list[_Message]) -> bytes:
        entries = [{"Id": str(n), "ReceiptHandle": m.receipt_handle} for n, m in enumerate(messages)]
        body = {"QueueUrl": self._job.queue_url, "Entries": entries}
        return self._sign_delete(msgspec.json.encode(body))

    def deleted(self, answer: _Deleted) -> None:
        if answer.failed:
            self.error = f"not deleted: {answer.failed[0]!r}"
        self.consumed += len(answer.successful)
        self.ended_s = time.perf_counter()


_received = msgspec.json.Decoder(_Received)
_deleted = msgspec.json.Decoder(_Deleted)


class _Client(Connection):
    """Receives and deletes in turn, until it is enough or nothing is left."""

    def __init__(self, port: int, consumer: Consumer) -> None:
        super().__init__(port)
        self._consumer = consumer
        self._deleting = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def receive(self) -> None:
        if self._consumer.may_receive():
            self.send(self._consumer.receive)
        else:
            self._end()

    def answered(self, status: int, body: bytes) -> None:
        if status != 200:
            self._consumer.error = body.decode(errors="replace")
            self._end()
        elif self._deleting:
            self._deleting = False
            self._consumer.deleted(_deleted.decode(body))
            self.receive()
        elif messages := _received.decode(body).messages:
            self._deleting = True
            self.send(self._consumer.delete(messages))
        else:
            self._end()

    def lost(self, why: str) -> None:
        self._consumer.error = f"the connection was lost: {why}"
        self._end()

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(job: Job, ready: Callable[[], None]) -> Consumed:
    consumer = Consumer(job)
    connections = [_Client(job.port, consumer) for _ in range(job.connections)]
    for connection in connections:
        await connection.open()
    ready()
    began_s = time.perf_counter()
    consumer.begin()
    for connection in connections:
        connection.receive()
    await asyncio.gather(*(connection.done for connection in connections))
    for connection in connections:
        await connection.close()
    return Consumed(consumer.consumed, began_s, consumer.ended_s, consumer.error)


def main() -> None:
    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.buffer.readline()

    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(job, ready))) + b"\n")


if __name__ == "__main__":
    main()
