"""`aws logs`: only version 2 of the command has `tail`, which is no Python package (.ci/run installs it)."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from tests.support.aws import Aws, unique
from tests.support.shell import Shell

AWS_2 = Path("/usr/bin/aws")  # beside version 1, which a virtual environment puts first on PATH


@pytest.fixture(scope="module")
def tail() -> str:
    """The command's beginning. Versions before 2.13 do not read AWS_ENDPOINT_URL."""
    if not AWS_2.exists():
        pytest.skip(f"{AWS_2} is not installed")
    version = subprocess.run([AWS_2, "--version"], capture_output=True, text=True, check=True).stdout
    if not version.startswith("aws-cli/2"):
        pytest.skip(f"{AWS_2} is {version.split()[0]}")
    return f'{AWS_2} --endpoint-url "$AWS_ENDPOINT_URL" logs tail'


def put(aws: Aws, group: str, text: str) -> None:
    event = {"timestamp": int(time.time() * 1000), "message": text}
    aws.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[event])


def group_of(aws: Aws) -> str:
    name = unique("/aws/lambda/tailed")
    aws.logs.create_log_group(logGroupName=name)
    aws.logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def test_tail_shows_what_was_logged(aws: Aws, shell: Shell, tail: str) -> None:
    group = group_of(aws)
    put(aws, group, "first line")
    put(aws, group, "second line")
    output = shell.output(f'eval "$(noria env)"; {tail} {group} --since 5m --format short')
    assert [line.split(" ", 1)[1] for line in output.splitlines()] == ["first line", "second line"]


def test_tail_follows_what_is_logged_later(aws: Aws, shell: Shell, tail: str) -> None:
    group = group_of(aws)
    put(aws, group, "before")
    follower = shell.start(f"bash -c 'eval \"$(noria env)\"; exec {tail} {group} --follow --format short'")
    try:
        assert follower.stdout is not None
        assert follower.stdout.readline().rstrip("\n").endswith(" before")
        put(aws, group, "afterwards")
        assert follower.stdout.readline().rstrip("\n").endswith(" afterwards")
    finally:
        follower.kill()
        follower.communicate()


def test_tail_shows_what_a_pattern_matches(aws: Aws, shell: Shell, tail: str) -> None:
    group = group_of(aws)
    for text in ("GET /a 200", "GET /b 404"):
        put(aws, group, text)
    pattern = "[method, path, status=%^4[0-9]+$%]"
    output = shell.output(
        f"eval \"$(noria env)\"; {tail} {group} --format short --filter-pattern '{pattern}'"
    )
    assert [line.split(" ", 1)[1] for line in output.splitlines()] == ["GET /b 404"]


def test_filter_log_events_finds_fields_of_json(aws: Aws, shell: Shell) -> None:
    group = group_of(aws)
    for level in ("INFO", "ERROR"):
        put(aws, group, json.dumps({"level": level, "took": [12.5]}))
    pattern = '{ ($.level = "ERR*" || $.none IS NULL) && $.took[0] > 1e1 }'
    output = shell.output(
        f"noria aws logs filter-log-events --log-group-name {group} --filter-pattern '{pattern}'"
        " --query 'events[].message' --output text"
    )
    assert [json.loads(line)["level"] for line in output.splitlines()] == ["ERROR"]
