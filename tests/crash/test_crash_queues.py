"""Killed at random moments under mixed load: standard and FIFO queues, delays, dead letters, move tasks.

`make crash` kills it three hundred times.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.crash.histories import MAX_RECEIVES, FifoHistory, StandardHistory, mover, receive
from tests.crash.load import Load, seeded
from tests.support.aws import Aws, eventually
from tests.support.server import ServerProcess

KILLS = int(os.environ.get("CRASH_KILLS", "20"))
LIFE_S = (0.02, 0.4)
VISIBILITY_S = 1


def test_kills_under_mixed_load_lose_duplicate_and_disorder_nothing(tmp_path: Path) -> None:
    moments = seeded()
    with ServerProcess(tmp_path / "data") as server:
        aws = Aws(server.client)
        dead_url, dead_arn = aws.queue()
        redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": MAX_RECEIVES})
        url, _ = aws.queue(VisibilityTimeout=str(VISIBILITY_S), RedrivePolicy=redrive)
        moved_url, moved_arn = aws.queue()
        fifo_url = aws.sqs.create_queue(
            QueueName="crash.fifo",
            Attributes={
                "FifoQueue": "true",
                "ContentBasedDeduplication": "true",
                "VisibilityTimeout": str(VISIBILITY_S),
            },
        )["QueueUrl"]
        standard, fifo = StandardHistory(), FifoHistory()

        load = Load()
        load.run(standard.sender(server.client("sqs"), url, "a"))
        load.run(fifo.sender(server.client("sqs"), fifo_url))
        load.run(mover(server.client("sqs"), dead_arn, moved_arn))
        for _ in range(2):
            load.run(standard.receiver(server.client("sqs"), url, VISIBILITY_S))
            load.run(fifo.receiver(server.client("sqs"), fifo_url))
        try:
            for _ in range(KILLS):
                time.sleep(moments.uniform(*LIFE_S))
                load.server_is_up(False)
                server.kill()
                server.start()
                load.server_is_up(True)
        finally:
            load.stop()
        assert load.failures == []
        assert load.interrupted >= KILLS  # the kills did hit requests

        time.sleep(VISIBILITY_S)
        left = _drain(aws.sqs, url, standard)
        _move_all(aws.sqs, dead_arn, moved_arn)
        left += [message["Body"] for message in _all(aws.sqs, moved_url)]
        assert _all(aws.sqs, dead_url) == []
        _drain_fifo(aws.sqs, fifo_url, fifo)

    assert standard.broken == []
    assert [body for body, times in Counter(left).items() if times > 1] == []
    assert standard.sent - set(left) - standard.delete_tried == set(), "acknowledged, not deleted, and gone"
    assert standard.deleted.keys() & set(left) == set(), "deleted, and back"
    assert fifo.broken == []
    numbers = {f"{group}:{n}" for group, count in fifo.sent.items() for n in range(count)}
    assert numbers - fifo.delete_tried == set(), "acknowledged, and gone"
    assert min(len(standard.sent), len(standard.deleted), len(fifo.deleted)) > KILLS
    assert any(body.startswith("poison") for body in left)


def _all(sqs: Any, url: str) -> list[dict[str, Any]]:
    """What is left in a queue, each message received once."""
    found = []
    while messages := receive(sqs, url, VisibilityTimeout=600, WaitTimeSeconds=0):
        found += messages
    return found


def _drain(sqs: Any, url: str, history: StandardHistory) -> list[str]:
    asked_s = time.monotonic()
    messages = _all(sqs, url)
    for message in messages:
        history.received(message, asked_s)
    return [message["Body"] for message in messages]


def _drain_fifo(sqs: Any, url: str, history: FifoHistory) -> None:
    """In order, to the last one."""
    while True:
        asked_s = time.monotonic()
        messages = receive(sqs, url, WaitTimeSeconds=0)
        if not messages:
            return
        history.received(messages, asked_s)
        for message in messages:
            history.delete(sqs, url, message)


def _move_all(sqs: Any, source_arn: str, destination_arn: str) -> None:
    def idle() -> bool:
        tasks = sqs.list_message_move_tasks(SourceArn=source_arn)["Results"]
        return not tasks or tasks[0]["Status"] not in ("RUNNING", "CANCELLING")

    eventually(idle, "the task that was running ended", within_s=60)
    sqs.start_message_move_task(SourceArn=source_arn, DestinationArn=destination_arn)
    eventually(idle, "every dead letter moved", within_s=60)
