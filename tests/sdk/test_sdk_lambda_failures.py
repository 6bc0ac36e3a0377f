"""Functions that fail: what the invoker is answered, and what the log says."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.aws import ACCOUNT, BASIC_EXECUTION, Aws


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    return aws.role(BASIC_EXECUTION)


def fails(aws: Aws, function: str, payload: object = None) -> tuple[str, Any]:
    """(the request's id, the error document) of an invocation that must fail; Invoke itself answers 200."""
    answer, document = aws.invoke(function, payload)
    assert answer["StatusCode"] == 200
    assert answer.get("FunctionError") == "Unhandled", document
    return answer["ResponseMetadata"]["RequestId"], document


def test_a_producer_without_the_policy_reads_the_denial(aws: Aws, role: str) -> None:
    url, arn = aws.queue()
    source = """
import boto3, os

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody="x")
"""
    name = aws.function(source, role, Timeout=20, Environment={"Variables": {"QUEUE_URL": url}})
    request_id, document = fails(aws, name)
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{name}"
    assert document["errorType"] == "ClientError"
    assert document["errorMessage"] == (
        "An error occurred (AccessDenied) when calling the SendMessage operation: "
        f"User: {session} is not authorized to perform: sqs:sendmessage on resource: {arn} "
        "because no identity-based policy allows the sqs:sendmessage action"
    )
    assert document["requestId"] == request_id
    assert document["stackTrace"]


def test_an_exception_is_the_payload(aws: Aws, role: str) -> None:
    name = aws.function("def handler(event, context):\n    raise ValueError('no such thing')\n", role)
    request_id, document = fails(aws, name)
    assert document["errorMessage"] == "no such thing"
    assert document["errorType"] == "ValueError"
    assert document["requestId"] == request_id
    [line] = document["stackTrace"]
    assert line.startswith('  File "/')
    assert line.endswith("/app.py\", line 2, in handler\n    raise ValueError('no such thing')\n")
    assert any(line.startswith("[ERROR] ValueError: no such thing") for line in aws.log_of(name, 1))


def test_a_missing_variable_is_a_key_error(aws: Aws, role: str) -> None:
    name = aws.function("import os\ndef handler(event, context):\n    os.environ['QUEUE_URL']\n", role)
    _, document = fails(aws, name)
    assert (document["errorType"], document["errorMessage"]) == ("KeyError", "'QUEUE_URL'")


@pytest.mark.parametrize(
    ("source", "handler", "error_type", "message"),
    [
        (
            "def other(event, context): ...\n",
            "app.handler",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'app'",
        ),
        (
            "",
            "missing.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'missing': No module named 'missing'",
        ),
        (
            "import nonsense\n",
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nonsense'",
        ),
        (
            "def handler(event, context)\n",
            "app.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': expected ':' (app.py, line 1)",
        ),
        ("raise RuntimeError('at import')\n", "app.handler", "RuntimeError", "at import"),
    ],
)
def test_what_cannot_be_loaded_says_why(
    aws: Aws, role: str, source: str, handler: str, error_type: str, message: str
) -> None:
    name = aws.function(source, role, handler=handler)
    _, document = fails(aws, name)
    assert (document["errorType"], document["errorMessage"]) == (error_type, message)


def test_what_is_not_json_cannot_be_returned(aws: Aws, role: str) -> None:
    name = aws.function("def handler(event, context):\n    return {1, 2}\n", role)
    _, document = fails(aws, name)
    assert document["errorType"] == "Runtime.MarshalError"
    assert (
        document["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"
    )


def test_a_timeout_ends_the_function(aws: Aws, role: str) -> None:
    source = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'awake'\n"
    name = aws.function(source, role, Timeout=1)
    request_id, document = fails(aws, name, 30)
    assert document == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    assert aws.invoke(name, 0)[1] == "awake"  # a new environment takes over
    assert any("Task timed out after 1.00 seconds" in line for line in aws.log_of(name, 2))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(4)", "Runtime exited with error: exit status 4"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_an_exit_is_reported_and_the_next_invocation_runs(
    aws: Aws, role: str, statement: str, message: str
) -> None:
    source = f"import os, sys\ndef handler(event, context):\n    if event: {statement}\n    return 'alive'\n"
    name = aws.function(source, role)
    request_id, document = fails(aws, name, payload=True)
    assert document == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: {message}",
    }
    assert aws.invoke(name, payload=False)[1] == "alive"


def test_out_of_memory_kills_the_function(aws: Aws, role: str) -> None:
    source = """
import time

def handler(event, context):
    kept = []
    for _ in range(60):
        kept.append(b"x" * (8 << 20))
        time.sleep(0.01)
    return "survived"
"""
    name = aws.function(source, role, MemorySize=128, Timeout=20)
    request_id, document = fails(aws, name)
    assert document == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    }


def test_a_response_that_is_too_large_is_an_error(aws: Aws, role: str) -> None:
    name = aws.function("def handler(event, context):\n    return 'x' * 7_000_000\n", role, Timeout=20)
    _, document = fails(aws, name)
    assert document == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }


def test_without_logs_permission_it_runs_and_leaves_no_logs(aws: Aws) -> None:
    name = aws.function("def handler(event, context):\n    print('unheard')\n    return 'ran'\n", aws.role())
    assert aws.invoke(name)[1] == "ran"
    assert aws.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"] == []
    answer, _ = aws.invoke(name, LogType="Tail")  # the invoker may see what the log may not hold
    assert "LogResult" in answer
