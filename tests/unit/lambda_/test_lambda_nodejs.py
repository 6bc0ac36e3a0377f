"""Functions in JavaScript, in each mode of isolation."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.lambda_.conftest import ISOLATIONS, ROLE, Lambda, until, zipped

from noria.clock import SystemClock
from noria.config import IsolationMode
from noria.services.lambda_.runtime_table import RUNTIMES

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNTIME = "nodejs20.x"
FUNCTIONS = Path(__file__).with_name("nodejs")
CODE = {str(path.relative_to(FUNCTIONS)): path.read_text() for path in FUNCTIONS.rglob("*") if path.is_file()}


async def running(data_dir: Path, isolation: IsolationMode) -> AsyncIterator[Lambda]:
    """With a function ``f`` whose handler is what a test says."""
    lambda_service = Lambda(data_dir, SystemClock(), isolation=isolation)
    await lambda_service.start()
    members = {"runtime": RUNTIME, "handler": "index.echo", "role": ROLE, "timeout": 5}
    await lambda_service.api.create_function(
        lambda_service.ctx(), function_name="f", code={"ZipFile": zipped(CODE)}, **members
    )
    await lambda_service.active()
    yield lambda_service
    await lambda_service.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lambda]:
    async for lambda_service in running(tmp_path_factory.mktemp("data"), "auto"):
        yield lambda_service


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ISOLATIONS)
async def everywhere(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lambda]:
    """In each mode of isolation."""
    async for lambda_service in running(tmp_path_factory.mktemp("data"), request.param):
        yield lambda_service


async def handled_by(service: Lambda, handler: str) -> None:
    await service.api.update_function_configuration(service.ctx(), function_name="f", handler=handler)
    await service.active()


async def outcome(service: Lambda, handler: str, event: object = None) -> tuple[Any, str, list[str]]:
    """(answer, FunctionError, log) of one handler."""
    await handled_by(service, handler)
    answer = await service.invoke(event, log_type="Tail")
    log = base64.b64decode(answer["LogResult"]).decode().splitlines()
    return json.loads(answer["Payload"]), answer.get("FunctionError", ""), log


async def test_event_and_context(everywhere: Lambda) -> None:
    answer, error, log = await outcome(everywhere, "index.echo", {"a": [1, "ä"]})
    assert error == ""
    assert answer["event"] == {"a": [1, "ä"]}
    context = answer["context"]
    assert context.pop("awsRequestId") in log[0]
    assert context.pop("logStreamName").startswith("20")
    assert 4000 < answer["left"] <= 5000
    arn = "arn:aws:lambda:us-west-1:111122223333:function:f"
    assert context == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionName": "f",
        "functionVersion": "$LATEST",
        "invokedFunctionArn": arn,
        "logGroupName": "/aws/lambda/f",
        "memoryLimitInMB": "128",
    }
    assert [line.split()[0] for line in log] == ["START", "END", "REPORT"]
    assert (await everywhere.call({"warm": True}))["event"] == {"warm": True}


async def test_the_console_writes_awss_lines(service: Lambda) -> None:
    _, _, log = await outcome(service, "index.log")
    request_id = log[0].split()[2]
    pattern = rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t{request_id}\t"
    assert re.fullmatch(pattern + "INFO\ttwo", log[1])
    assert log[2] == "lines { a: 1 }"
    assert re.fullmatch(pattern + "ERROR\tbad", log[3])
    assert log[4] == "raw"


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        ("module.handler", ["undefined", True]),
        ("typed/app.handler", ["typed", "app.js"]),
        ("plain.handler", "plain.cjs"),
        ("index.nested.deep.handler", "deep"),
        ("index.sync", None),
        ("index.callback", "called"),
        ("index.soon", "soon"),
        ("index.done", "done"),
    ],
)
async def test_handlers_are_found_and_answer_in_every_way(
    service: Lambda, handler: str, answer: object
) -> None:
    assert (await outcome(service, handler))[:2] == (answer, "")


async def test_a_callback_waits_for_the_event_loop_unless_told_otherwise(service: Lambda) -> None:
    await handled_by(service, "index.callback")
    assert await service.call() == "called"
    assert await service.call() == "set"  # by a timer, before the first answer was sent


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("index.fail", "TypeError", "no"),
        ("index.text", "string", "just text"),
        ("index.callbackError", "RangeError", "called"),
        ("index.cyclic", "Error", "Unable to stringify response body"),
        ("index.reject", "Runtime.UnhandledPromiseRejection", "Error: nobody cares"),
        ("index.uncaught", "Error", "later"),
        ("index.exit", "Runtime.ExitError", "RequestId: {} Error: Runtime exited with error: exit status 3"),
        ("missing.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'not-there'\n"),
        ("nowhere.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'nowhere'\n"),
        ("syntax.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"),
        ("thrown.handler", "Error", "at init"),
        ("index.absent", "Runtime.HandlerNotFound", "index.absent is undefined or not exported"),
        ("index.number", "Runtime.HandlerNotFound", "index.number is not a function"),
        ("index", "Runtime.MalformedHandlerName", "Bad handler"),
        ("../index.echo", "Runtime.MalformedHandlerName", "'../index.echo' is not a valid handler name. "),
    ],
)
async def test_every_way_to_fail_has_awss_document(
    service: Lambda, handler: str, error_type: str, message: str
) -> None:
    answer, error, log = await outcome(service, handler)
    assert error == "Unhandled"
    assert answer["errorType"] == error_type
    request_id = next(line for line in log if line.startswith("START")).split()[2]
    assert answer["errorMessage"].startswith(message.format(request_id))
    if error_type not in {"string", "Runtime.ExitError"}:
        assert answer["trace"][0].startswith(f"{error_type}: ") or handler == "syntax.handler"
        assert any('"errorType":"' in line and "\tERROR\t" in line for line in log)


async def test_the_log_says_which_node_runs_a_runtime_that_is_not_here(service: Lambda) -> None:
    runtimes = service.api._core.runtimes
    here = runtimes._interpreters.pop(RUNTIMES["nodejs22.x"], None)
    await service.create(CODE, name="other", runtime="nodejs22.x", handler="index.nested.deep.handler")
    assert await service.call(name="other") == "deep"
    await until(lambda: service.logs.lines("other"), "its log is written")
    lines = service.logs.lines("other")
    used = runtimes.interpreter("nodejs22.x").text
    assert lines[0] == f"INIT_START Runtime Version: nodejs:{used}\n"
    assert lines[1].startswith(
        f"NORIA Node.js {used} runs nodejs22.x: no Node.js 22 on this machine: neither "
    )
    if here is not None:
        runtimes._interpreters[RUNTIMES["nodejs22.x"]] = here


async def test_callback_handlers_are_refused_since_node_24(service: Lambda) -> None:
    await service.create(CODE, name="newest", runtime="nodejs24.x", handler="index.callback")
    document = json.loads((await service.invoke(name="newest"))["Payload"])
    assert document["errorType"] == "Runtime.CallbackHandlerDeprecated"
    assert "removed support for callback-based function handlers" in document["errorMessage"]


async def test_a_promise_that_never_settles_is_said(service: Lambda) -> None:
    answer, error, _ = await outcome(service, "index.never")
    assert (answer["errorType"], error) == ("Runtime.NodeJsExit", "Unhandled")


async def test_an_environment_is_used_again_after_an_error_of_the_handler(service: Lambda) -> None:
    await handled_by(service, "index.fail")
    await service.invoke()
    answer = await service.invoke(log_type="Tail")
    assert b"Init Duration" not in base64.b64decode(answer["LogResult"])


async def test_streaming_handlers(service: Lambda) -> None:
    await handled_by(service, "index.stream")
    assert (await service.invoke())["Payload"] == b'one {"two":2}'
    assert (await service.invoke())["Payload"] == b'one {"two":2}'
    await handled_by(service, "index.http")
    assert (await service.invoke())["Payload"] == b'{"statusCode":201}' + bytes(8) + b"body"


async def test_a_streaming_handler_that_fails(service: Lambda) -> None:
    answer, error, log = await outcome(service, "index.broken")
    assert (answer["errorType"], answer["errorMessage"], error) == ("Error", "torn", "Unhandled")
    assert any("\tERROR\tInvoke Error \t" in line for line in log)
