"""SIGTERM and Ctrl-C: what runs is finished, what waits is answered, and nothing is left running."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.aws import BASIC_EXECUTION, Aws, eventually
from tests.support.server import STOPPED_WITHIN_S, ServerProcess, descendants, wait_gone

SLOW = """
import pathlib, time
def handler(event, context):
    pathlib.Path(event["started"]).touch()
    time.sleep(1.5)
    return "finished"
"""

UNCONFINED = ("--isolation", "none")  # the functions leave marks in files


def test_a_running_invocation_finishes_and_is_answered(tmp_path: Path) -> None:
    started = tmp_path / "started"
    with ServerProcess(tmp_path / "data", *UNCONFINED) as server, ThreadPoolExecutor(1) as pool:
        aws = Aws(server.client)
        function = aws.function(SLOW, aws.role(BASIC_EXECUTION), Timeout=10)
        invocation = pool.submit(aws.invoke, function, {"started": str(started)})
        eventually(started.exists, "the function runs")
        processes = descendants(server.pid)
        assert server.stop() == 0
        answer, payload = invocation.result()
        assert (answer["StatusCode"], payload) == (200, "finished")
        assert wait_gone(processes) == set()
        server.start()
        assert any(line.startswith("REPORT ") for line in Aws(server.client).log_lines(function))


UNCONFINED = ("--isolation", "none")  # the functions leave marks in files


def test_a_long_poll_is_answered_at_once(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *UNCONFINED) as server, ThreadPoolExecutor(1) as pool:
        aws = Aws(server.client)
        url, _ = aws.queue()
        sending = threading.Event()
        poller = server.client("sqs")
        poller.meta.events.register("before-send", lambda **_: sending.set())
        poll = pool.submit(poller.receive_message, QueueUrl=url, WaitTimeSeconds=20)
        assert sending.wait(10)
        for _ in range(20):  # what is sent now is read after the poll
            aws.sqs.get_queue_attributes(QueueUrl=url)
        begun_s = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun_s < STOPPED_WITHIN_S / 3
        assert "Messages" not in poll.result()
