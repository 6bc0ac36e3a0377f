"""Powertools for AWS Lambda: its BatchProcessor reads our events, and we read its answers."""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import distribution

from tests.support.aws import QUEUE_EXECUTION, Aws, eventually, unique

# Fails a message the first time that it is received, where its body says so.
CONSUMER = """
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

processor = BatchProcessor(event_type=EventType.SQS)

def handle(record):
    attempt = record.attributes.approximate_receive_count
    print("attempt", record.body, attempt)
    if record.json_body["fails"] and attempt == "1":
        raise ValueError(record.message_id)

def handler(event, context):
    return process_partial_response(event, handle, processor, context)
"""
LIBRARIES = ("aws-lambda-powertools", "jmespath", "typing-extensions")
EMPTY = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}


def package() -> bytes:
    """The consumer and what it imports, as one would zip it for AWS."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.py", CONSUMER)
        for library in LIBRARIES:
            for file in distribution(library).files or ():
                if file.suffix == ".py" and ".." not in file.parts:  # scripts lie elsewhere
                    archive.write(str(file.locate()), str(file))
    return buffer.getvalue()


def test_a_batch_processor_reports_its_failures_and_gets_only_these_again(aws: Aws) -> None:
    url, arn = aws.queue(VisibilityTimeout="2")
    name = unique("powertools")
    aws.functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=aws.role(QUEUE_EXECUTION),
        Handler="app.handler",
        Code={"ZipFile": package()},
        Timeout=2,
        MemorySize=256,
    )
    aws.functions.get_waiter("function_active_v2").wait(FunctionName=name)
    entries = [
        {"Id": str(number), "MessageBody": f'{{"number":{number},"fails":{str(number % 3 == 0).lower()}}}'}
        for number in range(9)
    ]
    aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    aws.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, FunctionResponseTypes=["ReportBatchItemFailures"]
    )

    def depth() -> bool:
        answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(EMPTY))
        return bool(answer["Attributes"] == EMPTY)

    eventually(depth, "the queue emptied")

    def attempts() -> list[str] | None:
        lines = [line.split() for line in aws.log_lines(name) if line.startswith("attempt ")]
        return sorted(f"{body} {count}" for _, body, count in lines) if len(lines) >= 12 else None

    first = [f"{entry['MessageBody']} 1" for entry in entries]
    again = [f"{entry['MessageBody']} 2" for entry in entries if '"fails":true' in entry["MessageBody"]]
    assert eventually(attempts, "every attempt in the log") == sorted(first + again)
