"""The AWS SDK for JavaScript: functions through another client than boto3, with other habits."""

from __future__ import annotations

import base64

import pytest
from tests.support.aws import ACCOUNT, BASIC_EXECUTION, Aws, package, unique
from tests.support.node import Node
from tests.support.server import ServerProcess

SOURCE = """\
def handler(event, context):
    print("called")
    if event.get("fail"):
        raise ValueError("no good")
    return {"doubled": event["n"] * 2}
"""

MODULE = """\
import {
  LambdaClient, CreateFunctionCommand, DeleteFunctionCommand, GetFunctionCommand, InvokeCommand,
  InvokeWithResponseStreamCommand, UpdateFunctionConfigurationCommand, paginateListFunctions,
  waitUntilFunctionActiveV2, waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";

const { NAME, ROLE, PACKAGE } = process.env;
const client = new LambdaClient({ maxAttempts: 1 });
const waits = { client, minDelay: 0.05, maxDelay: 0.05, maxWaitTime: 20 };
const named = { FunctionName: NAME };
const decode = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
const found = {};

const created = await client.send(new CreateFunctionCommand({
  ...named, Role: ROLE, Runtime: "python3.11", Handler: "app.handler",
  Code: { ZipFile: Buffer.from(PACKAGE, "base64") },
}));
found.created = created.State;
found.active = (await waitUntilFunctionActiveV2(waits, named)).state;

const invoked = await client.send(new InvokeCommand({
  ...named, Payload: JSON.stringify({ n: 21 }), LogType: "Tail",
}));
found.answer = decode(invoked.Payload);
found.log = Buffer.from(invoked.LogResult, "base64").toString();

const failed = await client.send(new InvokeCommand({ ...named, Payload: JSON.stringify({ fail: true }) }));
found.error = [failed.StatusCode, failed.FunctionError, decode(failed.Payload).errorMessage];

const streamed = await client.send(new InvokeWithResponseStreamCommand({
  ...named, Payload: JSON.stringify({ n: 4 }),
}));
found.events = [];
for await (const event of streamed.EventStream) {
  found.events.push(event.PayloadChunk ? decode(event.PayloadChunk.Payload) : Object.keys(event)[0]);
}

await client.send(new UpdateFunctionConfigurationCommand({ ...named, Timeout: 7 }));
found.updated = (await waitUntilFunctionUpdatedV2(waits, named)).state;
const got = await client.send(new GetFunctionCommand(named));
found.timeout = got.Configuration.Timeout;
found.code = (await (await fetch(got.Code.Location)).arrayBuffer()).byteLength;

found.listed = 0;
for await (const page of paginateListFunctions({ client, pageSize: 1 }, {})) {
  found.listed += page.Functions.filter((each) => each.FunctionName === NAME).length;
}

await client.send(new DeleteFunctionCommand(named));
try {
  await client.send(new GetFunctionCommand(named));
} catch (error) {
  found.gone = [error.name, error.$metadata.httpStatusCode, error.message];
}
console.log(JSON.stringify(found));
"""


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest) -> Node:
    assert request.config.cache is not None
    return Node(request.config.cache.mkdir("noria-node-lambda"), "@aws-sdk/client-lambda@3")


def test_a_function_lives_through_the_javascript_sdk(server: ServerProcess, aws: Aws, node: Node) -> None:
    name, code = unique("javascript"), package(SOURCE)
    found = node.module(
        MODULE,
        NAME=name,
        ROLE=aws.role(BASIC_EXECUTION),
        PACKAGE=base64.b64encode(code).decode(),
        AWS_ENDPOINT_URL=server.url,
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID=server.root.access_key_id,
        AWS_SECRET_ACCESS_KEY=server.root.secret_access_key,
    )
    lines = found.pop("log").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["START", "called", "END", "REPORT"]
    assert found == {
        "created": "Pending",
        "active": "SUCCESS",
        "answer": {"doubled": 42},
        "error": [200, "Unhandled", "no good"],
        "events": [{"doubled": 8}, "InvokeComplete"],
        "updated": "SUCCESS",
        "timeout": 7,
        "code": len(code),
        "listed": 1,
        "gone": [
            "ResourceNotFoundException",
            404,
            f"Function not found: arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}",
        ],
    }
