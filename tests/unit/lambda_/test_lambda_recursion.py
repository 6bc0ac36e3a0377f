"""Loops stop at 16 invocations; and the settings that have operations of their own."""

from __future__ import annotations

import pytest
from tests.unit.lambda_.conftest import Lambda, until
from tests.unit.lambda_.support import ARN, active, create, invalid, not_found, publish, refused

from noria.services.lambda_.models import Function
from noria.services.lambda_.recursion import is_loop, lineage, next_header

TRACE = "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n"
LOOP = (
    "RecursiveInvocationException",
    400,
    "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services "
    "resources and stopped your function's invocation.",
)


def function(name: str = "f") -> Function:
    return Function(
        account="111122223333",
        region="us-west-1",
        name=name,
        runtime="python3.12",
        role="r",
        handler="h",
        code_sha256="",
        code_size_bytes=0,
        last_modified_ms=0,
        revision_id="",
        build_id="",
    )


def test_every_function_is_counted_on_its_way() -> None:
    header = ""
    for name in ("f", "g", "f"):
        header = next_header(header, function(name), 1_700_000_000_000)
    assert header.startswith("Root=1-6553f100-")
    assert list(lineage(header).values()) == [1, 2]
    root = header.partition(";")[0]
    assert next_header(header, function(), 0).startswith(root)


@pytest.mark.parametrize(("times", "stopped"), [(15, False), (16, True)])
def test_sixteen_invocations_are_a_loop(times: int, stopped: bool) -> None:
    header = ""
    for _ in range(times):
        header = next_header(header, function(), 0)
    assert is_loop(header, function()) is stopped
    assert not is_loop(header, function("other"))


@pytest.mark.parametrize(
    "header", ["", "x", "Lineage=", "Lineage=zz:1", "Root=1-2;Lineage=|||", "Lineage=1:2:3"]
)
def test_headers_of_others_are_no_loops(header: str) -> None:
    assert not is_loop(header, function())
    assert list(lineage(next_header(header, function(), 0)).values()) == [1]


def test_a_long_way_forgets_its_beginning() -> None:
    header = ""
    for number in range(100):
        header = next_header(header, function(f"f{number}"), 0)
    assert len(lineage(header)) == 32
    assert len(header) < 1024


async def test_an_invocation_is_stopped_unless_the_function_allows_loops(service: Lambda) -> None:
    await service.create(TRACE)
    ctx = service.ctx()
    for _ in range(16):
        answer = await service.api.invoke(ctx, function_name="f")
        ctx.trace_header = answer["Payload"].decode().strip('"')
    assert await refused(service.api.invoke(ctx, function_name="f")) == LOOP
    api = service.api
    allowed = await api.put_function_recursion_config(ctx, function_name="f", recursive_loop="Allow")
    assert allowed == {"RecursiveLoop": "Allow"}
    assert (await api.invoke(ctx, function_name="f"))["StatusCode"] == 200


async def test_an_event_of_a_loop_is_given_up_at_once(service: Lambda) -> None:
    await service.create(TRACE)
    ctx = service.ctx()
    mark = next(iter(lineage(next_header("", function(), 0))))
    ctx.trace_header = f"Lineage={mark}:16"
    await service.api.invoke(ctx, function_name="f", invocation_type="Event")
    await until(lambda: not service.api._events._running, "nothing runs")
    assert service.api._events._waiting == []
    assert service.logs.lines("f") == []


async def test_loops_are_terminated_by_default(service: Lambda) -> None:
    api, ctx = service.api, service.ctx()
    missing = api.get_function_recursion_config(ctx, function_name="f")
    assert await refused(missing) == not_found(f"Function not found: {ARN}")
    await active(service)
    assert await api.get_function_recursion_config(ctx, function_name="f") == {"RecursiveLoop": "Terminate"}
    await api.put_function_recursion_config(ctx, function_name="f", recursive_loop="Allow")
    assert await api.get_function_recursion_config(ctx, function_name="f") == {"RecursiveLoop": "Allow"}


async def test_the_runtimes_only_version_can_be_pinned(service: Lambda) -> None:
    await active(service)
    await publish(service)
    api, ctx = service.api, service.ctx()
    found = await api.get_runtime_management_config(ctx, function_name="f")
    assert found == {"UpdateRuntimeOn": "Auto", "FunctionArn": ARN}
    configuration = await api.get_function_configuration(ctx, function_name="f")
    version = configuration["RuntimeVersionConfig"]["RuntimeVersionArn"]
    pinned = {"UpdateRuntimeOn": "Manual", "FunctionArn": f"{ARN}:1", "RuntimeVersionArn": version}
    manual = {"function_name": "f", "qualifier": "1", "update_runtime_on": "Manual"}
    put = api.put_runtime_management_config
    assert await put(ctx, **manual, runtime_version_arn=version) == pinned
    assert await api.get_runtime_management_config(ctx, function_name="f:1") == pinned
    assert (await api.get_runtime_management_config(ctx, function_name="f"))["UpdateRuntimeOn"] == "Auto"
    other = version[:-1] + "x"
    assert await refused(put(ctx, **manual, runtime_version_arn=other)) == invalid(
        f"Runtime version {other} does not exist."
    )
    assert (await refused(put(ctx, **manual)))[0] == "InvalidParameterValueException"
    await create(service, "other")
