"""Killed at random moments under load: what was acknowledged is there, or was consumed."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.crash.load import CONSUMER, Ledger, Load, Recorder, drain, receiver, seeded, sender
from tests.support.aws import QUEUE_EXECUTION, Aws, eventually
from tests.support.server import ServerProcess, descendants, wait_gone

KILLS = 20
LIFE_S = (0.02, 0.4)  # from the first commits to functions that are warm
VISIBILITY_S = 2
NOTHING = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    moments = seeded()
    with Recorder() as recorder, ServerProcess(tmp_path / "data") as server:
        aws = Aws(server.client)
        plain_url, _ = aws.queue(VisibilityTimeout=str(VISIBILITY_S))
        trigger_url, trigger_arn = aws.queue(VisibilityTimeout=str(VISIBILITY_S))
        consumer = aws.function(
            CONSUMER,
            aws.role(QUEUE_EXECUTION),
            Timeout=VISIBILITY_S,
            Environment={"Variables": {"RECORDER_PORT": str(recorder.port)}},
        )
        aws.functions.create_event_source_mapping(EventSourceArn=trigger_arn, FunctionName=consumer)
        plain, triggered, events = Ledger(), Ledger(), Ledger()

        load = Load()
        for worker in range(2):
            load.run(sender(server.client("sqs"), plain_url, plain, f"plain{worker}"))
            load.run(receiver(server.client("sqs"), plain_url, plain, VISIBILITY_S))
        load.run(sender(server.client("sqs"), trigger_url, triggered, "triggered"))
        load.run(_event_sender(server.client("lambda"), consumer, events))
        try:
            orphans = _kill_often(server, load, moments)
        finally:
            load.stop()
        assert load.failures == []
        assert orphans == set()
        assert load.interrupted >= KILLS  # the kills did hit requests

        left = drain(aws.sqs, plain_url, plain, VISIBILITY_S + 0.5)
        eventually(lambda: _depth(aws, trigger_url) == NOTHING, "the trigger's queue empty", within_s=20)
        # An attempt that a slow machine lets fail is made again after a minute, as on AWS.
        eventually(lambda: events.sent <= recorder.bodies, "the events handled", within_s=90)

    assert plain.broken == []
    assert plain.sent - left - plain.delete_tried == set(), "acknowledged, not deleted, and gone"
    assert plain.deleted.keys() & left == set(), "deleted, and back"
    assert triggered.sent - recorder.bodies == set(), "acknowledged, and never given to the function"
    assert min(len(plain.sent), len(plain.deleted), len(triggered.sent)) > KILLS
    assert events.sent


def _kill_often(server: ServerProcess, load: Load, moments: random.Random) -> set[int]:
    """Processes that outlived their server."""
    orphans = set()
    for _ in range(KILLS):
        time.sleep(moments.uniform(*LIFE_S))
        below = descendants(server.pid)
        load.server_is_up(False)
        server.kill()
        server.start()
        load.server_is_up(True)
        orphans |= wait_gone(below)
    return orphans


def _event_sender(functions: Any, consumer: str, ledger: Ledger) -> Callable[[int], None]:
    """Asynchronous invocations: 202 promises that they run, whatever happens to the server."""

    def step(number: int) -> None:
        body = f"event-{number}"
        payload = json.dumps({"Records": [{"body": body}]})
        functions.invoke(FunctionName=consumer, InvocationType="Event", Payload=payload)
        ledger.sent.add(body)
        time.sleep(0.02)  # each costs an environment's time, which the trigger needs too

    return step


def _depth(aws: Aws, url: str) -> Any:
    return aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(NOTHING))["Attributes"]
