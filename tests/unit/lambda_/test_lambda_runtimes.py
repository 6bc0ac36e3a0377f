"""Which interpreter runs which runtime, and how another one is made ready."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.server import alive
from tests.unit.lambda_.conftest import ACCOUNT, ISOLATIONS, ROLE, Lambda, until, zipped

from noria.clock import SystemClock
from noria.config import IsolationMode
from noria.services.lambda_ import interpreters
from noria.services.lambda_.actions import ACTIONS
from noria.services.lambda_.interpreters import Interpreter, find_interpreter, libraries_dir
from noria.services.lambda_.libraries import InstallError, install, install_node_modules
from noria.services.lambda_.runtime_table import Runtime
from noria.services.lambda_.runtimes import Runtimes
from noria.services.lambda_.service import APIS

OWN = sys.version_info[:2]
BARE = "python3.9" if OWN[1] != 9 else "python3.10"


def installed(cache: Path, runtime: str) -> Path:
    libraries = cache / "noria" / "runtimes" / runtime
    (libraries / "awslambdaric").mkdir(parents=True)
    return libraries


def interpreter(minor: int) -> Interpreter:
    return Interpreter(f"/python3.{minor}", (3, minor, 1), "/libraries")


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on its PATH but what a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return tmp_path


async def test_norias_own_interpreter_always_runs_its_runtime() -> None:
    found = Runtimes("none")
    await found.start()
    name = f"python3.{OWN[1]}"
    assert found.is_exact(name)
    assert found.interpreter(name).executable == sys.executable


@pytest.mark.parametrize(
    ("installed", "wanted", "runs"),
    [((9, 11), 9, 9), ((9, 11), 10, 11), ((9, 13), 10, 9), ((9, 13), 12, 13), ((9,), 14, 9)],
)
async def test_the_nearest_runs_where_the_exact_one_is_missing(
    installed: tuple[int, ...], wanted: int, runs: int
) -> None:
    found = Runtimes("none")
    found._interpreters = {Runtime("python", (3, minor)): interpreter(minor) for minor in installed}
    assert found.interpreter(f"python3.{wanted}") == interpreter(runs)
    assert found.is_exact(f"python3.{wanted}") is (wanted in installed)


def test_an_interpreter_counts_if_it_runs_and_is_of_the_version(machine: Path) -> None:
    assert find_interpreter((3, 12)) is None
    script(machine / "bin" / "python3.12", "exit 127")  # as a shim of pyenv without that version
    assert find_interpreter((3, 12)) is None
    script(machine / "bin" / "python3.12", """echo '["/usr/bin/python3.11", [3, 11, 4]]'""")
    assert find_interpreter((3, 12)) is None
    script(machine / "pyenv/versions/3.12.1/bin/python3.12", """echo '["/real/python3.12", [3, 12, 1]]'""")
    assert find_interpreter((3, 12)) == ("/real/python3.12", (3, 12, 1))


async def test_an_interpreter_without_libraries_runs_nothing(machine: Path, cache: Path) -> None:
    minor = 9 if OWN[1] != 9 else 10
    script(machine / "bin" / f"python3.{minor}", f"""echo '["/real/python", [3, {minor}, 1]]'""")
    before = Runtimes("none")
    await before.start()
    assert not before.is_exact(f"python3.{minor}")
    (cache / "noria" / "runtimes" / f"python3.{minor}" / "awslambdaric").mkdir(parents=True)
    after = Runtimes("none")
    await after.start()
    assert after.is_exact(f"python3.{minor}")
    (row,) = [row for row in await after.report() if row.runtime == f"python3.{minor}"]
    assert (row.interpreter, row.executable, row.exact) == (f"3.{minor}.1", "/real/python", True)


async def test_install_puts_the_libraries_in_place_whole(machine: Path, cache: Path) -> None:
    python = machine / "bin" / "python3.12"
    script(
        python,
        f"""case "$*" in
*"-m pip install"*awslambdaric*boto3*)
  for last in "$@"; do [ "$previous" = --target ] && break; previous=$last; done
  /bin/mkdir -p "$last/awslambdaric" ;;
