"""Metric and subscription filters as boto3 sees them, with functions that run, one of them without end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from tests.support.aws import ACCOUNT, BASIC_EXECUTION, Aws, eventually, refused, unique
from tests.support.server import ServerProcess

SUBSCRIBER = """
import base64, gzip, json

def handler(event, context):
    message = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    for each in message["logEvents"]:
        print("got", message["messageType"], message["logStream"], each["message"])
"""
OUT_OF_REACH = (
    "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
    "your function."
)


def group_of(aws: Aws) -> str:
    name = unique("/test/filtered")
    aws.logs.create_log_group(logGroupName=name)
    aws.logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def put(aws: Aws, group: str, *texts: str) -> None:
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": text} for text in texts]
    aws.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def test_a_function_gets_the_events_that_it_subscribes_to(aws: Aws) -> None:
    name = aws.function(SUBSCRIBER, aws.role(BASIC_EXECUTION))
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    group = group_of(aws)
    subscription = {
        "logGroupName": group,
        "filterName": "errors",
        "filterPattern": '{ $.level = "ERROR" }',
        "destinationArn": arn,
    }
    with refused(400, "InvalidParameterException", OUT_OF_REACH):
        aws.logs.put_subscription_filter(**subscription)
    aws.functions.add_permission(
        FunctionName=name,
        StatementId="logs",
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
        SourceArn=f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*",
        SourceAccount=ACCOUNT,
    )
    aws.logs.put_subscription_filter(**subscription)
    put(aws, group, '{"level": "INFO"}', '{"level": "ERROR"}', "text")

    def printed() -> list[str] | None:
        found = [line for line in aws.log_lines(name) if line.startswith("got ")]
        return found if len(found) == 2 else None

    assert eventually(printed, "the control message and the event") == [
        "got CONTROL_MESSAGE  CWL CONTROL MESSAGE: Checking health of destination Lambda function.\n",
        'got DATA_MESSAGE s {"level": "ERROR"}\n',
    ]
    with refused(
        400, "InvalidParameterException", OUT_OF_REACH
    ):  # for another group's events it has no right
        aws.logs.put_subscription_filter(**subscription | {"logGroupName": group_of(aws)})


def test_a_metric_filter_counts_what_a_function_prints(aws: Aws, server: ServerProcess) -> None:
    name = aws.function(
        "def handler(event, context):\n    print('bytes', event['bytes'])\n", aws.role(BASIC_EXECUTION)
    )
    group = f"/aws/lambda/{name}"
    aws.logs.create_log_group(logGroupName=group)
    aws.logs.put_metric_filter(
        logGroupName=group,
        filterName="bytes",
        filterPattern="[word=bytes, count]",
        metricTransformations=[
            {"metricName": name, "metricNamespace": "Test/Logs", "metricValue": "$count", "unit": "Bytes"}
        ],
    )
    for size in (100, 20):
        aws.invoke(name, {"bytes": size})
    cloudwatch = server.client("cloudwatch")
    now = datetime.now(UTC)

    def total() -> float | None:
        points = cloudwatch.get_metric_statistics(
            Namespace="Test/Logs",
            MetricName=name,
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=10),
            Period=1200,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        counted = sum(point["SampleCount"] for point in points)
        return sum(point["Sum"] for point in points) if counted == 2 else None

    assert eventually(total, "both values") == 120


FLOOD = """
import sys, time

LINES = ("x" * 99 + "\\n") * 1000

def handler(event, context):
    until = time.monotonic() + 1
    printed = 0
    while time.monotonic() < until:
        sys.stdout.write(LINES)
        printed += 1000
    return printed
"""


def test_a_function_that_prints_without_end_slows_itself_and_not_the_server(aws: Aws) -> None:
    """And nothing of what it printed is lost."""
    name = aws.function(FLOOD, aws.role(BASIC_EXECUTION), Timeout=60)
    url, _ = aws.queue()
    slowest_s = 0.0
    with ThreadPoolExecutor(1) as pool:
        printing = pool.submit(aws.invoke, name)
        while not printing.done():
            started_s = time.monotonic()
            aws.sqs.send_message(QueueUrl=url, MessageBody="x")
            slowest_s = max(slowest_s, time.monotonic() - started_s)
    printed = int(printing.result()[1])
    assert slowest_s < 1
    group = f"/aws/lambda/{name}"

    def stored() -> bool:
        [found] = aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        return bool(found["storedBytes"] >= printed * 126)

    eventually(stored, f"all {printed} lines")
