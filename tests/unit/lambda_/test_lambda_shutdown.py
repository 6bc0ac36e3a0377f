"""The shutdown phase: a runtime with an extension in it is told of its end, and has half a second."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from tests.unit.lambda_.conftest import Lambda, until

from noria.services.lambda_ import runtimes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals go to what /proc says")

SOURCE = """
import http.client, json, os, signal, sys, threading, time

def call(method, path, body=None, headers={}):
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request(method, "/2020-01-01/extension/" + path, body, headers)
    answer = api.getresponse()
    return answer.status, json.loads(answer.read()), answer.getheader("Lambda-Extension-Identifier")

def on_term(*_):
    print("told to end", flush=True)
    time.sleep(float(os.environ.get("TAKES", "0")))
    print("done", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, on_term)

def handler(event, context):
    if event == "register":
        answer = call("POST", "register", '{"events": []}', {"Lambda-Extension-Name": "within"})
        threading.Thread(target=call, args=("GET", "event/next"), daemon=True).start()
        return answer
    if event == "events":
        return call("POST", "register", '{"events": ["INVOKE"]}', {"Lambda-Extension-Name": "within"})
    return "plain"
"""


@pytest.fixture(autouse=True)
def own_interpreter_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs python3.12, whose runtime handles signals while it waits, whichever it is."""
    monkeypatch.setattr(runtimes, "find_interpreter", lambda version: None)


async def ended(service: Lambda, *events: Any, **members: Any) -> list[str]:
    """What the function printed when it was deleted after these invocations."""
    await service.create(SOURCE, runtime="python3.12", **members)
    for event in events:
        await service.invoke(event)
    (fleet,) = service.api._pool._fleets.values()
    (environment,) = fleet.idle
    await service.api.delete_function(service.ctx(), function_name="f")
    await until(lambda: not environment.is_alive, "it ended")
    await until(lambda: not service.api._pool._endings, "its log is written")
    return [line for line in service.logs.lines("f") if line.endswith(("end\n", "done\n"))]


async def test_a_runtime_that_registered_is_told(isolated: Lambda) -> None:
    assert await ended(isolated, "register") == ["told to end\n", "done\n"]


async def test_it_has_half_a_second(service: Lambda) -> None:
    variables = {"Variables": {"TAKES": "30"}}
    assert await ended(service, "register", environment=variables) == ["told to end\n"]


async def test_others_are_not_told(service: Lambda) -> None:
    assert await ended(service, "plain") == []


async def test_registering_answers_as_the_extensions_api(service: Lambda) -> None:
    await service.create(SOURCE)
    status, document, identifier = await service.call("register")
    assert (status, document) == (
        200,
        {"functionName": "f", "functionVersion": "$LATEST", "handler": "app.handler"},
    )
    assert len(identifier) == 36
    status, document, _ = await service.call("events")
    assert (status, document["errorType"]) == (403, "Extension.NotSupported")
