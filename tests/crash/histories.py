"""What clients were told of a queue with dead letters and of a FIFO queue, held against the rules."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

MAX_RECEIVES = 3
GROUPS = 5


class StandardHistory:
    """Bodies whose name begins with "poison" are never deleted: they become dead letters.

    tried: bodies that a send may have left in the queue, and the time before which none may see them.
    broken: rules that were seen broken.
    """

    def __init__(self) -> None:
        self.tried: dict[str, float] = {}
        self.sent: set[str] = set()
        self.delete_tried: set[str] = set()
        self.deleted: dict[str, float] = {}
        self.broken: list[str] = []
        self._counts: dict[str, tuple[int, float]] = {}

    def received(self, message: dict[str, Any], asked_s: float) -> None:
        """asked_s: when the receive was sent."""
        body, count = message["Body"], int(message["Attributes"]["ApproximateReceiveCount"])
        now_s = time.monotonic()
        before, seen_s = self._counts.get(body, (0, 0.0))
        self._counts[body] = (count, now_s)
        if body not in self.tried:
            self.broken.append(f"{body!r} was never sent")
        elif now_s < self.tried[body]:
            self.broken.append(f"{body} came before its delay was over")
        if asked_s > self.deleted.get(body, float("inf")):
            self.broken.append(f"{body} came back after its delete was acknowledged")
        if asked_s > seen_s and count <= before:
            self.broken.append(f"{body}'s receive count was {before}, then {count}")
        if count > MAX_RECEIVES:
            self.broken.append(f"{body} was received {count} times and is no dead letter")

    def sender(self, sqs: Any, url: str, name: str) -> Callable[[int], None]:
        """Every fifth message is poison, every third is delayed by a second."""

        def step(number: int) -> None:
            kind = "poison" if number % 5 == 0 else "plain"
            body = f"{kind}-{name}-{number}"
            delay_s = 1 if number % 3 == 0 else 0
            self.tried[body] = time.monotonic() + delay_s
            sqs.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay_s)
            self.sent.add(body)

        return step

    def receiver(self, sqs: Any, url: str, visibility_s: float) -> Callable[[int], None]:
        """Deletes what is no poison; makes poison visible at once, or leaves it."""

        def step(number: int) -> None:
            asked_s = time.monotonic()
            messages = receive(sqs, url)
            for message in messages:
                self.received(message, asked_s)
            for message in messages:
                body, handle = message["Body"], message["ReceiptHandle"]
                if not body.startswith("poison"):
                    self.delete_tried.add(body)
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
                    if time.monotonic() - asked_s < visibility_s:  # else the receipt may be outdated
                        self.deleted[body] = time.monotonic()
                elif number % 2:
                    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)

        return step


class FifoHistory:
    """Message N of a group has the body "group:N". A sender tries each until it is acknowledged, as
    deduplication allows."""

    def __init__(self) -> None:
        self.sent = dict.fromkeys(map(str, range(GROUPS)), 0)  # by group, how many were acknowledged
        self.delete_tried: set[str] = set()
        self.deleted: dict[str, float] = {}
        self.broken: list[str] = []
        self._lock = threading.Lock()

    def received(self, messages: list[dict[str, Any]], asked_s: float) -> None:
        """Each one's predecessors are deleted, or before it in the same answer."""
        with self._lock:
            gone = set(self.delete_tried)
            for message in messages:
                body = message["Body"]
                group, number = body.split(":")
                missing = [n for n in range(int(number)) if f"{group}:{n}" not in gone]
                if missing:
                    self.broken.append(f"{body} came before {group}:{missing[0]}")
                if asked_s > self.deleted.get(body, float("inf")):
                    self.broken.append(f"{body} came back after its delete was acknowledged")
                gone.add(body)

    def sender(self, sqs: Any, url: str) -> Callable[[int], None]:
        def step(number: int) -> None:
            group = str(number % GROUPS)
            first = self.sent[group]
            entries = [
                {"Id": str(n), "MessageBody": f"{group}:{n}", "MessageGroupId": group}
                for n in range(first, first + 1 + number % 3)
            ]
            answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
            assert "Failed" not in answer, answer
            self.sent[group] += len(entries)

        return step

    def receiver(self, sqs: Any, url: str) -> Callable[[int], None]:
        """Deletes what it received, every fifth time only the first of it."""

        def step(number: int) -> None:
            asked_s = time.monotonic()
            messages = receive(sqs, url)
            self.received(messages, asked_s)
            for message in messages[: 1 if number % 5 == 0 else 10]:
                self.delete(sqs, url, message)

        return step

    def delete(self, sqs: Any, url: str, message: dict[str, Any]) -> None:
        self.delete_tried.add(message["Body"])
        try:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        except ClientError as error:
            if "expired" not in str(error):
                raise  # visible again while the server was away: another receive has it, or will
        else:
            self.deleted[message["Body"]] = time.monotonic()


def mover(sqs: Any, dead_arn: str, destination_arn: str) -> Callable[[int], None]:
    """Starts move tasks, some of them slow, and cancels some."""

    def step(number: int) -> None:
        time.sleep(0.05)
        tasks = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
        try:
            if tasks and tasks[0]["Status"] == "RUNNING":
                if number % 10 == 0:
                    sqs.cancel_message_move_task(TaskHandle=tasks[0]["TaskHandle"])
            else:
                limit = {"MaxNumberOfMessagesPerSecond": 20} if number % 2 else {}
                sqs.start_message_move_task(SourceArn=dead_arn, DestinationArn=destination_arn, **limit)
        except sqs.exceptions.ResourceNotFoundException:
            pass  # it ended before it could be cancelled

    return step


def receive(sqs: Any, url: str, **options: Any) -> list[dict[str, Any]]:
    options = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "AttributeNames": ["All"]} | options
    messages: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, **options).get("Messages", [])
    return messages
