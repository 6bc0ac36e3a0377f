"""CloudWatch Logs as boto3 sees it."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError
from tests.support.aws import ACCOUNT, ACCOUNT_TRUST, BASIC_EXECUTION, Aws, refused, unique
from tests.support.server import ServerProcess


def now_ms() -> int:
    return round(time.time() * 1000)


def test_groups_and_streams_are_described(aws: Aws) -> None:
    group = unique("/test/group")
    aws.logs.create_log_group(logGroupName=group)
    for stream in ("a", "b", "c"):
        aws.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    [described] = aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["logGroupName"] == group
    assert described["arn"] == f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*"
    pages = aws.logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group, PaginationConfig={"PageSize": 2}
    )
    assert [stream["logStreamName"] for page in pages for stream in page["logStreams"]] == ["a", "b", "c"]


def test_events_are_read_back_in_order_and_by_page(aws: Aws) -> None:
    group = unique("/test/events")
    aws.logs.create_log_group(logGroupName=group)
    aws.logs.create_log_stream(logGroupName=group, logStreamName="s")
    start_ms = now_ms()
    events = [{"timestamp": start_ms + number, "message": f"line {number}"} for number in range(5)]
    aws.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    first = aws.logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True, limit=3)
    assert [event["message"] for event in first["events"]] == ["line 0", "line 1", "line 2"]
    rest = aws.logs.get_log_events(logGroupName=group, logStreamName="s", nextToken=first["nextForwardToken"])
    assert [event["message"] for event in rest["events"]] == ["line 3", "line 4"]
    end = aws.logs.get_log_events(logGroupName=group, logStreamName="s", nextToken=rest["nextForwardToken"])
    assert end["events"] == []
    assert end["nextForwardToken"] == rest["nextForwardToken"]


def test_events_are_filtered_across_streams(aws: Aws) -> None:
    group = unique("/test/filter")
    aws.logs.create_log_group(logGroupName=group)
    start_ms = now_ms()
    for offset, stream in enumerate(("one", "two")):
        aws.logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [
            {"timestamp": start_ms + 10 * number + offset, "message": f"{word} from {stream}"}
            for number, word in enumerate(("INFO fine", "ERROR broken"))
        ]
        aws.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    pages = aws.logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="ERROR", PaginationConfig={"PageSize": 1}
    )
    found = [(event["logStreamName"], event["message"]) for page in pages for event in page["events"]]
    assert found == [("one", "ERROR broken from one"), ("two", "ERROR broken from two")]


def test_a_functions_log_reads_as_on_aws(aws: Aws) -> None:
    role = aws.role(BASIC_EXECUTION)
    name = aws.function("def handler(event, context):\n    print('hello')\n", role)
    answer, _ = aws.invoke(name)
    request_id = answer["ResponseMetadata"]["RequestId"]
    aws.log_of(name, 1)
    [stream] = aws.logs.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    day, _, environment = stream["logStreamName"].rpartition("/")
    assert day.count("/") == 2
    assert environment.startswith("[$LATEST]")
    assert len(environment) == len("[$LATEST]") + 32
    events = aws.logs.get_log_events(
        logGroupName=f"/aws/lambda/{name}", logStreamName=stream["logStreamName"], startFromHead=True
    )["events"]
    lines = [event["message"] for event in events]
    start = lines.index(f"START RequestId: {request_id} Version: $LATEST\n")
    assert lines[0].startswith("INIT_START Runtime Version: ")
    assert lines[start + 1 : start + 3] == ["hello\n", f"END RequestId: {request_id}\n"]
    assert lines[start + 3].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "\tInit Duration: " in lines[start + 3]


def test_unknown_groups_and_streams_are_refused(aws: Aws) -> None:
    group = unique("/test/refused")
    with refused(400, "ResourceNotFoundException", "The specified log group does not exist."):
        aws.logs.filter_log_events(logGroupName=group)
    aws.logs.create_log_group(logGroupName=group)
    with refused(400, "ResourceAlreadyExistsException", "The specified log group already exists"):
        aws.logs.create_log_group(logGroupName=group)
    with refused(400, "ResourceNotFoundException", "The specified log stream does not exist."):
        aws.logs.get_log_events(logGroupName=group, logStreamName="nobody")
    aws.logs.create_log_stream(logGroupName=group, logStreamName="short-lived")
    aws.logs.delete_log_stream(logGroupName=group, logStreamName="short-lived")
    assert aws.logs.describe_log_streams(logGroupName=group)["logStreams"] == []
    aws.logs.delete_log_group(logGroupName=group)
    assert aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


def test_a_policy_goes_by_the_tags_of_groups(aws: Aws, server: ServerProcess) -> None:
    statement = {
        "Effect": "Allow",
        "Action": ["logs:FilterLogEvents", "logs:CreateLogGroup", "logs:TagResource"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}},
    }
    creating = {
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:TagResource"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestTag/team": "red"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement, creating]})
    role = aws.role(trusting=ACCOUNT_TRUST, tagged=document)
    logs = server.client("logs", aws.assume(role, "tagged"))
    red, blue = unique("/test/red"), unique("/test/blue")
    logs.create_log_group(logGroupName=red, tags={"team": "red"})
    with pytest.raises(ClientError, match="AccessDeniedException"):
        logs.create_log_group(logGroupName=blue, tags={"team": "blue"})
    aws.logs.create_log_group(logGroupName=blue)
    assert logs.filter_log_events(logGroupName=red)["events"] == []
    with pytest.raises(ClientError, match="not authorized to perform: logs:FilterLogEvents on resource: "):
        logs.filter_log_events(logGroupName=blue)
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{blue}"
    aws.logs.tag_resource(resourceArn=arn, tags={"team": "red"})
    assert aws.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "red"}
    assert logs.filter_log_events(logGroupName=blue)["events"] == []
    aws.logs.untag_resource(resourceArn=arn, tagKeys=["team"])
    with pytest.raises(ClientError, match="AccessDeniedException"):
        logs.filter_log_events(logGroupName=blue)
