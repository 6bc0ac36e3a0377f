"""The processes of functions: alone, bounded, and gone when they should be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.unit.lambda_.conftest import Lambda, until

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

# Starts a process that leaves the environment's session and group, as a daemon does; answers its pid.
DAEMON = """
import os, time
def handler(event, context):
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, str(os.getpid()).encode())
            if event != "attached":
                os.close(1)
            time.sleep(300)
        os._exit(0)
    pid = int(os.read(read, 20))
    if event == "exit":
        print(pid)
        os._exit(1)
    return pid
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@linux_only
async def test_a_daemon_lives_as_long_as_its_environment(service: Lambda) -> None:
    await service.create(DAEMON)
    pid = await service.call()
    await service.call()
    assert is_running(pid)
    await service.api.delete_function(service.ctx(), function_name="f")
    await until(lambda: not is_running(pid), "the daemon ended with its environment")


@linux_only
async def test_what_a_function_started_ends_when_it_exits(service: Lambda) -> None:
    await service.create(DAEMON)
    lines = await service.log_of("exit")
    pid = next(int(line) for line in lines if line.isdigit())
    await until(lambda: not is_running(pid), "the daemon ended")


@linux_only
async def test_an_ended_environment_does_not_take_anothers_processes_along(service: Lambda) -> None:
    await service.create(DAEMON)
    await service.create("import os\ndef handler(e, c):\n    os._exit(1)\n", name="other")
    pid = await service.call()
    await service.invoke(name="other")
    assert is_running(pid)


@linux_only
async def test_environments_are_processes_of_their_own(service: Lambda) -> None:
    await service.create(
        "import os, resource as r\n"
        "def handler(e, c):\n"
        "    limits = [r.getrlimit(r.RLIMIT_CORE)[0], r.getrlimit(r.RLIMIT_NOFILE)[0]]\n"
        "    return [os.getsid(0) == os.getpid(), os.getcwd(), os.umask(0), os.listdir('/proc/self/fd'),\n"
        "            limits, os.read(0, 1).decode()]\n"
    )
    leads, cwd, umask, fds, limits, stdin = await service.call()
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
async def test_one_function_crashing_the_template_is_survived(service: Lambda) -> None:
    await service.create("import os\ndef handler(e, c):\n    return os.getppid()\n")
    template = await service.call()
    os.kill(template, signal.SIGKILL)
    (environment,) = next(iter(service.api._pool._fleets.values())).idle
    await until(lambda: not environment.is_alive, "the server saw the template end")
    assert await service.call() != template


SERVER = """
import asyncio, sys
from pathlib import Path
from noria.clock import SystemClock
from tests.unit.lambda_.conftest import Lambda
from tests.unit.lambda_.test_lambda_processes import DAEMON

async def main():
    service = Lambda(Path(sys.argv[1]), SystemClock())
    await service.start()
    await service.create(DAEMON)
    print(await service.call("attached"), flush=True)
    sleeper = "import os, time\\ndef handler(e, c):\\n    print(os.getpid())\\n    time.sleep(60)\\n"
    await service.create(sleeper, name="g")
    asyncio.create_task(service.invoke(name="g"))
    while not any(line.strip().isdigit() for line in service.logs.lines("g")):
        await asyncio.sleep(0.01)
    print(next(line.strip() for line in service.logs.lines("g") if line.strip().isdigit()), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@linux_only
async def test_a_killed_server_leaves_no_process(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    server = subprocess.Popen(  # noqa: ASYNC220  it only starts it
        [sys.executable, "-c", textwrap.dedent(SERVER), str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    with server:
        assert server.stdout is not None
        pids = [int(await asyncio.to_thread(server.stdout.readline)) for _ in range(2)]
        assert all(map(is_running, pids))
        server.kill()
        server.wait()
        await until(lambda: not any(map(is_running, pids)), "the functions' processes ended")
