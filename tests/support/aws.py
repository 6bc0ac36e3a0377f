"""What tests make through the public APIs: small packages, roles, queues, functions."""

from __future__ import annotations

import contextlib
import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ClientError
from tests.support.server import Keys

T = TypeVar("T")

ACCOUNT = "000000000000"
BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
QUEUE_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"


def unique(prefix: str) -> str:
    """A name that no other test uses: they share one server."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def package(source: str, module: str = "app") -> bytes:
    """A zip with one module."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{module}.py", source)
    return buffer.getvalue()


def trust(principal: dict[str, str]) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
        }
    )


LAMBDA_TRUST = trust({"Service": "lambda.amazonaws.com"})
ACCOUNT_TRUST = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})


def allow(action: str | list[str], resource: str) -> str:
    """A policy document with one statement."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def eventually(look: Callable[[], T | None], what: str, within_s: float = 20.0, every_s: float = 0.05) -> T:
    """What `look` finds, once it finds something; for what other processes do."""
    deadline_s = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline_s, f"not within {within_s:.0f} s: {what}"
        time.sleep(every_s)


@contextlib.contextmanager
def refused(status: int, code: str, message: str) -> Iterator[None]:
    """The block's call is answered with exactly this error, as boto3 reads it."""
    with pytest.raises(ClientError) as caught:
        yield
    answer = caught.value.response
    got = (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"])
    assert got == (status, code, message)


class Aws:
    """Clients of one server, as root, and short ways to make what most tests need."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self.sqs = client("sqs")
        self.iam = client("iam")
        self.sts = client("sts")
        self.functions = client("lambda")
        self.logs = client("logs")
        self.cloudwatch = client("cloudwatch")

    def queue(self, name: str = "", **attributes: str) -> tuple[str, str]:
        """(URL, ARN) of a new queue."""
        name = name or unique("queue")
        url: str = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"

    def role(self, *managed: str, trusting: str = LAMBDA_TRUST, **inline: str) -> str:
        """The ARN of a new role. managed: ARNs of its policies; inline: documents by name."""
        name = unique("role")
        arn: str = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting)["Role"]["Arn"]
        for policy in managed:
            self.iam.attach_role_policy(RoleName=name, PolicyArn=policy)
        for policy, document in inline.items():
            self.iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
        return arn

    def assume(self, role: str, session: str) -> Keys:
        keys = self.sts.assume_role(RoleArn=role, RoleSessionName=session)["Credentials"]
        return Keys(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    def function(self, source: str, role: str, *, handler: str = "app.handler", **settings: Any) -> str:
        """The name of a new function, active."""
        name: str = settings.pop("FunctionName", "") or unique("function")
        self.functions.create_function(
            FunctionName=name,
            Runtime=settings.pop("Runtime", "python3.11"),
            Role=role,
            Handler=handler,
            Code={"ZipFile": package(source)},
            **settings,
        )
        self.functions.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
        )
        return name

    def invoke(self, function: str, payload: object = None, **options: Any) -> tuple[dict[str, Any], Any]:
        """(the answer, its payload decoded)."""
        answer = self.functions.invoke(FunctionName=function, Payload=json.dumps(payload), **options)
        body = answer["Payload"].read()
        return answer, json.loads(body) if body else None

    def log_of(self, function: str, invocations: int) -> list[str]:
        """Every line that it logged, once so many invocations are reported: the log follows the answer."""

        def reported() -> list[str] | None:
            lines = self.log_lines(function)
            reports = sum(line.startswith("REPORT ") for line in lines)
            assert reports <= invocations, lines
            return lines if reports == invocations else None

        return eventually(reported, f"{invocations} invocations in the log of {function}")

    def log_lines(self, function: str) -> list[str]:
        """Every line that has been logged so far; [] while there is no log group."""
        try:
            pages = self.logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{function}"
            )
            return [event["message"] for page in pages for event in page["events"]]
        except self.logs.exceptions.ResourceNotFoundException:
            return []
