"""SnapStart: a version is initialised once, and its environments are restored from that."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lambda_.conftest import ISOLATIONS, Lambda, template_processes, until
from tests.unit.lambda_.support import active, create, invalid, refused

from noria.services.lambda_ import runtimes
from noria.services.lambda_.processes import descendants, runtime_process

pytestmark = pytest.mark.skipif(len(ISOLATIONS) == 1, reason="needs Linux")

SNAP_START: dict[str, Any] = {"runtime": "python3.12", "snap_start": {"ApplyOn": "PublishedVersions"}}
SOURCE = """
import os, random, time, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot

done = []
began = time.monotonic_ns()
names = ("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE")
at_init = {name: os.environ[name] for name in names}
os.environ["MINE"] = "changed"
open(os.environ["TMPDIR"] + "/kept", "w").write("by init")
register_before_snapshot(done.append, "before")
register_after_restore(done.append, "after")

def handler(event, context):
    time.sleep(event or 0)
    return {
        "began": began, "done": done, "at_init": at_init, "stream": context.log_stream_name,
        "variable": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], "pid": os.getpid(), "mine": os.environ["MINE"],
        "random": [random.random(), uuid.uuid4().hex, os.urandom(8).hex()],
        "kept": open(os.environ["TMPDIR"] + "/kept").read(), "keys": "AWS_ACCESS_KEY_ID" in os.environ,
    }
"""


@pytest.fixture(autouse=True)
def own_interpreter_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs the runtime, whichever it is: nothing is installed."""
    monkeypatch.setattr(runtimes, "find_interpreter", lambda version: None)


async def published(service: Lambda, source: str = SOURCE, **members: Any) -> dict[str, Any]:
    """Version 1 of a SnapStart function, no longer Pending."""
    await service.create(source, **SNAP_START, **members)
    answer = await service.api.publish_version(service.ctx(), function_name="f")
    assert answer["State"] == "Pending"
    return await service.settled("f", "1")


