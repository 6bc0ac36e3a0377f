"""Functions that really run: what the handler sees, what the caller gets, what the log says."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from pathlib import Path
from typing import Any

from tests.unit.lambda_.conftest import ACCOUNT, REGION, ROLE, RUNTIME, Lambda, until, zipped

ECHO = "def handler(event, context):\n    return event\n"


async def test_the_handler_gets_the_event_and_its_answer_comes_back(service: Lambda) -> None:
    await service.create(ECHO)
    event = {"foo": "bar with 'quotes\"", "n": [1, 2.5, None, True], "ü": "€"}
    answer = await service.invoke(event)
    assert answer == {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": answer["Payload"]}
    assert json.loads(answer["Payload"]) == event


async def test_an_empty_payload_is_an_empty_event(service: Lambda) -> None:
    await service.create(ECHO)
    answer = await service.api.invoke(service.ctx(), function_name="f", payload=b"")
    assert answer["Payload"] == b"{}"


async def test_a_warm_environment_is_reused_and_keeps_its_state(service: Lambda) -> None:
    await service.create(
        "import os\ncalls = 0\n"
        "def handler(e, c):\n    global calls\n    calls += 1\n    return [c.log_stream_name, calls]\n"
    )
    first, second, third = [await service.call() for _ in range(3)]
    assert [first[1], second[1], third[1]] == [1, 2, 3]
    assert first[0] == second[0] == third[0]


async def test_each_concurrent_invocation_has_an_environment_of_its_own(service: Lambda) -> None:
    await service.create(
        "import os, time\ndef handler(e, c):\n    time.sleep(0.3)\n    return c.log_stream_name\n"
    )
    pids = await asyncio.gather(*(service.call() for _ in range(4)))
    assert len(set(pids)) == 4


async def test_the_context_is_awss(service: Lambda) -> None:
    await service.create(
        "def handler(e, c):\n"
        "    left = c.get_remaining_time_in_millis()\n"
        "    return [c.function_name, c.function_version, c.invoked_function_arn, c.memory_limit_in_mb,\n"
        "            c.aws_request_id, c.log_group_name, c.log_stream_name, left, c.client_context.custom]\n",
        timeout=5,
        memory_size=256,
    )
    ctx = service.ctx()
    encoded = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
    answer = await service.api.invoke(ctx, function_name="f", payload=b"{}", client_context=encoded)
    name, version, arn, memory, request_id, group, stream, left_ms, custom = json.loads(answer["Payload"])
    assert [name, version, memory, group] == ["f", "$LATEST", "256", "/aws/lambda/f"]
    assert arn == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    assert request_id == ctx.request_id
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    assert 4000 < left_ms <= 5000
    assert custom == {"a": "b"}


async def test_the_environment_is_awss_and_nothing_of_the_servers(service: Lambda, monkeypatch: Any) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "x")
    await service.create(
        "import os\ndef handler(e, c):\n    return dict(os.environ)\n",
        environment={"Variables": {"QUEUE_URL": "http://q"}},
    )
    seen = await service.call()
    assert seen["QUEUE_URL"] == "http://q"
    assert seen["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert (seen["AWS_ACCESS_KEY_ID"], seen["AWS_SECRET_ACCESS_KEY"], seen["AWS_SESSION_TOKEN"]) == (
        "ASIA1",
        "secret",
        "token",
    )
    assert service.roles.assumed == [(ROLE, "lambda.amazonaws.com", "f")]
    assert (seen["AWS_REGION"], seen["AWS_DEFAULT_REGION"]) == (REGION, REGION)
    assert seen["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{RUNTIME}"
    assert seen["_HANDLER"] == "app.handler"
    assert seen["TZ"] == ":UTC"
    assert re.fullmatch(
        r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=[0-9a-f]{8}:1",
        seen["_X_AMZN_TRACE_ID"],
    )
    assert not {"SECRET_OF_THE_SERVER", "HOME", "USER", "VIRTUAL_ENV", "_LAMBDA_TELEMETRY_LOG_FD"} & set(seen)


async def test_a_packages_own_libraries_come_before_the_runtimes(service: Lambda) -> None:
    app = (
        "import boto3, sys\n"
        "def handler(e, c):\n    return [boto3.MINE, 'botocore' in sys.modules, sys.path[0]]\n"
    )
    await service.create({"app.py": app, "boto3/__init__.py": "MINE = 'my own'\n"})
    mine, botocore, first = await service.call()
    assert (mine, botocore) == ("my own", False)
    assert first.endswith("/task")


async def test_the_runtime_offers_boto3(service: Lambda) -> None:
    await service.create(
        "import boto3\ndef handler(e, c):\n    return boto3.client('sqs').meta.endpoint_url\n"
    )
    assert await service.call() == "http://127.0.0.1:4566"


async def test_log_lines_are_awss(service: Lambda) -> None:
    await service.create(
        "import logging, sys\n"
        "logging.getLogger().setLevel('INFO')\n"
        "print('loading')\n"
        "def handler(e, c):\n"
        "    print('one')\n"
        "    logging.info('two\\nlines')\n"
        "    print('three', file=sys.stderr)\n"
        "    sys.stdout.write('no newline')\n"
    )
    request_id = service.ctx().request_id
    ctx = service.ctx()
    ctx.request_id = request_id
    await service.api.invoke(ctx, function_name="f", payload=b"{}")
    await until(lambda: len(service.logs.lines("f")) >= 9, "nine events")
    lines = service.logs.lines("f")
    assert lines[0].startswith(f"INIT_START Runtime Version: python:{RUNTIME[6:]}.")
    assert lines[1:4] == ["loading\n", f"START RequestId: {request_id} Version: $LATEST\n", "one\n"]
    assert re.fullmatch(rf"\[INFO\]\t[0-9-]+T[0-9:.]+Z\t{request_id}\ttwo\nlines\n", lines[4])
    assert lines[5:8] == ["three\n", "no newline", f"END RequestId: {request_id}\n"]
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t\n",
        lines[8],
    )
    assert len(lines) == 9


async def test_only_a_cold_start_reports_an_init_duration(service: Lambda) -> None:
    await service.create(ECHO)
    assert "Init Duration" in (await service.log_of())[-1]
    assert "Init Duration" not in (await service.log_of())[-1]


async def test_the_tail_is_the_last_4_kb_of_the_log(service: Lambda) -> None:
    await service.create("def handler(e, c):\n    print('x' * 3000)\n    print('y' * 3000)\n")
    answer = await service.invoke(log_type="Tail")
    tail = base64.b64decode(answer["LogResult"])
    assert len(tail) == 4096
    assert b"y" * 3000 + b"\nEND RequestId: " in tail
    assert tail.splitlines()[-1].startswith(b"REPORT ")


async def test_without_permission_to_log_a_function_runs_and_leaves_no_log(service: Lambda) -> None:
    service.logs.allowed = False
    await service.create("def handler(e, c):\n    print('hello')\n    return 1\n")
    assert "hello" in await service.log_of()
    assert service.logs.streams == {}


async def test_an_update_takes_effect_with_the_next_invocation(service: Lambda) -> None:
    await service.create("def handler(e, c):\n    return 1\n")
    assert await service.call() == 1
    new = zipped({"app.py": "import os\ndef handler(e, c):\n    return os.environ['A']\n"})
    await service.api.update_function_code(service.ctx(), function_name="f", zip_file=new)
    await service.active()
    await service.api.update_function_configuration(
        service.ctx(), function_name="f", environment={"Variables": {"A": "b"}}
    )
    await service.active()
    assert await service.call() == "b"


async def test_a_running_invocation_finishes_on_the_old_code(service: Lambda) -> None:
    app = "import time\ndef handler(e, c):\n    time.sleep(0.5)\n    import late\n    return late.X\n"
    await service.create({"app.py": app, "late.py": "X = 'old'\n"})
    running = asyncio.create_task(service.call())
    await asyncio.sleep(0.2)
    await service.api.update_function_code(
        service.ctx(), function_name="f", zip_file=zipped({"app.py": ECHO})
    )
    assert await running == "old"
    assert await service.call("new") == "new"


async def test_concurrency_of_the_machine_is_bounded(service: Lambda) -> None:
    await service.create("import time\ndef handler(e, c):\n    time.sleep(0.5)\n")
    await service.create(ECHO, name="other")
    await service.call(name="other")
    service.api._pool._machine_environments = 2
    first, second, third = await asyncio.gather(*(service.invoke() for _ in range(3)), return_exceptions=True)
    assert [isinstance(each, dict) for each in (first, second, third)] == [True, True, False]
    assert str(third) == "TooManyRequestsException: Rate Exceeded."


async def test_a_dry_run_runs_nothing(service: Lambda) -> None:
    await service.create(ECHO)
    assert await service.invoke(invocation_type="DryRun") == {"StatusCode": 204}
    assert service.api._pool._fleets == {}
    assert service.logs.lines("f") == []


async def test_stop_lets_running_invocations_finish(service: Lambda) -> None:
    await service.create(
        "import time\ndef handler(e, c):\n    time.sleep(0.5)\n    print('done')\n    return 1\n"
    )
    running = asyncio.create_task(service.call())
    await asyncio.sleep(0.3)
    await service.api.stop()
    assert await running == 1
    assert "done\n" in service.logs.lines("f")


async def test_idle_environments_expire(service: Lambda) -> None:
    await service.create("import os\ndef handler(e, c):\n    return c.log_stream_name\n")
    first = await service.call()
    pool = service.api._pool
    fleet = next(iter(pool._fleets.values()))
    fleet.idle[0].idle_since_ms -= 600_000
    pool._expire()
    assert await service.call() != first


async def test_credentials_are_renewed_before_they_expire(service: Lambda) -> None:
    service.roles.lifetime_s = 900.0
    await service.create("import os\ndef handler(e, c):\n    return os.environ['AWS_ACCESS_KEY_ID']\n")
    first = await service.call()
    service.roles.lifetime_s = 3600.0
    second = await service.call()
    assert (second != first, await service.call()) == (True, second)


async def test_a_warm_invocation_is_quick(service: Lambda) -> None:
    """The mark is 3 ms as boto3 sees it; here is room for a busy machine."""
    await service.create(ECHO)
    await service.call()
    durations = []
    for _ in range(50):
        began_s = time.perf_counter()
        await service.invoke()
        durations.append(time.perf_counter() - began_s)
    assert sorted(durations)[25] < 0.02


async def test_a_packages_modules_are_compiled_once_and_not_at_every_cold_start(
    service: Lambda, tmp_path: Path
) -> None:
    app = (
        "import os, sys, lib\n"
        "def handler(e, c):\n    return [os.path.basename(lib.__cached__), sys.dont_write_bytecode]\n"
    )
    await service.create({"app.py": app, "lib/__init__.py": "X = 1\n", "bad.py": "def\n"})

    def compiled() -> list[str]:
        return [path.name for path in tmp_path.glob("code/*/task/lib/__pycache__/*.pyc")]

    await until(compiled, "it is compiled")
    assert await service.call() == [*compiled(), True]


async def test_a_role_made_anew_is_the_next_requests(service: Lambda) -> None:
    """Sessions of the one that was deleted may nothing."""
    await service.create("import os\ndef handler(e, c):\n    return os.environ['AWS_ACCESS_KEY_ID']\n")
    first = await service.call()
    assert await service.call() == first
    service.roles.role_id = "AROANEW"
    second = await service.call()
    assert second != first
    assert await service.call() == second
    assert service.api.functions.environments(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f") == 1
