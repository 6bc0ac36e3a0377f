"""Functions that try to get out, and to take more than is theirs, in each mode that this machine allows."""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.unit.lambda_.conftest import ISOLATIONS, Lambda
from tests.unit.lambda_.escapes import ESCAPES, HANDLER

from noria.clock import SystemClock
from noria.services.lambda_ import runtimes
from noria.services.lambda_.processes import runtime_process
from noria.services.lambda_.sandbox import kernel, seccomp

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(len(ISOLATIONS) == 1, reason="this machine isolates nothing"),
]

OTHER = "import os\ndef handler(e, c):\n    return os.environ['AWS_LAMBDA_RUNTIME_API']\n"


def _calls() -> dict[str, int]:
    column = seccomp.ARCHITECTURES[kernel.MACHINE][0]
    tables = {**seccomp.DENIED, **seccomp.ABSENT, **seccomp.SHARED_MEMORY, "clone": seccomp.CLONE}
    return {name: numbers[column] for name, numbers in tables.items()}


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a user has beside a server: files, processes, sockets, memory."""
    home, outside = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("outside")
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text("secret")
    (home / "program").write_text("#!/bin/sh\n")
    (home / "program").chmod(0o755)
    (outside / "file").write_text("secret")
    abstract = f"noria-{secrets.token_hex(8)}"
    libc = ctypes.CDLL(None)
    segment, messages = libc.shmget(0, 4096, 0o1600), libc.msgget(0, 0o1600)
    with (
        socket.socket(socket.AF_UNIX) as hidden,
        socket.socket(socket.AF_UNIX) as listening,
        subprocess.Popen(["sleep", "600"]) as victim,
    ):
        hidden.bind("\0" + abstract)
        hidden.listen()
        listening.bind(str(outside / "socket"))
        listening.listen()
        yield {
            "home": str(home), "outside": str(outside), "abstract": abstract, "server": os.getpid(),
            "victim": victim.pid, "segment": segment, "messages": messages, "calls": _calls(),
        }  # fmt: skip
        assert victim.poll() is None, "it was killed"
        victim.kill()
    libc.shmctl(segment, 0, None)
    libc.msgctl(messages, 0, None)


class Attacker(msgspec.Struct):
    """A service in a mode that isolates, with the function ``f`` that tries, and what it has learned."""

    service: Lambda
    given: dict[str, Any]
    qualifier: str | None

    async def tries(self, code: str) -> str:
        event = {"code": code, "given": self.given}
        answer: str = await self.service.call(event, qualifier=self.qualifier)
        return answer


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[(mode, is_restored) for is_restored in (False, True) for mode in ISOLATIONS[:-1]],
    ids=lambda param: f"{param[0]}, restored" if param[1] else param[0],
)
async def attacker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, Any]
) -> AsyncIterator[Attacker]:
    """In an environment of its own, or one that is restored from a snapshot."""
    mode, is_restored = request.param
    data_dir = tmp_path_factory.mktemp("data")
    service = Lambda(data_dir, SystemClock(), isolation=mode)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(runtimes, "find_interpreter", lambda version: None)  # nothing is installed
        await service.start()
        await service.create(OTHER, name="other")
        host, port = (await service.call(name="other")).split(":")
        (fleet,) = service.api._pool._fleets.values()
        process = fleet.idle[0]._process
        assert process is not None
        (code,) = data_dir.glob("code/*/task/app.py")
        await service.create(
            HANDLER,
            memory_size=512,
            runtime="python3.12",
            snap_start={"ApplyOn": "PublishedVersions" if is_restored else "None"},
        )
        await service.api.publish_version(service.ctx(), function_name="f")
        await service.settled("f", "1")
    yield Attacker(
        service,
        {
            **surroundings, "data_dir": str(data_dir), "other_code": str(code),
            "other_api": [host, int(port)], "other": runtime_process(process.pid.result()),
        },
        "1" if is_restored else None,
    )  # fmt: skip
    await service.stop()


@pytest.mark.parametrize("what", ESCAPES)
async def test_nothing_gets_out(attacker: Attacker, what: str) -> None:
    answer = await attacker.tries(ESCAPES[what])
    assert answer.startswith("stopped"), answer


async def test_what_a_function_needs_is_there(attacker: Attacker) -> None:
    service = attacker.service
    await service.create(
        "import concurrent.futures, decimal, os, socket, sqlite3, ssl, subprocess, sys, tempfile, threading\n"
        "import pathlib, boto3\n"
        "def handler(e, c):\n"
        "    boto3.client('sqs')\n"
        "    with concurrent.futures.ThreadPoolExecutor(4) as threads:\n"
        "        list(threads.map(str, range(9)))\n"
        "    socket.getaddrinfo('localhost', 80)\n"
        "    socket.socketpair()\n"
        "    ssl.create_default_context()\n"
        "    open('/dev/null', 'w').write('x')\n"
        "    assert len(open('/dev/urandom', 'rb').read(8)) == 8\n"
        "    with tempfile.NamedTemporaryFile() as file:\n"
        "        file.write(b'x' * 1000)\n"
        "    database = sqlite3.connect(tempfile.gettempdir() + '/own.db')\n"
        "    database.execute('create table if not exists t (x)')\n"
        "    assert (pathlib.Path(os.environ['LAMBDA_TASK_ROOT']) / 'app.py').read_text()\n"
        "    assert os.cpu_count()\n"
        "    command = [sys.executable, '-c', 'import json, boto3; print(json.dumps(1))']\n"
        "    return subprocess.run(command, capture_output=True, text=True, check=True).stdout\n",
        name="ordinary",
        timeout=30,
        memory_size=512,
    )
    assert await service.call(name="ordinary") == "1\n"


async def test_an_environment_has_temporary_files_of_its_own(attacker: Attacker) -> None:
    service = attacker.service
    source = (
        "import os\n"
        "def handler(e, c):\n"
        "    for name in os.listdir(os.environ['TMPDIR']):\n        raise ValueError(name)\n"
        "    open(os.environ['TMPDIR'] + '/mine', 'w')\n"
    )
    await service.create(source, name="first")
    await service.create(source, name="second")
    await service.call(name="first")
    await service.call(name="second")


async def test_a_function_is_a_user_with_a_name_and_a_home_that_is_not_yours(attacker: Attacker) -> None:
    await attacker.service.create(
        "import getpass, os, pathlib\n"
        "def handler(e, c):\n    return [getpass.getuser(), str(pathlib.Path.home())]\n",
        name="who",
    )
    name, home = await attacker.service.call(name="who")
    if attacker.service.settings.isolation == "namespaces":
        assert (name, home) == ("sbx_user1051", "/")
    else:
        assert home.startswith(str(attacker.service.settings.data_dir / "tmp"))


async def test_its_paths_are_awss(attacker: Attacker) -> None:
    service = attacker.service
    if service.settings.isolation != "namespaces":
        pytest.skip("needs mounts of its own")
    await service.create(
        "import os, getpass\n"
        "def handler(e, c):\n"
        "    open('/tmp/own', 'w').close()\n"
        "    names = ('LAMBDA_TASK_ROOT', 'LAMBDA_RUNTIME_DIR', 'TMPDIR', 'PWD')\n"
        "    return [__file__, os.getcwd(), sorted(os.listdir('/')), [os.environ[name] for name in names]]\n",
        name="paths",
    )
    file, cwd, root, variables = await service.call(name="paths")
    assert (file, cwd) == ("/var/task/app.py", "/var/task")
    of_the_interpreter = {prefix.split("/")[1] for prefix in (sys.base_prefix, sys.prefix)}
    assert not {"home", "root", "mnt", "media", "srv", "boot", "run", "sys"} & {*root} - of_the_interpreter
    assert variables == ["/var/task", "/var/runtime", "/tmp", "/var/task"]
