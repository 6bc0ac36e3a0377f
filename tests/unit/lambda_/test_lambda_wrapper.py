"""AWS_LAMBDA_EXEC_WRAPPER: a script of the function's starts its runtime."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import pytest
from tests.unit.lambda_.conftest import ROLE, RUNTIME, Lambda

WRAPPER = '#!/bin/sh\nexport WRAPPED=by-$(basename $1)\nexec "$@"\n'
PYTHON = """\
import logging, os
def handler(event, context):
    logging.getLogger().warning("said")
    return [event, os.environ["WRAPPED"], context.function_name]
"""
NODE = """\
exports.handler = async (event, context) => [event, process.env.WRAPPED, context.functionName];
"""


def packed() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", PYTHON)
        archive.writestr("index.js", NODE)
        script = zipfile.ZipInfo("environment_wrapper")
        script.external_attr = 0o100755 << 16
        archive.writestr(script, WRAPPER)
    return data.getvalue()


@pytest.mark.parametrize(
    ("runtime", "handler", "program"),
    [(RUNTIME, "app.handler", "python"), ("nodejs22.x", "index.handler", "node")],
)
async def test_a_wrapper_starts_the_runtime(
    isolated: Lambda, runtime: str, handler: str, program: str
) -> None:
    await isolated.api.create_function(
        isolated.ctx(),
        function_name="f",
        runtime=runtime,
        handler=handler,
        role=ROLE,
        code={"ZipFile": packed()},
        environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/environment_wrapper"}},
    )
    await isolated.active()
    answer = await isolated.invoke({"a": 1}, log_type="Tail")
    event, wrapped, name = json.loads(answer["Payload"])
    assert (event, name) == ({"a": 1}, "f")
    assert wrapped.startswith(f"by-{program}")
    assert (b"[WARNING]" in base64.b64decode(answer["LogResult"])) == (program == "python")


async def test_a_wrapper_that_is_not_there_is_named(service: Lambda) -> None:
    await service.create(PYTHON, environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/missing"}})
    answer = await service.invoke(log_type="Tail")
    assert b"Runtime.ExitError" in answer["Payload"]
    assert b"missing]" in base64.b64decode(answer["LogResult"])
