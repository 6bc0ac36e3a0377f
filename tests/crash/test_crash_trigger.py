"""A consumer that fails in every way, its server and its environments killed: every message is handled, or a
dead letter."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.crash.load import Ledger, Load, Recorder, drain, seeded, sender
from tests.support.aws import QUEUE_EXECUTION, Aws, eventually
from tests.support.server import ServerProcess, descendants, wait_gone

KILLS = 10
LIFE_S = (0.2, 1.2)
VISIBILITY_S = 2
MAX_RECEIVES = 5
NOTHING = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}

# What becomes of a message depends on its body and on how often it was received: the third time is a charm,
# but for the few that always fail.
CONSUMER = """
import json, os, random, socket, time

RECORDER = ("127.0.0.1", int(os.environ["RECORDER_PORT"]))
FATES = ["raise", "hang", "exit", "report"] + ["handle"] * 16

def say(*words):
    with socket.create_connection(RECORDER) as recorder:
        recorder.sendall(json.dumps([" ".join(map(str, words))]).encode() + b"\\n")
        recorder.recv(1)

def handler(event, context):
    failed = []
    for record in event["Records"]:
        body, count = record["body"], int(record["attributes"]["ApproximateReceiveCount"])
        fate = random.Random(f"{body} {count}").choice(FATES) if count < 3 else "handle"
        if random.Random(body).random() < 0.05:
            fate = "raise"
        say(fate, body, count)
        if fate == "raise":
            raise ValueError(body)
        if fate == "hang":
            time.sleep(60)
        if fate == "exit":
            os._exit(3)
        if fate == "report":
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_every_message_is_handled_or_a_dead_letter_whatever_fails_and_dies(tmp_path: Path) -> None:
    moments = seeded()
    with Recorder() as recorder, ServerProcess(tmp_path / "data") as server:
        aws = Aws(server.client)
        dead_url, dead_arn = aws.queue()
        redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": MAX_RECEIVES})
        url, arn = aws.queue(VisibilityTimeout=str(VISIBILITY_S), RedrivePolicy=redrive)
        disabled_url, disabled_arn = aws.queue()
        consumer = aws.function(
            CONSUMER,
            aws.role(QUEUE_EXECUTION),
            Timeout=1,
            Environment={"Variables": {"RECORDER_PORT": str(recorder.port)}},
        )
        mapping = aws.functions.create_event_source_mapping(
            EventSourceArn=arn,
            FunctionName=consumer,
            BatchSize=4,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        aws.functions.create_event_source_mapping(
            EventSourceArn=disabled_arn, FunctionName=consumer, Enabled=False
        )
        aws.sqs.send_message(QueueUrl=disabled_url, MessageBody="never")

        ledger, load = Ledger(), Load()
        step = sender(server.client("sqs"), url, ledger, "m")

        def send_slowly(number: int) -> None:
            step(number)
            time.sleep(0.2)

        load.run(send_slowly)
        try:
            orphans = _kill_servers_and_environments(server, load, moments)
        finally:
            load.stop()
        assert load.failures == []
        assert orphans == set()

        eventually(lambda: _depth(aws, url) == NOTHING, "the queue empty", within_s=60)
        said = [line.split() for line in recorder.bodies]
        handled = {body for fate, body, _ in said if fate == "handle"}
        dead = drain(aws.sqs, dead_url, ledger, 1)
        assert ledger.sent - handled - dead == set(), "neither handled nor a dead letter"
        assert dead, "no message that always fails"
        assert max(int(count) for _, _, count in said) == MAX_RECEIVES
        fates = {fate for fate, _, _ in said}
        assert fates == {"raise", "hang", "exit", "report", "handle"}, "too few messages to meet every fate"
        assert aws.functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Enabled"
        assert _depth(aws, disabled_url)["ApproximateNumberOfMessages"] == "1"
        assert len(ledger.sent) > 5 * KILLS


def _kill_servers_and_environments(server: ServerProcess, load: Load, moments: random.Random) -> set[int]:
    """Processes that outlived their server."""
    orphans: set[int] = set()
    for number in range(2 * KILLS):
        time.sleep(moments.uniform(*LIFE_S))
        below = descendants(server.pid)
        if number % 2:
            load.server_is_up(False)
            server.kill()
            server.start()
            load.server_is_up(True)
            orphans |= wait_gone(below)
            continue
        templates = {pid for pid in below if _parent(pid) == server.pid}
        for pid in below - templates:
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(pid, signal.SIGKILL)
    return orphans


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _depth(aws: Aws, url: str) -> Any:
    return aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(NOTHING))["Attributes"]
