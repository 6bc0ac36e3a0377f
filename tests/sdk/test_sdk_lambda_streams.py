"""InvokeWithResponseStream as boto3 sees it."""

from __future__ import annotations

import base64
import io
import json
import urllib.request
import zipfile

from tests.support.aws import BASIC_EXECUTION, Aws, unique

STREAMING = """
import { setTimeout } from "node:timers/promises";
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const answer = awslambda.HttpResponseStream.from(stream, { statusCode: 202, headers: { "x-kind": "s" } });
  answer.write("first ");
  await setTimeout(10_000);
});
"""
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


def test_a_stream_arrives_while_the_function_still_writes(aws: Aws) -> None:
    """It would write for ten seconds, and the test does not wait for it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.mjs", STREAMING)
    name, api = unique("streaming"), aws.functions
    api.create_function(
        FunctionName=name,
        Runtime="nodejs22.x",
        Role=aws.role(BASIC_EXECUTION),
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=60,
    )
    api.get_waiter("function_active_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
    )
    answer = api.invoke_with_response_stream(FunctionName=name)
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    body = b""
    for event in answer["EventStream"]:
        body += event["PayloadChunk"]["Payload"]
        if body.endswith(b"first "):
            break
    answer["EventStream"].close()
    assert body == b'{"statusCode":202,"headers":{"x-kind":"s"}}' + bytes(8) + b"first "

    config = api.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    api.add_permission(
        FunctionName=name,
        StatementId="open",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    with urllib.request.urlopen(config["FunctionUrl"]) as response:
        assert (response.status, response.headers["x-kind"], response.read(6)) == (202, "s", b"first ")
    api.delete_function(FunctionName=name)
