"""A function that feeds its own queue is stopped."""

from __future__ import annotations

import json

from tests.support.aws import QUEUE_EXECUTION, Aws, allow, eventually

LOOPING = """
import boto3, os
sqs = boto3.client("sqs")
def handler(event, context):
    print("again")
    for record in event["Records"]:
        sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=record["body"])
"""


def test_a_loop_between_a_function_and_a_queue_stops_at_sixteen(aws: Aws) -> None:
    dead_url, dead_arn = aws.queue()
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url, arn = aws.queue(VisibilityTimeout="10", RedrivePolicy=redrive)
    role = aws.role(QUEUE_EXECUTION, send=allow("sqs:SendMessage", arn))
    name = aws.function(LOOPING, role, Timeout=10, MemorySize=256, Environment={"Variables": {"QUEUE": url}})
    assert aws.functions.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"
    aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, BatchSize=1)
    aws.sqs.send_message(QueueUrl=url, MessageBody="round")

    def sixteen() -> bool:
        return aws.log_lines(name).count("again\n") >= 16

    eventually(sixteen, "sixteen invocations", within_s=60)
    (message,) = eventually(
        lambda: aws.sqs.receive_message(QueueUrl=dead_url, WaitTimeSeconds=1).get("Messages"),
        "the message in the dead-letter queue",
        within_s=60,
    )
    assert message["Body"] == "round"
    assert aws.log_lines(name).count("again\n") == 16


def test_settings_of_loops_and_runtimes(aws: Aws) -> None:
    api = aws.functions
    name = aws.function("def handler(event, context):\n    pass\n", aws.role(QUEUE_EXECUTION))
    api.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    assert api.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow"
    api.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="FunctionUpdate")
    assert api.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "FunctionUpdate"