async def test_environments_are_restored_from_the_versions_own_initialisation(isolated: Lambda) -> None:
    configuration = await published(isolated)
    assert configuration["State"] == "Active"
    assert configuration["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    first, second = await asyncio.gather(*(isolated.call(0.2, qualifier="1") for _ in range(2)))
    assert first["began"] == second["began"]  # one initialisation
    assert first["pid"] != second["pid"]
    assert first["done"] == second["done"] == ["before", "after"]
    assert first["at_init"]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
    assert not {*first["random"]} & {*second["random"]}
    for answer in (first, second):
        assert answer["variable"] == answer["stream"] != answer["at_init"]["AWS_LAMBDA_LOG_STREAM_NAME"]
        assert (answer["mine"], answer["kept"], answer["keys"]) == ("changed", "by init", False)
    latest = await isolated.call()  # $LATEST is not a snapshot's
    assert latest["began"] != first["began"]
    assert latest["at_init"]["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"


async def test_the_log_is_awss(service: Lambda) -> None:
    await published(service)
    answer = await service.invoke(qualifier="1", log_type="Tail")
    stream = json.loads(answer["Payload"])["stream"]
    arn = r"arn:aws:lambda:us-west-1::runtime:[0-9a-f]{64}"
    expected = [
        rf"RESTORE_START Runtime Version: python:\S+\tRuntime Version ARN: {arn}\n",
        r"RESTORE_REPORT Restore Duration: \d+\.\d\d ms\n",
        r"START RequestId: \S+ Version: 1\n",
        r"END RequestId: \S+\n",
        r"REPORT RequestId: \S+\tDuration: \S+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
        r"Max Memory Used: \d+ MB\tRestore Duration: \d+\.\d\d ms\tBilled Restore Duration: \d+ ms\t\n",
    ]
    streams, name = service.logs.streams, ("/aws/lambda/f", stream)
    await until(lambda: name in streams and len(streams[name].events) == len(expected), "it is written")
    found = streams[name].events
    for pattern, (_, text) in zip(expected, found, strict=True):
        assert re.fullmatch(pattern, text), text
    assert service.logs.lines("f")[0].startswith("INIT_START ")  # of the version's initialisation
    again = await service.invoke(qualifier="1", log_type="Tail")
    assert b"Restore Duration" not in base64.b64decode(again["LogResult"])


async def test_a_second_environment_takes_no_time(service: Lambda) -> None:
    """The mark of 15 ms is the benchmark's; a busy machine gets ten times as long here."""
    await published(service, "import time\ntime.sleep(0.5)\n" + SOURCE)
    await service.call(qualifier="1")
    slow = asyncio.create_task(service.call(0.3, qualifier="1"))
    began_s = time.perf_counter()
    await service.call(qualifier="1")
    assert time.perf_counter() - began_s < 0.15
    await slow


async def test_an_initialisation_that_fails_fails_the_version(service: Lambda) -> None:
    configuration = await published(service, "raise ValueError('at init')\n")
    assert configuration["State"] == "Failed"
    assert "at init" in configuration["StateReason"]
    code, status, _ = await refused(service.invoke(qualifier="1"))
    assert (code, status) == ("ResourceConflictException", 409)


@pytest.mark.parametrize("hook", ["register_before_snapshot", "register_after_restore"])
async def test_hooks_that_fail(service: Lambda, hook: str) -> None:
    configuration = await published(
        service,
        "import snapshot_restore_py\n"
        "def fail():\n    raise ValueError('in a hook')\n"
        f"snapshot_restore_py.{hook}(fail)\n"
        "def handler(e, c): return 1\n",
    )
    if hook == "register_before_snapshot":
        assert (configuration["State"], "in a hook" in configuration["StateReason"]) == ("Failed", True)
        return
    answer = await service.invoke(qualifier="1", log_type="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert "in a hook" in json.loads(answer["Payload"])["errorMessage"]
    await until(lambda: any(x.startswith("RESTORE_REPORT ") for x in service.logs.lines("f")), "it is said")
    assert any("\tStatus: error\tError Type: " in line for line in service.logs.lines("f"))


async def test_an_environment_ends_alone_and_whole(isolated: Lambda) -> None:
    """Its children go with it; others of the snapshot, and what the initialisation started, stay."""
    await published(
        isolated,
        "import os, subprocess, time\n"
        "own = subprocess.Popen(['sleep', '600'])\n"
        "def handler(e, c):\n"
        "    if e == 'exit':\n"
        "        subprocess.Popen(['sleep', '601'], start_new_session=True)\n"
        "        os._exit(3)\n"
        "    time.sleep(e)\n"
        "    return [os.path.exists(f'/proc/{own.pid}'), os.getpid()]\n",
        timeout=5,
    )
    slow = asyncio.create_task(isolated.call(0.5, qualifier="1"))
    await asyncio.sleep(0.1)
    answer = await isolated.invoke("exit", qualifier="1")
    assert json.loads(answer["Payload"])["errorMessage"].endswith("exit status 3")
    assert (await slow)[1]
    ours = isolated.api._core.runtimes.template("python3.12")._process.pid

    def commands() -> list[bytes]:
        found = []
        for pid in descendants(ours, 1000):
            try:
                found.append(Path(f"/proc/{pid}/cmdline").read_bytes())
            except OSError:
                continue
        return found

    await until(lambda: not any(b"601" in command for command in commands()), "its child has ended")
    assert any(b"600" in command for command in commands())
    await isolated.api.delete_function(isolated.ctx(), function_name="f")
    await until(lambda: descendants(ours, 1000) == template_processes(isolated, ours), "nothing is left")
    await until(lambda: not os.listdir(isolated.settings.data_dir / "tmp"), "all temporary files are gone")


async def test_a_snapshot_that_was_killed_is_taken_again(isolated: Lambda) -> None:
    await published(isolated)
    before = await isolated.call(qualifier="1")
    (task,) = isolated.api._pool._builder.snapshots._tasks.values()
    process = task.result()._process
    os.kill(runtime_process(process.pid.result()), signal.SIGKILL)
    await until(lambda: not process.is_alive, "it has ended")
    after = await isolated.call(qualifier="1")
    assert after["began"] > before["began"]


async def test_a_timeout_ends_one_environment(service: Lambda) -> None:
    await published(service, timeout=1)
    quick = await service.call(qualifier="1")
    answer = await service.invoke(5, qualifier="1")
    assert b"Task timed out after 1.00 seconds" in answer["Payload"]
    assert (await service.call(qualifier="1"))["began"] == quick["began"]


async def test_clients_that_init_made_have_the_credentials_of_now(service: Lambda) -> None:
    """From a file of the runtime's own boto3: its session asks where AWS_CONTAINER_… says."""
    await published(
        service,
        "import boto3\n"
        "session = boto3.Session()\n"
        "first = session.get_credentials().access_key\n"
        "def handler(e, c):\n"
        "    new = boto3.Session().get_credentials().get_frozen_credentials()\n"
        "    return [first, new.access_key, new.secret_key, new.token, session.get_credentials().method]\n",
        timeout=10,
        memory_size=256,
    )
    service.api._pool._builder._sessions.clear()
    first, *rest = await service.call(qualifier="1")
    assert first.startswith("ASIA")
    assert rest[0] != first
    assert rest[1:] == ["secret", "token", "container-role"]


async def test_what_snapstart_does_not_go_with_is_refused(service: Lambda) -> None:
    members: dict[str, Any] = {"snap_start": {"ApplyOn": "PublishedVersions"}}
    text = "{} is not supported for SnapStart enabled functions."
    for runtime in ("python3.11", "nodejs20.x", "provided.al2023"):
        assert await refused(create(service, runtime=runtime, **members)) == invalid(text.format(runtime))
    storage: dict[str, Any] = {"ephemeral_storage": {"Size": 1024}, "runtime": "python3.12"}
    assert (await refused(create(service, **members, **storage)))[0] == "InvalidParameterValueException"
    await active(service, runtime="python3.12", **members)
    change = service.api.update_function_configuration(service.ctx(), function_name="f", runtime="python3.11")
    assert await refused(change) == invalid(text.format("python3.11"))
