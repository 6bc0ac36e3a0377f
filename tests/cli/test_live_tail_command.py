"""`aws logs start-live-tail`."""

from __future__ import annotations

import os
import select
import time

from tests.support.aws import ACCOUNT, Aws, unique
from tests.support.shell import Shell


def test_the_command_shows_what_is_logged(aws: Aws, shell: Shell) -> None:
    group = unique("/tailed")
    aws.logs.create_log_group(logGroupName=group)
    aws.logs.create_log_stream(logGroupName=group, logStreamName="s")
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}"
    command = shell.start(f"noria aws logs start-live-tail --log-group-identifiers {arn}")
    try:
        assert command.stdout is not None
        number = 0
        shown = ""
        deadline_s = time.monotonic() + 20
        while not shown and time.monotonic() < deadline_s:  # the session takes a moment to begin
            event = {"timestamp": int(time.time() * 1000), "message": f"line {number}"}
            aws.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[event])
            number += 1
            shown = _line_within(command.stdout.fileno(), 0.5)
        assert shown.startswith("line ")
    finally:
        command.kill()
        command.communicate()


def _line_within(fd: int, seconds: float) -> str:
    ready, _, _ = select.select([fd], [], [], seconds)
    return os.read(fd, 1000).decode() if ready else ""
