"""Insights as boto3 sees it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import (
    ACCOUNT,
    ACCOUNT_TRUST,
    BASIC_EXECUTION,
    Aws,
    allow,
    eventually,
    refused,
    unique,
)
from tests.support.server import ServerProcess, descendants, wait_gone

PRINTING = "import json\ndef handler(event, context):\n    print(json.dumps({'n': event, 'kind': 'print'}))\n"


def results(logs: Any, group: str, query: str, **options: Any) -> list[dict[str, str]]:
    now_s = int(time.time())
    started = logs.start_query(
        logGroupName=group, startTime=now_s - 3600, endTime=now_s + 60, queryString=query, **options
    )

    def complete() -> dict[str, Any] | None:
        answer: dict[str, Any] = logs.get_query_results(queryId=started["queryId"])
        assert answer["status"] in ("Scheduled", "Running", "Complete")
        return answer if answer["status"] == "Complete" else None

    rows = eventually(complete, f"the results of {query}")["results"]
    return [{cell["field"]: cell["value"] for cell in row} for row in rows]


def test_a_functions_log_is_queried(aws: Aws) -> None:
    name = aws.function(PRINTING, aws.role(BASIC_EXECUTION))
    for number in range(3):
        aws.invoke(name, number)
    aws.log_of(name, 3)
    group = f"/aws/lambda/{name}"
    [summary] = results(
        aws.logs,
        group,
        "filter @type = 'REPORT' | stats count(*) as invocations, max(@memorySize) / 1000 / 1000 as mb",
    )
    assert summary == {"invocations": "3", "mb": "128"}
    printed = results(aws.logs, group, 'fields n, kind | filter kind = "print" and n > 0 | sort n')
    assert [(row["n"], row["kind"]) for row in printed] == [("1", "print"), ("2", "print")]
    record = aws.logs.get_log_record(logRecordPointer=printed[0]["@ptr"])["logRecord"]
    assert record["@message"] == '{"n": 1, "kind": "print"}\n'


def test_a_malformed_query_is_refused_with_the_place(aws: Aws) -> None:
    group = unique("/queried")
    aws.logs.create_log_group(logGroupName=group)
    with pytest.raises(ClientError) as caught:
        results(aws.logs, group, "fields @message | filtr x")
    answer = caught.value.response
    assert answer["Error"] == {
        "Code": "MalformedQueryException",
        "Message": "unexpected symbol found filtr at line 1 and position 18",
    }
    assert answer["queryCompileError"] == {
        "location": {"startCharOffset": 18, "endCharOffset": 23},
        "message": "unexpected symbol found filtr at line 1 and position 18",
    }


def test_a_query_needs_the_permission_on_its_group(server: ServerProcess, aws: Aws) -> None:
    mine, other = unique("/mine"), unique("/other")
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:"
    for group in (mine, other):
        aws.logs.create_log_group(logGroupName=group)
    role = aws.role(
        trusting=ACCOUNT_TRUST,
        start=allow("logs:StartQuery", f"{arn}{mine}:*"),
        read=allow(["logs:GetQueryResults", "logs:StopQuery"], "*"),
    )
    client = server.client("logs", aws.assume(role, "queries"))
    assert results(client, mine, "fields @message") == []
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/queries"
    denied = (
        f"User: {session} is not authorized to perform: logs:StartQuery on resource: {arn}{other}:log-stream:"
        " because no identity-based policy allows the logs:StartQuery action"
    )
    with refused(400, "AccessDeniedException", denied):
        results(client, other, "fields @message")


def cpu_ticks(pid: int) -> int:
    """Hundredths of a second that a process has computed; 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def test_no_query_outlives_a_killed_server(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as process:
        aws = Aws(process.client)
        aws.logs.create_log_group(logGroupName="g")
        aws.logs.create_log_stream(logGroupName="g", logStreamName="s")
        now_s = int(time.time())
        event = {"timestamp": now_s * 1000, "message": "x" * 60}
        aws.logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])
        before = descendants(process.pid)
        aws.logs.start_query(
            logGroupName="g",
            startTime=now_s - 60,
            endTime=now_s + 60,
            queryString="filter @message like /^(x+x+)+y$/",
        )

        def busy() -> set[int]:  # the server begins others, too, that look for interpreters and are soon gone
            return {pid for pid in descendants(process.pid) - before if cpu_ticks(pid) > 25}

        queries = eventually(busy, "an expression that never ends is begun", within_s=60)
        process.kill()
        assert wait_gone(queries) == set()


def test_queries_are_stopped_and_described(aws: Aws) -> None:
    group = unique("/described")
    aws.logs.create_log_group(logGroupName=group)
    assert results(aws.logs, group, "limit 1") == []
    [query] = aws.logs.describe_queries(logGroupName=group)["queries"]
    assert query["status"] == "Complete"
    assert query["queryString"].startswith(f'SOURCE "{group}" START=')
    assert query["queryString"].endswith("999 | limit 1")
    assert aws.logs.stop_query(queryId=query["queryId"])["success"] is False


def test_queries_are_saved(aws: Aws) -> None:
    name = unique("saved")
    saved = aws.logs.put_query_definition(name=name, queryString="limit 1", logGroupNames=["/x"])
    [definition] = aws.logs.describe_query_definitions(queryDefinitionNamePrefix=name)["queryDefinitions"]
    assert definition["queryDefinitionId"] == saved["queryDefinitionId"]
    assert definition["logGroupNames"] == ["/x"]
    assert aws.logs.delete_query_definition(queryDefinitionId=saved["queryDefinitionId"])["success"]
    assert aws.logs.describe_query_definitions(queryDefinitionNamePrefix=name)["queryDefinitions"] == []
