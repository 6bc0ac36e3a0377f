"""Clients that work against a server that dies, and keep book of what they were told."""

from __future__ import annotations

import contextlib
import json
import random
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ConnectionError as NotConnected
from botocore.exceptions import HTTPClientError

# Its own child process, in a session of its own, must not outlive the server either.
CONSUMER = """
import json, os, socket, subprocess

subprocess.Popen(["sleep", "600"], start_new_session=True)
RECORDER = ("127.0.0.1", int(os.environ["RECORDER_PORT"]))

def handler(event, context):
    bodies = [record["body"] for record in event["Records"]]
    with socket.create_connection(RECORDER) as recorder:
        recorder.sendall(json.dumps(bodies).encode() + b"\\n")
        recorder.recv(1)
"""


def seeded() -> random.Random:
    """The moments of the kills; pytest shows the seed of a test that fails."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    return random.Random(seed)


class Recorder(socketserver.ThreadingTCPServer):
    """Where the consumer function says what it was given: outside of the server that is killed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.bodies: set[str] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Recording(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Recorder)
        with contextlib.suppress(ConnectionError):  # killed between what it said and our answer
            for line in self.rfile:
                self.server.bodies.update(json.loads(line))
                self.wfile.write(b"\n")


class Ledger:
    """Of one queue. A body is in `sent` and in `deleted` only if the server acknowledged that.

    tried: bodies that a send may have left in the queue. delete_tried: those that may be gone from it.
    deleted: when the delete was acknowledged. broken: promises that were seen broken.
    """

    def __init__(self) -> None:
        self.tried: set[str] = set()
        self.sent: set[str] = set()
        self.received: set[str] = set()
        self.delete_tried: set[str] = set()
        self.deleted: dict[str, float] = {}
        self.broken: list[str] = []

    def receive(self, body: str, asked_s: float) -> None:
        """asked_s: when the receive was sent."""
        self.received.add(body)
        if body not in self.tried:
            self.broken.append(f"{body!r} was never sent")
        if asked_s > self.deleted.get(body, float("inf")):
            self.broken.append(f"{body} came back after its delete was acknowledged")


class Load:
    """Threads that call the server until `stop`; between its lives they wait for it to come back."""

    def __init__(self) -> None:
        self.interrupted = 0  # requests that a kill cut off
        self.failures: list[str] = []  # answers that must not be: the server may die, but not err
        self._up = threading.Event()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._up.set()

    def server_is_up(self, up: bool) -> None:
        if up:
            self._up.set()
        else:
            self._up.clear()

    def run(self, step: Callable[[int], None]) -> None:
        """Call `step` with 0, 1, 2, … in a thread of its own."""

        def work() -> None:
            number = 0
            while not self._stopping.is_set():
                self._up.wait()
                try:
                    step(number)
                except (HTTPClientError, NotConnected):
                    self.interrupted += 1
                    time.sleep(0.005)  # it died a moment before it is said to be down
                except Exception as error:  # a thread's error must fail the test
                    self.failures.append(repr(error))
                    return
                number += 1

        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._up.set()
        for thread in self._threads:
            thread.join()


def sender(sqs: Any, url: str, ledger: Ledger, name: str) -> Callable[[int], None]:
    """Sends a message, or five at once, each time."""

    def step(number: int) -> None:
        if number % 2:
            body = f"{name}-{number}"
            ledger.tried.add(body)
            sqs.send_message(QueueUrl=url, MessageBody=body)
            ledger.sent.add(body)
            return
        bodies = [f"{name}-{number}.{entry}" for entry in range(5)]
        ledger.tried.update(bodies)
        entries = [{"Id": str(entry), "MessageBody": body} for entry, body in enumerate(bodies)]
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert "Failed" not in answer, answer
        ledger.sent.update(bodies)

    return step


def receiver(sqs: Any, url: str, ledger: Ledger, visibility_s: float) -> Callable[[int], None]:
    """Receives up to ten messages and deletes all but every seventh, one by one or at once."""

    def step(number: int) -> None:
        asked_s = time.monotonic()
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = answer.get("Messages", [])
        for message in messages:
            ledger.receive(message["Body"], asked_s)
        batch = messages[number % 7 == 0 :]
        bodies = [message["Body"] for message in batch]
        if not batch:
            return
        ledger.delete_tried.update(bodies)
        if number % 2:
            for message in batch:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        else:
            entries = [
                {"Id": str(entry), "ReceiptHandle": message["ReceiptHandle"]}
                for entry, message in enumerate(batch)
            ]
            answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
            assert "Failed" not in answer, answer
        now_s = time.monotonic()
        if now_s - asked_s < visibility_s:  # else others may have received it, and this receipt is outdated
            ledger.deleted.update(dict.fromkeys(bodies, now_s))

    return step


def drain(sqs: Any, url: str, ledger: Ledger, quiet_s: float) -> set[str]:
    """Every body that is left in the queue. quiet_s: how long nothing more must come."""
    left: set[str] = set()
    quiet_since_s = time.monotonic()
    while time.monotonic() - quiet_since_s < quiet_s:
        asked_s = time.monotonic()
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, VisibilityTimeout=600
        )
        for message in answer.get("Messages", []):
            ledger.receive(message["Body"], asked_s)
            left.add(message["Body"])
            quiet_since_s = time.monotonic()
    return left