*) echo '["{python}", [3, 12, 1]]' ;;
esac""",
    )
    expected = cache / "noria" / "runtimes" / "python3.12"
    assert await install("3.12") == expected
    assert await install("3.12") == expected  # again, over what is there
    assert [path.name for path in expected.iterdir()] == ["awslambdaric"]
    assert [path.name for path in expected.parent.iterdir()] == ["python3.12"]


async def test_install_says_what_is_wrong(machine: Path) -> None:
    with pytest.raises(InstallError, match=r"there is no runtime python2\.7; there are python3\.9, "):
        await install("2.7")
    with pytest.raises(InstallError, match=r"no Python 3\.12 on this machine"):
        await install("3.12")
    python = machine / "bin" / "python3.12"
    script(
        python,
        f"""case "$*" in *pip*) echo no network >&2; exit 1 ;; *) echo '["{python}", [3, 12, 1]]' ;; esac""",
    )
    with pytest.raises(InstallError, match="pip could not install them:\nno network"):
        await install("3.12")
    assert list(libraries_dir((3, 12)).parent.iterdir()) == []


async def test_install_puts_awss_sdk_where_node_finds_it(
    machine: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(machine / "bin" / "node", """echo '["/real/bin/node", [20, 1, 2]]'""")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InstallError, match="npm could not install them"):
        await install_node_modules()
    script(
        machine / "bin" / "npm",
        """case "$*" in "install "*"@aws-sdk/client-sqs "*) ;; *) exit 1 ;; esac
for last in "$@"; do [ "$previous" = --prefix ] && break; previous=$last; done
/bin/mkdir -p "$last/node_modules/@aws-sdk" """,
    )
    expected = cache / "noria" / "runtimes" / "nodejs" / "node_modules"
    assert await install_node_modules() == expected
    assert await install_node_modules() == expected
    assert (expected / "@aws-sdk").is_dir()
    (node,) = interpreters.find_nodes().values()
    assert (node.text, node.home, node.modules) == ("20.1.2", "/real", str(expected))
    (machine / "bin" / "node").unlink()
    with pytest.raises(InstallError, match=r"no Node\.js on this machine"):
        await install_node_modules()


@pytest.mark.parametrize("isolation", ISOLATIONS)
async def test_functions_find_what_was_installed_for_node(
    tmp_path: Path, cache: Path, isolation: IsolationMode
) -> None:
    """ES modules where the runtime has its place; in other modes, NODE_PATH leads to it, for CommonJS."""
    package = cache / "noria" / "runtimes" / "nodejs" / "node_modules" / "sdk"
    package.mkdir(parents=True)
    (package / "index.js").write_text("exports.what = 'the sdk';\n")
    service = Lambda(tmp_path / "data", SystemClock(), isolation=isolation)
    await service.start()
    common = "const sdk = require('sdk');\nexports.handler = async () => sdk.what;\n"
    await service.create({"app.js": common}, runtime="nodejs20.x")
    assert await service.call() == "the sdk"
    if isolation == "namespaces":
        module = "import { what } from 'sdk';\nexport const handler = async () => what;\n"
        await service.create({"app.mjs": module}, "g", runtime="nodejs20.x")
        assert await service.call(name="g") == "the sdk"
    await service.stop()


@pytest.fixture
def bare(machine: Path, cache: Path) -> str:
    """The runtime of an interpreter without libraries, on this machine."""
    script(machine / "bin" / BARE, f"""echo '["/real/{BARE}", [3, {BARE.partition(".")[2]}, 1]]'""")
    return BARE


async def test_the_first_function_that_names_a_runtime_has_its_libraries_installed_once(
    bare: str, cache: Path
) -> None:
    asked: list[str] = []
    go = asyncio.Event()

    async def installer(version: str) -> Path:
        asked.append(version)
        await go.wait()
        return installed(cache, bare)

    found = Runtimes("none", installer)
    await found.start()
    assert (
        await found.note(bare)
        == f"{bare} is on this machine; its libraries are installed with the first function"
    )
    waiting = [asyncio.create_task(found.prepare(bare)) for _ in range(2)]
    await until(lambda: found._preparations, "it has begun")
    waiting.append(asyncio.create_task(found.prepared(bare)))
    await until(lambda: asked, "it was asked for")
    assert not any(task.done() for task in waiting)
    go.set()
    await asyncio.gather(*waiting)
    await found.prepare(bare)
    assert asked == [bare.removeprefix("python")]
    assert found.interpreter(bare).executable == f"/real/{bare}"
    assert await found.note(bare) == ""


async def test_libraries_that_cannot_be_installed_are_said_and_not_asked_for_again(
    bare: str, cache: Path
) -> None:
    asked: list[str] = []

    async def installer(version: str) -> Path:
        asked.append(version)
        raise InstallError("pip could not install them:\nno network")

    found = Runtimes("none", installer)
    await found.start()
    await found.prepare(bare)
    await found.prepare(bare)
    version = bare.removeprefix("python")
    assert asked == [version]
    assert not found.is_exact(bare)
    why = (
        f"{bare} is on this machine, but its libraries could not be installed: pip could not install them: "
        f"no network; noria runtimes install {version}"
    )
    assert await found.note(bare) == why
    (row,) = [row for row in await found.report() if row.runtime == bare]
    assert (row.exact, row.note) == (False, why)
    installed(cache, bare)  # by the user
    await found.prepare(bare)
    assert found.is_exact(bare)


async def test_what_is_not_on_this_machine_is_not_installed(machine: Path, cache: Path) -> None:
    async def installer(version: str) -> Path:
        raise AssertionError(version)

    found = Runtimes("none", installer)
    await found.start()
    await found.prepare(BARE)
    version = BARE.removeprefix("python")
    assert await found.note(BARE) == (
        f"no Python {version} on this machine: neither on the PATH nor among pyenv's versions"
    )
    assert not await found.is_here(BARE)


async def test_a_server_that_stops_does_not_wait_for_an_installation(bare: str) -> None:
    async def installer(version: str) -> Path:
        await asyncio.Event().wait()
        raise AssertionError

    found = Runtimes("none", installer)
    await found.start()
    preparing = asyncio.create_task(found.prepare(bare))
    await until(lambda: found._preparations, "it has begun")
    await found.stop()
    with pytest.raises(asyncio.CancelledError):
        await preparing


async def test_neither_a_reset_nor_a_stop_waits_for_an_installation(
    bare: str, lambda_service: Lambda
) -> None:
    asked = asyncio.Event()

    async def installer(version: str) -> Path:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    lambda_service.api._core.runtimes._installer = installer
    members = {
        "runtime": bare,
        "handler": "app.handler",
        "role": ROLE,
        "code": {"ZipFile": zipped({"app.py": "def handler(e, c):\n    return 1\n"})},
    }
    await lambda_service.api.create_function(lambda_service.ctx(), function_name="f", **members)
    async with asyncio.timeout(10):
        await asked.wait()
        await lambda_service.api.reset(ACCOUNT)
        await lambda_service.api.create_function(lambda_service.ctx(), function_name="f", **members)
        await lambda_service.api.stop()


async def test_an_installation_that_takes_too_long_is_ended_whole(machine: Path) -> None:
    python = machine / "bin" / "python3.12"
    script(
        python,
        f"""case "$*" in *pip*) /bin/sleep 299 & echo $! > {machine}/child; wait ;;
