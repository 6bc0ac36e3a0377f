"""Powertools for AWS Lambda: it reads our events and contexts, and we read its answers, metrics and logs."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from importlib.metadata import distribution
from typing import Any

from tests.support.aws import ACCOUNT, QUEUE_EXECUTION, Aws, eventually, unique

# Fails a message the first time that it is received, where its body says so.
CONSUMER = """
import aws_lambda_powertools.utilities.batch as batch
from aws_lambda_powertools.utilities.batch import process_partial_response

processor = PROCESSOR

def handle(record):
    attempt = record.attributes.approximate_receive_count
    print("attempt", record.body, attempt)
    if record.json_body["fails"] and attempt == "1":
        raise ValueError(record.message_id)

def handler(event, context):
    return process_partial_response(event, handle, processor, context)
"""
METERED = """
from aws_lambda_powertools import Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

metrics = Metrics(namespace="NAMESPACE", service="shop")

@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    for amount in event:
        metrics.add_metric(name="Amount", unit=MetricUnit.Count, value=amount)
"""
LOGGED = """
from aws_lambda_powertools import Logger

logger = Logger(service="shop")

@logger.inject_lambda_context(clear_state=True)
def handler(event, context):
    logger.append_keys(order=event)
    logger.debug("not shown")
    logger.info("ordered", extra={"amount": 3})
    try:
        raise ValueError("sold out")
    except ValueError:
        logger.exception("refused")
"""
LIBRARIES = ("aws-lambda-powertools", "jmespath", "typing-extensions")
EMPTY = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}


def package(source: str) -> bytes:
    """A function and what it imports, as one would zip it for AWS."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.py", source)
        for library in LIBRARIES:
            for file in distribution(library).files or ():
                if file.suffix == ".py" and ".." not in file.parts:  # scripts lie elsewhere
                    archive.write(str(file.locate()), str(file))
    return buffer.getvalue()


def function(aws: Aws, source: str, timeout_s: int = 2) -> str:
    name = unique("powertools")
    aws.functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=aws.role(QUEUE_EXECUTION),
        Handler="app.handler",
        Code={"ZipFile": package(source)},
        Timeout=timeout_s,
        MemorySize=256,
    )
    aws.functions.get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def consumer(aws: Aws, arn: str, processor: str) -> str:
    """The name of a function that is triggered by the queue."""
    name = function(aws, CONSUMER.replace("PROCESSOR", processor))
    aws.invoke(name, {"Records": []})  # imports take long on a busy machine, and a batch has 2 s
    aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    return name


def attempts(aws: Aws, function: str, count: int) -> list[tuple[int, int]]:
    """(number, receive) of each message that was handled or failed, in order, once there are so many."""

    def found() -> list[tuple[int, int]] | None:
        lines = [line.split() for line in aws.log_lines(function) if line.startswith("attempt ")]
        tried = [(json.loads(body)["number"], int(receive)) for _, body, receive in lines]
        return tried if len(tried) >= count else None

    return eventually(found, f"{count} attempts in the log")


def emptied(aws: Aws, url: str) -> None:
    def is_empty() -> bool:
        answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(EMPTY))
        return bool(answer["Attributes"] == EMPTY)

    eventually(is_empty, "the queue emptied")


def body(number: int, fails: bool) -> str:
    return json.dumps({"number": number, "fails": fails}, separators=(",", ":"))


def test_a_batch_processor_reports_its_failures_and_gets_only_these_again(aws: Aws) -> None:
    url, arn = aws.queue(VisibilityTimeout="2")
    entries = [{"Id": str(number), "MessageBody": body(number, number % 3 == 0)} for number in range(9)]
    aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    name = consumer(aws, arn, "batch.BatchProcessor(event_type=batch.EventType.SQS)")
    emptied(aws, url)
    first = [(number, 1) for number in range(9)]
    assert sorted(attempts(aws, name, 12)) == sorted([*first, (0, 2), (3, 2), (6, 2)])


def test_a_fifo_processor_stops_at_a_failure_and_gets_the_rest_in_order_again(aws: Aws) -> None:
    url, arn = aws.queue(f"{unique('queue')}.fifo", FifoQueue="true", VisibilityTimeout="2")
    entries = [
        {
            "Id": str(number),
            "MessageBody": body(number, number == 2),
            "MessageGroupId": "g",
            "MessageDeduplicationId": str(number),
        }
        for number in range(5)
    ]
    aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    name = consumer(aws, arn, "batch.SqsFifoPartialProcessor()")
    emptied(aws, url)
    assert attempts(aws, name, 6) == [(0, 1), (1, 1), (2, 1), (2, 2), (3, 2), (4, 2)]


def test_metrics_that_a_function_logs_are_in_cloudwatch(aws: Aws) -> None:
    """With those that Lambda counts of it."""
    namespace = unique("Shop")
    name = function(aws, METERED.replace("NAMESPACE", namespace))
    aws.invoke(name, [2, 3])
    aws.invoke(name, [5])
    now = datetime.now(UTC)

    def statistics(space: str, metric: str, **dimensions: str) -> dict[str, Any]:
        by = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        points = aws.cloudwatch.get_metric_statistics(
            Namespace=space,
            MetricName=metric,
            Dimensions=by,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["Sum", "SampleCount", "Maximum"],
        )["Datapoints"]
        return {key: points[0][key] for key in ("Sum", "SampleCount", "Unit")} if points else {}

    amounts = {"Sum": 10.0, "SampleCount": 3.0, "Unit": "Count"}
    eventually(lambda: statistics(namespace, "Amount", service="shop") == amounts, "the amounts")
    cold = statistics(namespace, "ColdStart", function_name=name, service="shop")
    assert cold == {"Sum": 1.0, "SampleCount": 1.0, "Unit": "Count"}
    invocations = statistics("AWS/Lambda", "Invocations", FunctionName=name)
    assert invocations == {"Sum": 2.0, "SampleCount": 2.0, "Unit": "Count"}
    assert statistics("AWS/Lambda", "Errors", FunctionName=name)["Sum"] == 0.0
    assert statistics("AWS/Lambda", "Duration", FunctionName=name, Resource=name)["Unit"] == "Milliseconds"
    group = f"/aws/lambda/{name}"
    assert statistics("AWS/Logs", "IncomingLogEvents", LogGroupName=group)["Sum"] >= 8.0


def test_a_logger_writes_json_with_the_functions_context(aws: Aws) -> None:
    name = function(aws, LOGGED, timeout_s=30)  # it imports much
    answer, result = aws.invoke(name, 7)
    assert result is None, result
    request_id = answer["ResponseMetadata"]["RequestId"]
    lines = [json.loads(line) for line in aws.log_of(name, 1) if line.startswith("{")]
    ordered, failed = lines
    assert [each["message"] for each in lines] == ["ordered", "refused"]
    assert (ordered["level"], ordered["service"], ordered["order"], ordered["amount"]) == (
        "INFO", "shop", 7, 3,
    )  # fmt: skip
    assert ordered["function_name"] == name
    assert ordered["function_arn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    assert (ordered["function_request_id"], ordered["cold_start"]) == (request_id, True)
    assert (failed["level"], failed["exception_name"]) == ("ERROR", "ValueError")
    assert failed["xray_trace_id"].startswith("1-")
