"""Functions that try to take more than is theirs: each is bounded, and the server serves on."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import pytest
from tests.unit.lambda_.conftest import RUNTIME, Lambda, template_processes, until

from noria.services.lambda_.processes import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="macOS bounds less")

HANDLER = """
import errno, os, signal, socket, sys, threading, time
tmp = os.environ["TMPDIR"]

def handler(event, context):
    here = dict(globals())
    exec(event, here)
    return here.get("found")
"""
FILES = "\n".join(
    [
        "kept = []",
        "try:",
        "    while len(kept) < 5000: kept.append(open('/dev/null'))",
        "except OSError as error:",
        "    found = [errno.errorcode[error.errno], len(kept) < 1024]",
        "for file in kept: file.close()",
    ]
)
DISK = "\n".join(
    [
        "with open(tmp + '/large', 'wb') as file:",
        "    try:",
        "        os.posix_fallocate(file.fileno(), 0, 513 << 20)",
        "    except OSError as error:",
        "        found = errno.errorcode[error.errno]",
        "os.unlink(tmp + '/large')",
    ]
)
PROCESSES = "\n".join(
    [
        "found = 0",
        "try:",
        "    while found < 3000:",
        "        if os.fork() == 0: time.sleep(60)",
        "        found += 1",
        "except OSError as error:",
        "    found = 'refused'",
    ]
)
THREADS = "\n".join(
    [
        "threading.stack_size(65536)",
        "found, go = 0, threading.Event()",
        "try:",
        "    while found < 3000:",
        "        threading.Thread(target=go.wait, daemon=True).start()",
        "        found += 1",
        "except RuntimeError as error:",
        "    found = 'refused'",
        "go.set()",
    ]
)


@pytest.fixture
async def service(isolated: Lambda) -> Lambda:
    await isolated.create(HANDLER, memory_size=256, timeout=30)
    return isolated


async def outcome(service: Lambda, code: str) -> Any:
    """What the code found, or how the environment ended; a further invocation is served."""
    answer = await service.invoke(code)
    document = json.loads(answer["Payload"])
    assert await service.call("found = 'alive'") == "alive"
    return document["errorMessage"].partition("Error: ")[2] if "FunctionError" in answer else document


async def test_open_files(service: Lambda) -> None:
    assert await outcome(service, FILES) == ["EMFILE", True]


async def test_temporary_files(service: Lambda) -> None:
    isolated = service.settings.isolation == "namespaces"
    assert await outcome(service, DISK) == ("ENOSPC" if isolated else "EFBIG")


async def test_memory(service: Lambda) -> None:
    code = "kept = []\nwhile True: kept.append(bytearray(os.urandom(1 << 20)))"
    assert await outcome(service, code) == "Runtime exited with error: signal: killed"


async def test_memory_at_once_that_is_never_used(service: Lambda) -> None:
    code = "try:\n    bytearray(64 << 30)\nexcept MemoryError:\n    found = 'refused'"
    assert await outcome(service, code) == "refused"


async def test_processes(service: Lambda) -> None:
    assert await outcome(service, PROCESSES) in ("refused", "Runtime exited with error: signal: killed")


async def test_threads(service: Lambda) -> None:
    if service.settings.isolation != "namespaces":
        pytest.skip("threads are counted in namespaces only")
    assert await outcome(service, THREADS) == "refused"


async def test_time(service: Lambda) -> None:
    await service.api.update_function_configuration(service.ctx(), function_name="f", timeout=1)
    await service.active()
    assert await outcome(service, "while True: pass") == "Task timed out after 1.00 seconds"


async def test_time_of_one_that_is_deaf_to_signals(service: Lambda) -> None:
    await service.api.update_function_configuration(service.ctx(), function_name="f", timeout=1)
    await service.active()
    code = (
        "for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "while True: time.sleep(1)"
    )
    assert await outcome(service, code) == "Task timed out after 1.00 seconds"


async def test_time_of_one_that_stops_itself(service: Lambda) -> None:
    await service.api.update_function_configuration(service.ctx(), function_name="f", timeout=1)
    await service.active()
    assert (
        await outcome(service, "os.kill(os.getpid(), signal.SIGSTOP)") == "Task timed out after 1.00 seconds"
    )


async def test_output(service: Lambda) -> None:
    """20 MB of it: what does not fit waits in the function's pipe."""
    code = "line = b'x' * 65535 + b'\\n'\nfor _ in range(320): os.write(1, line)\nfound = 'done'"
    assert await outcome(service, code) == "done"


async def test_connections_to_the_runtime_api(service: Lambda) -> None:
    code = (
        "address = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')\n"
        "kept = []\n"
        "try:\n"
        "    for _ in range(200): kept.append(socket.create_connection(address, timeout=1))\n"
        "    for one in kept: one.sendall(b'GET /')\n"
        "    found = sum(1 for one in kept if one.recv(1))\n"
        "except OSError as error:\n"
        "    found = 'refused'"
    )
    assert await outcome(service, code) == "refused"


async def test_nonsense_to_the_runtime_api(service: Lambda) -> None:
    code = (
        "host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')\n"
        "with socket.create_connection((host, port), timeout=1) as one:\n"
        "    one.sendall(bytes(range(256)) * 4)\n"
        "    try: found = one.recv(1).decode()\n"
        "    except OSError: found = ''"
    )
    assert await outcome(service, code) == ""


async def test_a_core_dump(service: Lambda) -> None:
    assert await outcome(service, "os.chdir(tmp)\nos.abort()") == "Runtime exited with error: signal: aborted"
    assert await service.call("found = [n for n in os.listdir(tmp) if 'core' in n]") == []


async def test_nothing_is_left_of_what_was_killed(service: Lambda) -> None:
    template = service.api._core.runtimes.template(RUNTIME)._process
    assert template is not None
    idle = template_processes(service, template.pid)
    for code in (PROCESSES, "os.fork()\nos.fork()\nos.setsid()\nos.kill(os.getpid(), 9)"):
        await service.invoke(code)
    await service.api.delete_function(service.ctx(), function_name="f")
    await until(lambda: descendants(template.pid, 5000) == idle, "all processes ended")
    await until(lambda: not os.listdir(service.settings.data_dir / "tmp"), "all temporary files are gone")
