"""The trigger under load: messages through a consumer, and mappings beside each other."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from typing import Any

from benchmarks.functions import create_function, create_role, create_trigger, wait_until
from benchmarks.servers import HOST, BenchmarkError, Server

BODY = "x" * 100
SENDERS = 16
BATCH = 10  # entries of a SendMessageBatch
LARGE = {"BatchSize": 1_000, "MaximumBatchingWindowInSeconds": 1}
IDLE_MAPPINGS = 49
COUNTED_WITHIN_S = 300


def throughput(server: Server, messages: int, **mapping: Any) -> float:
    """Messages a second, from the making of the mapping until the queue is empty. Every message was handled
    once, by the consumer's own count."""
    sqs, lambda_client = server.client("sqs"), server.client("lambda")
    create_function(lambda_client, "counter", "count", create_role(server))
    queue_url = sqs.create_queue(QueueName="benchmark")["QueueUrl"]
    messages = fill(server, queue_url, messages)
    started_s = time.perf_counter()
    create_trigger(server, lambda_client, queue_url, "counter", **mapping)
    took_s = _empty_s(sqs, queue_url) - started_s
    wait_until(lambda: counted(server, "counter") >= messages, "the consumer's count")
    if (handled := counted(server, "counter")) != messages:
        raise BenchmarkError(f"{server.contender.name}: {handled} messages handled, of {messages}")
    return messages / took_s


def beside_idle(server: Server, messages: int) -> float:
    """The rate with 49 idle mappings beside it, as a share of the rate alone: two halves of one queue."""
    sqs, lambda_client = server.client("sqs"), server.client("lambda")
    role_arn = create_role(server)
    create_function(lambda_client, "counter", "count", role_arn)
    queue_url = sqs.create_queue(QueueName="benchmark")["QueueUrl"]
    fill(server, queue_url, messages)
    create_trigger(server, lambda_client, queue_url, "counter")
    _empty_s(sqs, queue_url)  # warm
    alone = _rate(server, sqs, queue_url, messages)
    for number in range(IDLE_MAPPINGS):
        idle_url = sqs.create_queue(QueueName=f"idle-{number}")["QueueUrl"]
        create_trigger(server, lambda_client, idle_url, "counter")
    return _rate(server, sqs, queue_url, messages) / alone


def _rate(server: Server, sqs: Any, queue_url: str, messages: int) -> float:
    """While it is being filled and emptied."""
    started_s = time.perf_counter()
    messages = fill(server, queue_url, messages)
    return messages / (_empty_s(sqs, queue_url) - started_s)


def fill(server: Server, queue_url: str, messages: int) -> int:
    """With requests that are signed once, so that the sender is not what is measured. How many were sent."""
    requests = messages // BATCH // SENDERS
    entries = [{"Id": str(number), "MessageBody": BODY} for number in range(BATCH)]
    body = json.dumps({"QueueUrl": queue_url, "Entries": entries}).encode()
    headers = server.signed_headers("SendMessageBatch", body)
    failures: list[str] = []

    def send() -> None:
        connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
        with contextlib.closing(connection):
            for _ in range(requests):
                connection.request("POST", "/", body, headers)
                response = connection.getresponse()
                answer = response.read()
                if response.status != 200 or b'"Failed":[{' in answer.replace(b" ", b""):
                    failures.append(answer.decode(errors="replace"))
                    return

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if failures:
        raise BenchmarkError(f"{server.contender.name} refused a message: {failures[0]}")
    return requests * SENDERS * BATCH


def _empty_s(sqs: Any, queue_url: str) -> float:
    """When nothing was in the queue any more, by `time.perf_counter`."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    deadline_s = time.monotonic() + COUNTED_WITHIN_S
    while True:
        attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
        if not any(int(attributes[name]) for name in names):
            return time.perf_counter()
        if time.monotonic() > deadline_s:
            raise BenchmarkError(f"not emptied within {COUNTED_WITHIN_S} s: {attributes}")
        time.sleep(0.02)


def counted(server: Server, function: str) -> int:
    """The sum of what the consumer said of its batches."""
    logs = server.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{function}", filterPattern="counted"
    )
    words = [event["message"].split() for page in pages for event in page["events"]]
    return sum(int(word[1]) for word in words if len(word) == 2 and word[0] == "counted")
