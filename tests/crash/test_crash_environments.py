"""Templates and environments killed under load: whoever waits is answered, and nothing stays."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from tests.crash.load import Load, seeded
from tests.support.aws import Aws
from tests.support.server import ServerProcess, descendants, wait_gone

KILLS = 25
PAUSE_S = (0.02, 0.2)
FUNCTION = """
import os, subprocess, time
def handler(event, context):
    with open(os.environ["TMPDIR"] + "/left", "a") as file:
        file.write("x")
    if event["number"] % 10 == 0:
        subprocess.Popen(["sleep", "600"], start_new_session=True)
    time.sleep(0.01)
    return event["number"]
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_killed_templates_and_environments_leave_answers_and_nothing_else(tmp_path: Path) -> None:
    moments = seeded()
    mounts = Path("/proc/self/mountinfo").read_text()
    with ServerProcess(tmp_path / "data") as server:
        aws = Aws(server.client)
        function = aws.function(FUNCTION, aws.role(), Timeout=5)
        load, answered, failed = Load(), [0], [0]

        def invoke(number: int) -> None:
            try:
                answer, payload = aws.invoke(function, {"number": number})
            except aws.functions.exceptions.ServiceException:  # the template was killed while it forked
                failed[0] += 1
                return
            if "FunctionError" in answer:
                assert payload["errorType"] == "Runtime.ExitError"
                failed[0] += 1
            else:
                assert payload == number
                answered[0] += 1

        for _ in range(3):
            load.run(invoke)
        try:
            _kill_often(server.pid, moments)
        finally:
            load.stop()
        assert load.failures == []
        assert answered[0] > KILLS
        assert failed[0] > 0, "no kill hit an invocation"
        assert aws.invoke(function, {"number": 1})[1] == 1

        below = descendants(server.pid)
        server.kill()
        assert wait_gone(below) == set()
        server.start()
        assert list((tmp_path / "data" / "tmp").iterdir()) == []
    assert Path("/proc/self/mountinfo").read_text() == mounts


def _kill_often(server: int, moments: random.Random) -> None:
    for number in range(KILLS):
        time.sleep(moments.uniform(*PAUSE_S))
        below = sorted(descendants(server))
        templates = [pid for pid in below if _parent(pid) == server]
        victims = templates if number % 5 == 0 else [pid for pid in below if pid not in templates]
        if victims:
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(moments.choice(victims), signal.SIGKILL)


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
