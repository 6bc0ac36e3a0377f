"""Environments that are there before anybody calls: prepared, or (provisioned concurrency) initialised."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import Any

import pytest
from tests.unit.lambda_.conftest import Lambda, until

from noria.services.lambda_ import prepared as prepared_module
from noria.services.lambda_.fleet import Fleet, Provisioned
from noria.services.lambda_.models import Function
from noria.services.lambda_.names import resolve
from noria.services.lambda_.process import RuntimeProcess

SOURCE = """
import os, time
began = time.time()
def handler(event, context):
    time.sleep(event or 0)
    return [began, os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], context.log_stream_name]
"""


async def latest(service: Lambda) -> Function:
    found: Function = await service.api._control.latest(resolve(service.ctx(), "f"))
    return found


def fleet_of(service: Lambda) -> Fleet:
    (fleet,) = service.api._pool._fleets.values()
    assert isinstance(fleet, Fleet)
    return fleet


async def provision(service: Lambda, count: int) -> Function:
    function = await latest(service)
    service.api._pool.set_provisioned(function, count)
    await until(lambda: service.api._pool.provisioned(function).status == "READY", "they are ready")
    return function


async def test_provisioned_environments_wait_initialised_and_serve_at_once(service: Lambda) -> None:
    await service.create(SOURCE)
    function = await latest(service)
    assert service.api._pool.provisioned(function) == Provisioned(0, 0)
    service.api._pool.set_provisioned(function, 2)
    assert service.api._pool.provisioned(function).status == "IN_PROGRESS"
    await until(lambda: service.api._pool.provisioned(function) == Provisioned(2, 2), "two are ready")
    answers = await asyncio.gather(service.call(0.2), service.call(0.2), service.call(0.2))
    assert sorted(kind for _, kind, _ in answers) == ["on-demand"] + ["provisioned-concurrency"] * 2
    first = next(stream for _, kind, stream in answers if kind != "on-demand")
    lines = [text for _, text in service.logs.streams["/aws/lambda/f", first].events]
    assert lines[0].startswith("INIT_START ")
    (report,) = [text for text in lines if text.startswith("REPORT ")]
    assert "\tInit Duration: " in report  # of the initialisation that was before


async def test_provisioned_environments_are_not_expired_and_are_made_anew(service: Lambda) -> None:
    await service.create(SOURCE)
    function = await provision(service, 2)
    pool = service.api._pool
    fleet = fleet_of(service)
    for environment in fleet.idle:
        environment.idle_since_ms = 0
    pool._expire()
    assert len(fleet.idle) == 2
    process = fleet.idle[0]._process
    assert process is not None
    os.kill(process.pid.result(), signal.SIGKILL)
    await until(lambda: not process.is_alive, "it ended")
    pool._expire()
    await until(lambda: pool.provisioned(function) == Provisioned(2, 2), "there is another one")
    assert all(environment.is_alive for environment in fleet.idle)
    pool.set_provisioned(function, 0)
    for environment in fleet.idle:
        environment.idle_since_ms = 0
    pool._expire()
    assert fleet.idle == []


async def test_provisioned_environments_whose_initialisation_fails_are_said(service: Lambda) -> None:
    await service.create("raise ValueError('no')\n")
    function = await latest(service)
    service.api._pool.set_provisioned(function, 1)
    await until(lambda: service.api._pool.provisioned(function).status == "FAILED", "it failed")
    failed: Any = service.api._pool.provisioned(function)
    assert (failed.requested, failed.available) == (1, 0)
    assert '"errorType": "ValueError"' in failed.failure
    await until(lambda: any(line.startswith("INIT_REPORT ") for line in service.logs.lines("f")), "logged")


async def test_provisioned_environments_go_with_their_build(service: Lambda) -> None:
    await service.create(SOURCE)
    await provision(service, 1)
    process = fleet_of(service).idle[0]._process
    await service.api.delete_function(service.ctx(), function_name="f")
    await until(lambda: process is not None and not process.is_alive, "it ended")
    assert service.api._pool._environments == 0


async def prepared(service: Lambda) -> RuntimeProcess:
    """The process that waits for the first invocation of ``f``."""
    pool = service.api._pool
    (task,) = pool._prepared._tasks.values()
    environment = await task
    (process, _) = environment._waiting
    assert isinstance(process, RuntimeProcess)
    return process


async def test_a_sandbox_waits_for_the_first_invocation_and_initialises_with_it(isolated: Lambda) -> None:
    await isolated.create(SOURCE)
    process = await prepared(isolated)
    assert process.is_alive
    assert isolated.logs.lines("f") == []
    before_s = time.time()
    began_s, kind, stream = await isolated.call()
    assert (began_s > before_s, kind) == (True, "on-demand")
    (environment,) = fleet_of(isolated).idle
    assert environment._process is process
    assert isolated.api._pool._prepared._tasks == {}
    await until(lambda: "\tInit Duration: " in "".join(isolated.logs.lines("f")), "it is reported")
    assert isolated.logs.lines("f")[0].startswith("INIT_START ")
    assert [key for _, key in isolated.logs.streams] == [stream]


@pytest.mark.skipif(sys.platform != "linux", reason="its processes are looked up in /proc")
async def test_what_waits_ends_unused_with_its_build(service: Lambda) -> None:
    await service.create(SOURCE)
    first = await prepared(service)
    await service.api.update_function_configuration(service.ctx(), function_name="f", timeout=4)
    await service.active()
    await until(lambda: not first.is_alive, "the old build's ended")
    second = await prepared(service)
    assert second.is_alive
    await service.api.delete_function(service.ctx(), function_name="f")
    await until(lambda: not second.is_alive, "it ended with the function")
    assert service.logs.lines("f") == []


async def test_a_sandbox_that_ended_while_it_waited_is_not_missed(service: Lambda) -> None:
    await service.create(SOURCE)
    process = await prepared(service)
    process.kill()
    await until(lambda: not process.is_alive, "it ended")
    assert (await service.call())[1] == "on-demand"


async def test_only_so_many_wait(service: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared_module, "PREPARED", 1)
    await service.create(SOURCE, name="f")
    first = await prepared(service)
    await service.create(SOURCE, name="g")
    await until(lambda: not first.is_alive, "the older one ended")
    assert (await service.call(name="f"))[1] == "on-demand"
    assert (await service.call(name="g"))[1] == "on-demand"
