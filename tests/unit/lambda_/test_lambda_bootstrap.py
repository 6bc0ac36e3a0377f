"""Functions that bring their own runtime, in each mode of isolation."""

from __future__ import annotations

import base64
import io
import stat
import zipfile

import pytest
from tests.unit.lambda_.conftest import ACCOUNT, Lambda, until, zipped

# Any program that speaks HTTP will do.
BOOTSTRAP = """#!/usr/bin/env python3
import http.client, os, sys
print("started", sys.argv[0], os.environ["_HANDLER"], flush=True)
while True:
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    invocation = api.getresponse()
    event, request_id = invocation.read(), invocation.getheader("Lambda-Runtime-Aws-Request-Id")
    if event == b'"exit"':
        sys.exit(7)
    api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", b'{"echo": %b}' % event)
    api.getresponse().read()
"""


def executable(name: str, content: str, mode: int = 0o755) -> bytes:
    data = io.BytesIO()
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFREG | mode) << 16
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(info, content)
    return data.getvalue()


async def create(service: Lambda, package: bytes) -> None:
    await service.api.create_function(
        service.ctx(),
        function_name="f",
        runtime="provided.al2023",
        handler="the.handler",
        role=f"arn:aws:iam::{ACCOUNT}:role/Activity25Role",
        code={"ZipFile": package},
    )
    await service.active()


async def test_a_bootstrap_runs(isolated: Lambda) -> None:
    await create(isolated, executable("bootstrap", BOOTSTRAP))
    assert await isolated.call({"a": 1}) == {"echo": {"a": 1}}
    assert await isolated.call([2]) == {"echo": [2]}
    await until(lambda: len(isolated.logs.lines("f")) > 1, "its log is written")
    lines = isolated.logs.lines("f")
    assert lines[0] == "INIT_START Runtime Version: provided:al2023\n"
    assert lines[1].startswith("started ")
    assert lines[1].endswith("/bootstrap the.handler\n")
    answer = await isolated.invoke("exit")
    assert b"Runtime exited with error: exit status 7" in answer["Payload"]


@pytest.mark.parametrize(
    ("package", "said"),
    [
        (zipped({"other": "x"}), "Couldn't find valid bootstrap(s): ["),
        (executable("bootstrap", BOOTSTRAP, 0o644), "Permission denied"),
    ],
)
async def test_a_missing_or_unusable_bootstrap_is_said(service: Lambda, package: bytes, said: str) -> None:
    await create(service, package)
    answer = await service.invoke(log_type="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert said in base64.b64decode(answer["LogResult"]).decode()
