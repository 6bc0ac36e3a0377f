"""The trigger under load: messages through a consumer, and mappings beside each other."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.contenders import HOST, BenchmarkError
from benchmarks.functions import create_function, create_role, create_trigger, wait_until
from benchmarks.servers import Server

BODY = "x" * 100
SENDERS = 16
BATCH = 10  # entries of a SendMessageBatch
LARGE = {"BatchSize": 1_000, "MaximumBatchingWindowInSeconds": 1}
IDLE_MAPPINGS = 49
GROUPS, GROUP_SENDERS = 1_000, 10
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


def fifo(server: Server, messages: int) -> float:
    """Messages a second through GROUPS groups; that each group's were handled in order, once each, is checked
    by what the consumer saw and when it began."""
    sqs, lambda_client = server.client("sqs"), server.client("lambda")
    create_function(lambda_client, "order", "order", create_role(server))
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    queue_url = sqs.create_queue(QueueName="benchmark.fifo", Attributes=attributes)["QueueUrl"]
    each = messages // GROUPS
    _fill_groups(server, queue_url, each)
    started_s = time.perf_counter()
    create_trigger(server, lambda_client, queue_url, "order")
    took_s = _empty_s(sqs, queue_url) - started_s
    wait_until(lambda: sum(map(len, _seen(server).values())) >= each * GROUPS, "every message in the log")
    wrong = [group for group, numbers in _seen(server).items() if numbers != list(range(each))]
    if wrong:
        raise BenchmarkError(f"{server.contender.name}: out of order or more than once: groups {wrong[:5]}")
    return each * GROUPS / took_s


def _fill_groups(server: Server, queue_url: str, each: int) -> None:
    """Every sender has groups of its own, and sends a message for ten of them at once."""

    def send(first: int) -> None:
        connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
        with contextlib.closing(connection):
            for number in range(each):
                for start in range(first, first + GROUPS // GROUP_SENDERS, BATCH):
                    entries = [
                        {"Id": str(group), "MessageGroupId": str(group), "MessageBody": f"{group}:{number}"}
                        for group in range(start, start + BATCH)
                    ]
                    body = json.dumps({"QueueUrl": queue_url, "Entries": entries}).encode()
                    headers = server.signed_headers("SendMessageBatch", body)
                    connection.request("POST", "/", body, headers)
                    _check_sent(server, connection.getresponse())

    with ThreadPoolExecutor(GROUP_SENDERS) as threads:
        for _ in threads.map(send, range(0, GROUPS, GROUPS // GROUP_SENDERS)):
            pass


def _seen(server: Server) -> dict[str, list[int]]:
    """By group, the numbers of its messages as the consumer met them."""
    batches = sorted((int(words[0]), words[1:]) for words in _words(server, "order", "order"))
    seen: dict[str, list[int]] = {}
    for _, bodies in batches:
        for body in bodies:
            group, number = body.split(":")
            seen.setdefault(group, []).append(int(number))
    return seen


def _rate(server: Server, sqs: Any, queue_url: str, messages: int) -> float:
    """While it is being filled and emptied."""
    started_s = time.perf_counter()
    messages = fill(server, queue_url, messages)
    return messages / (_empty_s(sqs, queue_url) - started_s)


def fill(server: Server, queue_url: str, messages: int, text: str = BODY) -> int:
    """With requests that are signed once, so that the sender is not what is measured. How many were sent."""
    requests = math.ceil(messages / BATCH / SENDERS)
    entries = [{"Id": str(number), "MessageBody": text} for number in range(BATCH)]
    body = json.dumps({"QueueUrl": queue_url, "Entries": entries}).encode()
    headers = server.signed_headers("SendMessageBatch", body)

    def send(_number: int) -> None:
        connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
        with contextlib.closing(connection):
            for _ in range(requests):
                connection.request("POST", "/", body, headers)
                _check_sent(server, connection.getresponse())

    with ThreadPoolExecutor(SENDERS) as threads:
        for _ in threads.map(send, range(SENDERS)):
            pass
    return requests * SENDERS * BATCH


def _check_sent(server: Server, response: http.client.HTTPResponse) -> None:
    answer = response.read()
    if response.status != 200 or b'"Failed":[{' in answer.replace(b" ", b""):
        text = answer.decode(errors="replace")
        raise BenchmarkError(f"{server.contender.name} refused a message: {text}")


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
    return sum(int(number) for (number,) in _words(server, function, "counted"))


def _words(server: Server, function: str, first: str) -> list[list[str]]:
    """Of the lines that the consumer printed, without the first word."""
    pages = (
        server.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=f"/aws/lambda/{function}", filterPattern=first)
    )
    lines = [event["message"].split() for page in pages for event in page["events"]]
    return [words[1:] for words in lines if words and words[0] == first]
