"""The functions that are invoked, and how they come to be on a server: the same calls for everybody."""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable
from typing import Any

from benchmarks.contenders import BenchmarkError
from benchmarks.servers import Server

SOURCE = """\
import time

cold = True


def echo(event, context):
    global cold
    was, cold = cold, False
    return {"cold": was, "event": event}


def count(event, context):
    print("counted", len(event["Records"]))


def order(event, context):
    began_ns = time.monotonic_ns()
    print("order", began_ns, *[record["body"] for record in event["Records"]])


def say(event, context):
    print("said", event, repr(time.time()))
    time.sleep(0.2)


def consume(event, context):
    now = time.time()
    for record in event["Records"]:
        print("handled", record["body"], repr(now))
"""

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
# What the exercise's consumer may do: poll queues and write logs.
QUEUE_EXECUTION_POLICY = "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"

WAIT_S = 30
POLL_S = 0.02


def package() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("function.py", SOURCE)
    return archive.getvalue()


def create_role(server: Server) -> str:
    iam = server.client("iam")
    role = iam.create_role(RoleName="benchmark", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.attach_role_policy(RoleName="benchmark", PolicyArn=QUEUE_EXECUTION_POLICY)
    arn: str = role["Role"]["Arn"]
    return arn


def create_function(
    lambda_client: Any, name: str, handler: str, role_arn: str, code: bytes | None = None
) -> None:
    """Return once it is Active, as a client that waits for it would."""
    lambda_client.create_function(
        FunctionName=name,
        Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        Handler=f"function.{handler}",
        Role=role_arn,
        Code={"ZipFile": code or package()},
        Timeout=30,
    )

    def active() -> bool:
        state: str = lambda_client.get_function_configuration(FunctionName=name)["State"]
        return state == "Active"

    wait_until(active, f"function {name} to be Active")


def create_trigger(server: Server, lambda_client: Any, queue_url: str, function: str, **options: Any) -> None:
    attributes = server.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    mapping = lambda_client.create_event_source_mapping(
        EventSourceArn=attributes["Attributes"]["QueueArn"], FunctionName=function, **options
    )

    def enabled() -> bool:
        state: str = lambda_client.get_event_source_mapping(UUID=mapping["UUID"])["State"]
        return state == "Enabled"

    wait_until(enabled, "the trigger to be Enabled")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise BenchmarkError(f"waited {WAIT_S} s for {what}")
        time.sleep(POLL_S)