*) echo '["{python}", [3, 12, 1]]' ;; esac""",
    )
    with pytest.raises(InstallError, match="pip could not install them within 0 s"):
        await install("3.12", 0.4)
    child = int((machine / "child").read_text())
    await until(lambda: not alive({child}), "what pip started ended")


@pytest.fixture(params=[False, True])
async def lambda_service(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Lambda]:
    """With --strict-runtimes or without."""
    service = Lambda(tmp_path / "data", SystemClock(), strict_runtimes=request.param, isolation="none")
    await service.start()
    yield service
    await service.stop()


async def test_a_function_is_pending_while_its_runtimes_libraries_are_installed(
    bare: str, lambda_service: Lambda
) -> None:
    go = asyncio.Event()

    async def installer(version: str) -> Path:
        await go.wait()
        raise InstallError("no network")

    lambda_service.api._core.runtimes._installer = installer
    source = {"app.py": "def handler(e, c):\n    return 1\n"}
    request = {"runtime": bare, "handler": "app.handler", "role": ROLE, "code": {"ZipFile": zipped(source)}}
    await lambda_service.api.create_function(lambda_service.ctx(), function_name="f", **request)

    async def configuration(name: str = "f") -> dict[str, Any]:
        ctx = lambda_service.ctx()
        found: dict[str, Any] = await lambda_service.api.get_function_configuration(ctx, function_name=name)
        return found

    await lambda_service.create(source, "g")  # of another runtime: not held up
    await lambda_service.api.update_function_configuration(
        lambda_service.ctx(), function_name="g", runtime=bare
    )
    assert (await configuration())["State"] == "Pending"
    assert (await configuration("g"))["LastUpdateStatus"] == "InProgress"
    go.set()
    if lambda_service.settings.strict_runtimes:
        for name in ("f", "g"):
            for _ in range(500):
                if (failed := await configuration(name))["State"] == "Failed":
                    break
                await asyncio.sleep(0.01)
            assert "its libraries could not be installed: no network" in failed["StateReason"]
    else:
        await lambda_service.active()
        assert await lambda_service.call() == 1
        await until(lambda: lambda_service.logs.lines("f"), "it logged")
        (said,) = [line for line in lambda_service.logs.lines("f") if line.startswith("NORIA ")]
        assert f" runs {bare}: {bare} is on this machine, but its libraries could not be installed: " in said


def test_every_operation_has_an_action_and_every_action_an_operation() -> None:
    from botocore import xform_name

    public = {name for api in APIS for name in vars(api) if not name.startswith("_")}
    assert {xform_name(operation) for operation in ACTIONS} == public
