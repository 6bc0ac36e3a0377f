"""`aws logs start-query` and `aws logs get-query-results`."""

from __future__ import annotations

import time

from tests.support.aws import Aws, unique
from tests.support.shell import Shell

SCRIPT = """
eval "$(noria env)"
id=$(aws logs start-query --log-group-name {group} --start-time {start} --end-time {end} \\
    --query-string 'stats count(*) as c by level | sort level' --query queryId --output text)
results() {{ aws logs get-query-results --query-id "$id" --query "$1" --output text; }}
until [ "$(results status)" = Complete ]; do :; done
results 'results[*].[[0].value, [1].value]'
"""


def test_a_query_is_started_and_its_results_fetched(aws: Aws, shell: Shell) -> None:
    group = unique("/queried")
    aws.logs.create_log_group(logGroupName=group)
    aws.logs.create_log_stream(logGroupName=group, logStreamName="s")
    now_s = int(time.time())
    messages = [f'{{"level": "{level}"}}' for level in ("INFO", "WARN", "INFO")]
    events = [{"timestamp": now_s * 1000, "message": message} for message in messages]
    aws.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    output = shell.output(SCRIPT.format(group=group, start=now_s - 60, end=now_s + 60))
    assert output == "INFO\t2\nWARN\t1\n"
