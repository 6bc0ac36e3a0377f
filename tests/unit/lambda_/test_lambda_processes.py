"""The processes of functions: alone, bounded, and gone when they should be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.unit.lambda_.conftest import ISOLATIONS, RUNTIME, Lambda, until

from noria.services.lambda_.processes import children, descendants, runtime_process

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

# Starts a process that leaves the environment's session and group, as a daemon does, by the event's name.
DAEMON = """
import os
def handler(event, context):
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            if event["closes_output"]:
                os.close(1)
                os.close(2)
            os.execv("/bin/sleep", [event["name"], "300"])
        os._exit(0)
    os.close(write)
    os.read(read, 1)  # until it is executed, which closes its end
    if event["exits"]:
        os._exit(1)
"""


def daemon(name: str, closes_output: bool = True, exits: bool = False) -> dict[str, object]:
    """The event for `DAEMON`."""
    return {"name": name, "closes_output": closes_output, "exits": exits}


def is_running(name: str) -> bool:
    """Whether there is a process with that first argument."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().partition(b"\0")[0] == name.encode():
                return True
    return False


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


@pytest.fixture
def name() -> str:
    return f"noria-test-{secrets.token_hex(8)}"


@linux_only
async def test_a_daemon_lives_as_long_as_its_environment(isolated: Lambda, name: str) -> None:
    await isolated.create(DAEMON)
    await isolated.call(daemon(name))
    await isolated.call(daemon(f"{name}-again"))
    assert is_running(name)
    await isolated.api.delete_function(isolated.ctx(), function_name="f")
    await until(lambda: not is_running(name), "the daemon ended with its environment")


@linux_only
async def test_what_a_function_started_ends_when_it_exits(isolated: Lambda, name: str) -> None:
    await isolated.create(DAEMON)
    answer = await isolated.invoke(daemon(name, exits=True))
    assert answer["FunctionError"] == "Unhandled"
    await until(lambda: not is_running(name), "the daemon ended")


@linux_only
async def test_an_ended_environment_takes_none_of_anothers_processes_along(
    isolated: Lambda, name: str
) -> None:
    await isolated.create(DAEMON)
    await isolated.create("import os\ndef handler(e, c):\n    os._exit(1)\n", name="other")
    await isolated.call(daemon(name))
    await isolated.invoke(name="other")
    assert is_running(name)


@linux_only
async def test_environments_are_processes_of_their_own(isolated: Lambda) -> None:
    await isolated.create(
        "import os, resource as r\n"
        "def handler(e, c):\n"
        "    limits = [r.getrlimit(r.RLIMIT_CORE)[0], r.getrlimit(r.RLIMIT_NOFILE)[0]]\n"
        "    return [os.getsid(0) == os.getpid(), os.getcwd(), os.umask(0), os.listdir('/proc/self/fd'),\n"
        "            limits, os.read(0, 1).decode()]\n"
    )
    leads, cwd, umask, fds, limits, stdin = await isolated.call()
    assert leads
    assert cwd.endswith("/task")
    assert umask == 0o022
    assert (
        len(fds) == 8
    )  # the standard ones, log records, the Runtime API's client (3), and the listing itself
    assert (limits, stdin) == ([0, 1024], "")


@linux_only
async def test_another_process_is_refused_at_the_runtime_api(service: Lambda) -> None:
    await service.create("import os\ndef handler(e, c):\n    return os.environ['AWS_LAMBDA_RUNTIME_API']\n")
    host, port = (await service.call()).split(":")
    assert host.startswith("127.")
    assert host != "127.0.0.1"
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    assert await service.call() == f"{host}:{port}"


@linux_only
async def test_another_function_is_refused_at_the_runtime_api(service: Lambda) -> None:
    await service.create("import os\ndef handler(e, c):\n    return os.environ['AWS_LAMBDA_RUNTIME_API']\n")
    await service.create(
        "import http.client\n"
        "def handler(e, c):\n"
        "    conn = http.client.HTTPConnection(e, timeout=5)\n"
        "    conn.request('GET', '/2018-06-01/runtime/invocation/next')\n"
        "    return conn.getresponse().status\n",
        name="other",
    )
    answer = await service.invoke(await service.call(), name="other")
    assert answer["FunctionError"] == "Unhandled"


