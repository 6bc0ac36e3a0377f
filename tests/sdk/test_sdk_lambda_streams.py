"""InvokeWithResponseStream as boto3 sees it."""

from __future__ import annotations

import base64
import json

from tests.support.aws import BASIC_EXECUTION, Aws

SOURCE = """
def handler(event, context):
    if event == "fail":
        raise ValueError("as asked")
    return "x" * event
"""


def test_a_stream_carries_the_answer_and_how_it_ended(aws: Aws) -> None:
    name = aws.function(SOURCE, aws.role(BASIC_EXECUTION))
    api = aws.functions
    size = (1 << 20) + 10
    answer = api.invoke_with_response_stream(FunctionName=name, Payload=str(size), LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    *chunks, complete = list(answer["EventStream"])
    assert len(chunks) == 2
    body = b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks)
    assert json.loads(body) == "x" * size
    assert b"END RequestId" in base64.b64decode(complete["InvokeComplete"]["LogResult"])

    failed = api.invoke_with_response_stream(FunctionName=name, Payload=b'"fail"')
    (complete,) = list(failed["EventStream"])
    assert complete["InvokeComplete"]["ErrorCode"] == "Unhandled"
    assert json.loads(complete["InvokeComplete"]["ErrorDetails"])["errorMessage"] == "as asked"
    assert api.invoke_with_response_stream(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
