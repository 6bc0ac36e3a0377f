"""StartLiveTail as boto3 sees it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EventStreamError
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, BASIC_EXECUTION, Aws, allow, refused, unique
from tests.support.server import ServerProcess

ARN = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:"
PRINTING = "def handler(event, context):\n    print('printed', event)\n"


def group_of(aws: Aws) -> str:
    name = unique("/tailed")
    aws.logs.create_log_group(logGroupName=name)
    aws.logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def put(aws: Aws, group: str, *texts: str) -> None:
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": text} for text in texts]
    aws.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def results(events: Any) -> list[dict[str, Any]]:
    """Of the next update that has any."""
    for event in events:
        if found := event["sessionUpdate"]["sessionResults"]:
            listed: list[dict[str, Any]] = found
            return listed
    raise AssertionError("the session ended")


def test_a_session_shows_a_functions_lines_within_100_ms(aws: Aws) -> None:
    name = aws.function(PRINTING, aws.role(BASIC_EXECUTION))
    aws.invoke(name, 0)
    aws.log_of(name, 1)
    answer = aws.logs.start_live_tail(
        logGroupIdentifiers=[f"{ARN}/aws/lambda/{name}"], logEventFilterPattern="printed"
    )
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/vnd.amazon.eventstream"
    stream = answer["responseStream"]
    events = iter(stream)
    assert next(events)["sessionStart"]["logEventFilterPattern"] == "printed"
    next(events)  # the first, empty update
    late_ms = []
    for number in range(1, 3):
        aws.invoke(name, number)
        [shown] = results(events)
        late_ms.append(time.time() * 1000 - shown["timestamp"])
        assert shown["message"] == f"printed {number}\n"
        assert shown["logGroupIdentifier"] == f"{ACCOUNT}:/aws/lambda/{name}"
        next(events)  # a second without any
    stream.close()
    assert min(late_ms) < 100


def test_a_session_needs_the_permission_on_all_its_groups(server: ServerProcess, aws: Aws) -> None:
    mine, other = group_of(aws), group_of(aws)
    policy = allow("logs:StartLiveTail", f"{ARN}{mine}:*")
    role = aws.role(trusting=ACCOUNT_TRUST, tail=policy)
    client = server.client("logs", aws.assume(role, "tail"))
    client.start_live_tail(logGroupIdentifiers=[ARN + mine])["responseStream"].close()
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/tail"
    denied = (
        f"User: {session} is not authorized to perform: logs:StartLiveTail on resource: "
        f"{ARN}{other}:log-stream: because no identity-based policy allows the logs:StartLiveTail action"
    )
    for groups in ([other], [mine, other]):
        with refused(400, "AccessDeniedException", denied):
            client.start_live_tail(logGroupIdentifiers=[ARN + group for group in groups])


def test_what_is_no_group_is_refused(aws: Aws) -> None:
    with refused(400, "ResourceNotFoundException", "The specified log group does not exist."):
        aws.logs.start_live_tail(logGroupIdentifiers=[f"{ARN}missing"])


def test_a_stopping_server_ends_its_sessions_in_time(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as process:
        aws = Aws(process.client)
        group = group_of(aws)
        stream = aws.logs.start_live_tail(logGroupIdentifiers=[ARN + group])["responseStream"]
        events = iter(stream)
        assert "sessionStart" in next(events)
        stopping = threading.Thread(target=process.stop)
        began_s = time.monotonic()
        stopping.start()
        with pytest.raises(EventStreamError, match="The server is stopping"):
            for _ in events:
                pass
        stream.close()
        stopping.join()
        assert time.monotonic() - began_s < 5
