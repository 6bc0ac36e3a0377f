"""Environments that are initialised before anybody calls (the runtime side of provisioned concurrency)."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

from tests.unit.lambda_.conftest import Lambda, until

from noria.services.lambda_.fleet import Fleet, Provisioned
from noria.services.lambda_.models import Function
from noria.services.lambda_.names import resolve

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