@linux_only
async def test_nothing_of_an_environment_runs_between_invocations(isolated: Lambda) -> None:
    await isolated.create(
        "import threading, time\n"
        "ticks = [0]\n"
        "def tick():\n"
        "    while True:\n        ticks[0] += 1\n        time.sleep(0.001)\n"
        "threading.Thread(target=tick, daemon=True).start()\n"
        "def handler(e, c):\n    time.sleep(e)\n    return ticks[0]\n"
    )
    assert await isolated.call(0.1) > 10
    (fleet,) = isolated.api._pool._fleets.values()
    process = fleet.idle[0]._process
    assert process is not None
    await until(lambda: process._frozen, "it is frozen")
    await until(lambda: {state(pid) for pid in process._frozen} == {"T"}, "all of it has stopped")
    before = await isolated.call(0)
    await until(lambda: process._frozen, "it is frozen again")
    await asyncio.sleep(0.5)
    assert await isolated.call(0) - before < 200


@linux_only
async def test_a_killed_template_is_survived(isolated: Lambda) -> None:
    await isolated.create("def handler(e, c):\n    return c.log_stream_name\n")
    first = await isolated.call()
    process = isolated.api._core.runtimes.template(RUNTIME)._process
    assert process is not None
    process.kill()
    (environment,) = next(iter(isolated.api._pool._fleets.values())).idle
    await until(lambda: not environment.is_alive, "the server saw the template end")
    assert await isolated.call() != first


@linux_only
async def test_a_killed_template_leaves_no_process(isolated: Lambda, name: str) -> None:
    """Of daemons, which have left their environment's session, only the mark tells whose they are."""
    await isolated.create(DAEMON)
    await isolated.call(daemon(name))
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)  # noqa: ASYNC220
    process = isolated.api._core.runtimes.template(RUNTIME)._process
    assert process is not None
    process.kill()
    (environment,) = next(iter(isolated.api._pool._fleets.values())).idle
    await until(lambda: not environment.is_alive, "the server saw the template end")
    await until(lambda: not is_running(name), "the daemon ended")
    assert bystander.poll() is None
    bystander.communicate(b"\n")
    await isolated.call(daemon(f"{name}-again"))
    await until(lambda: is_running(f"{name}-again"), "a daemon of the next one runs")


SERVER = """
import asyncio, sys
from pathlib import Path
from noria.clock import SystemClock
from tests.unit.lambda_.conftest import Lambda
from tests.unit.lambda_.test_lambda_processes import DAEMON, daemon

async def main(data_dir, name, isolation):
    service = Lambda(Path(data_dir), SystemClock(), isolation=isolation)
    await service.start()
    await service.create(DAEMON)
    await service.call(daemon(name, closes_output=False))
    sleeper = f"import os\\ndef handler(e, c):\\n    os.execv('/bin/sleep', ['{name}-f', '60'])\\n"
    await service.create(sleeper, name="g")
    asyncio.create_task(service.invoke(name="g"))
    await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


@linux_only
@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("kill_templates", [False, True], ids=["alone", "with its templates"])
async def test_a_killed_server_leaves_no_process(
    tmp_path: Path, name: str, isolation: str, kill_templates: bool
) -> None:
    root = Path(__file__).parents[3]
    server = subprocess.Popen(  # noqa: ASYNC220  it only starts it
        [sys.executable, "-c", textwrap.dedent(SERVER), str(tmp_path), name, isolation],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    with server:
        await until(lambda: is_running(name) and is_running(f"{name}-f"), "both run", timeout_s=30.0)
        below = descendants(server.pid, 1000)[1:]
        template = below[0] if isolation == "namespaces" else children(below[0])[0]  # which is guarded
        server.send_signal(signal.SIGSTOP)
        if kill_templates:
            os.kill(template, signal.SIGKILL)
        server.kill()
        server.wait()
        await until(lambda: not is_running(name) and not is_running(f"{name}-f"), "both ended")
        await until(lambda: not any(map(_lives, below)), "nothing is left")


def _lives(pid: int) -> bool:
    try:
        return state(pid) != "Z"
    except OSError:
        return False


@linux_only
async def test_an_invocation_that_finds_its_environment_dying_is_answered(isolated: Lambda) -> None:
    """The process's connection is lost before its end is known; many times, as it is a matter of moments."""
    await isolated.create("def handler(e, c):\n    return e\n")
    for number in range(30):
        assert await isolated.call(number) == number
        (fleet,) = isolated.api._pool._fleets.values()
        process = fleet.idle[0]._process
        assert process is not None
        os.kill(runtime_process(process.pid.result()), signal.SIGKILL)
        await asyncio.sleep(0.0005 * (number % 5))
        answer = await isolated.invoke("next")  # at worst the event was already on its way to it
        assert answer["Payload"] == b'"next"' or b"Runtime.ExitError" in answer["Payload"]
