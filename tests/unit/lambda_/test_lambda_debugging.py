"""`noria debug`: the next invocation waits for a debugger, which stops it where it likes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.support.debugger import Debugger
from tests.unit.lambda_.conftest import Lambda, until

from noria.errors import AwsError
from noria.services.lambda_ import debugging

SOURCE = """\
def handler(event, context):
    doubled = event * 2
    return [doubled, context.get_remaining_time_in_millis() > 60_000]
"""


async def ask(service: Lambda, what: str, **members: Any) -> dict[str, Any]:
    work = getattr(service.api.development, what)
    answer: dict[str, Any] = await work(service.ctx(), json.dumps({"function": "f", **members}).encode())
    return answer


async def state(service: Lambda) -> str:
    found: str = (await ask(service, "look_at_debugging"))["state"]
    return found


async def reaches(service: Lambda, wanted: str) -> None:
    for _ in range(1000):
        if await state(service) == wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not {wanted}: {await state(service)}")


async def test_a_debugger_stops_the_next_invocation_in_every_isolation(isolated: Lambda) -> None:
    await isolated.create(SOURCE)
    begun = await ask(isolated, "begin_debugging")
    assert await state(isolated) == "idle"
    invocation = asyncio.create_task(isolated.call(21))
    await reaches(isolated, "invoked")
    assert await isolated.call(1) == [2, False]  # others do not wait

    def debug() -> str:
        debugger = Debugger(begun["host"], begun["port"])
        debugger.attach("/home/me", begun["task_root"], "app.py", 3)
        found = debugger.evaluate("doubled")
        debugger.go_on()
        debugger.close()
        return found

    assert await asyncio.to_thread(debug) == "42"
    assert await invocation == [42, True]  # the timeout of three seconds is suspended
    await reaches(isolated, "ended")
    await ask(isolated, "end_debugging")
    assert await isolated.call(2) == [4, False]


async def test_an_invocation_goes_on_when_debugging_is_given_up(service: Lambda) -> None:
    await service.create(SOURCE)
    await ask(service, "begin_debugging")
    invocation = asyncio.create_task(service.call(21))
    await reaches(service, "invoked")
    await ask(service, "end_debugging")
    assert await asyncio.wait_for(invocation, 20) == [42, True]


async def test_an_invocation_goes_on_when_its_debugger_leaves(service: Lambda) -> None:
    """Before it has said anything."""
    await service.create(SOURCE)
    begun = await ask(service, "begin_debugging")
    invocation = asyncio.create_task(service.call(21))
    await reaches(service, "invoked")
    Debugger(begun["host"], begun["port"]).close()
    assert await asyncio.wait_for(invocation, 20) == [42, True]


async def test_a_debugger_that_nobody_asks_for_any_more_is_forgotten(
    service: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debugging, "LEASE_S", 0.05)
    await service.create(SOURCE)
    await ask(service, "begin_debugging")
    await until(lambda: service.api.development.is_idle, "its lease ends")
    assert await service.call(1) == [2, False]


async def test_no_function_can_be_the_debugger(service: Lambda) -> None:
    """It finds the port open, but is not let in: the invocation waits on."""
    spy = """\
import socket
def handler(event, context):
    with socket.create_connection(("127.0.0.1", event), timeout=5) as connection:
        try:
            connection.sendall(b"Content-Length: 2\\r\\n\\r\\n{}")
            return connection.recv(1).decode()
        except ConnectionError:
            return ""
"""
    await service.create(SOURCE)
    await service.create(spy, "spy")
    begun = await ask(service, "begin_debugging")
    invocation = asyncio.create_task(service.call(21))
    await reaches(service, "invoked")
    assert await service.call(begun["port"], "spy") == ""
    inside = service.api.development._debugging._sessions[begun["function"]].inside
    assert await service.call(inside[1], "spy") == ""
    assert await state(service) == "invoked"
    await ask(service, "end_debugging")
    assert await invocation == [42, True]


async def test_without_debugpy_it_says_what_to_install(
    service: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debugging, "debugger_path", lambda: None)
    await service.create(SOURCE)
    with pytest.raises(AwsError, match=r"debugpy is missing.*pip install 'noria\[debug\]'"):
        await ask(service, "begin_debugging")


async def test_only_one_debugger_and_only_of_python(service: Lambda) -> None:
    await service.create(SOURCE)
    await ask(service, "begin_debugging")
    with pytest.raises(AwsError, match="f is being debugged already"):
        await ask(service, "begin_debugging")
    await service.create({"bootstrap": "#!/bin/sh\n"}, "g", runtime="provided.al2023")
    with pytest.raises(AwsError, match="only Python functions can be debugged"):
        await service.api.development.begin_debugging(service.ctx(), b'{"function": "g"}')


async def test_a_port_in_use_is_named(service: Lambda) -> None:
    await service.create(SOURCE)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(AwsError, match=f"port {port} is in use"):
        await ask(service, "begin_debugging", port=port)
    server.close()
    assert service.api.development.is_idle
