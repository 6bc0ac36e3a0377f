"""The runtimes that functions may name, and the interpreters of this machine that run them.

A runtime is a row of `RUNTIMES`. Noria's own interpreter has awslambdaric and boto3 installed. Another one is
usable once `install` has put them into the cache directory, for that version.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from noria.config import IsolationMode, cache_dir
from noria.services.lambda_.isolation import Isolation, find_isolation
from noria.services.lambda_.template import Template

Version = tuple[int, int]

RUNTIMES: dict[str, Version | None] = {f"python3.{minor}": (3, minor) for minor in range(9, 15)}
RUNTIMES["provided.al2023"] = None  # the package brings its own: an executable named bootstrap
OWN: Version = sys.version_info[:2]
LIBRARIES = ("awslambdaric", "boto3")  # what AWS's managed Python runtimes offer
PROBE_TIMEOUT_S = 10.0
INSTALL_TIMEOUT_S = 600.0
PROBE = "import sys, json; print(json.dumps([sys.executable, list(sys.version_info[:3])]))"

# What AWS answers for a runtime that it does not have; the list is its own, in its order.
UNKNOWN_RUNTIME = (
    "Value {} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, "
    "python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, "
    "dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN"
)
AWS_RUNTIMES = frozenset(
    UNKNOWN_RUNTIME[UNKNOWN_RUNTIME.index("[") + 1 : UNKNOWN_RUNTIME.index("]")].split(", ")
)


class InstallError(Exception):
    """A runtime cannot be installed; the text is for the user."""


class Interpreter(msgspec.Struct, frozen=True):
    """A Python that can run functions. libraries: the directory that holds awslambdaric for it."""

    executable: str
    version: tuple[int, int, int]
    libraries: str

    @property
    def text(self) -> str:
        return ".".join(map(str, self.version))


class RuntimeReport(msgspec.Struct, frozen=True):
    """A runtime as `noria status` shows it. exact: whether the interpreter is of the version it names."""

    runtime: str
    interpreter: str
    executable: str
    exact: bool


def own_interpreter() -> Interpreter:
    import awslambdaric

    libraries = str(Path(awslambdaric.__file__).parents[1])
    return Interpreter(sys.executable, sys.version_info[:3], libraries)


def libraries_dir(version: Version) -> Path:
    return cache_dir() / "runtimes" / f"python{version[0]}.{version[1]}"


def _installed(version: Version) -> bool:
    return (libraries_dir(version) / "awslambdaric").is_dir()


def _candidates(version: Version) -> list[str]:
    name = f"python{version[0]}.{version[1]}"
    found = [shutil.which(name, path=folder) for folder in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    found += sorted((str(path) for path in pyenv.glob(f"*/bin/{name}")), reverse=True)
    return list(dict.fromkeys(path for path in found if path))


def find_interpreter(version: Version) -> tuple[str, tuple[int, int, int]] | None:
    """A Python of this version that really starts (a shim of pyenv may not): its path and full version."""
    for candidate in _candidates(version):
        try:
            probe = subprocess.run(
                [candidate, "-I", "-c", PROBE],
                capture_output=True,
                timeout=PROBE_TIMEOUT_S,
                check=True,
                cwd="/",
            )
            executable, found = msgspec.json.decode(probe.stdout, type=tuple[str, tuple[int, int, int]])
        except (OSError, subprocess.SubprocessError, msgspec.MsgspecError):
            continue
        if found[:2] == version:
            return executable, found
    return None


def install(version: str) -> Path:
    """Put awslambdaric and boto3 where functions of e.g. "3.12" find them. Raises InstallError.

    Takes a download (pip's cache is used), so it is the user's command and never the server's.
    """
    wanted = RUNTIMES.get(f"python{version}")
    if wanted is None:
        raise InstallError(f"there is no runtime python{version}; there are {', '.join(RUNTIMES)}")
    found = find_interpreter(wanted)
    if found is None:
        raise InstallError(
            f"no Python {version} on this machine: neither on the PATH nor among pyenv's versions"
        )
    final = libraries_dir(wanted)
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=".", ignore_cleanup_errors=True) as scratch:
        new = Path(scratch) / "new"
        pip = [
            found[0],
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--quiet",
            "--target",
            str(new),
        ]
        try:
            subprocess.run(
                [*pip, *LIBRARIES], check=True, timeout=INSTALL_TIMEOUT_S, capture_output=True, text=True
            )
        except subprocess.CalledProcessError as error:
            raise InstallError(f"pip could not install them:\n{error.stderr.strip()}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InstallError(f"pip could not install them: {error}") from error
        if final.exists():
            final.rename(Path(scratch) / "old")
        new.rename(final)
    return final


class Runtimes:
    """The interpreters found, and a template process of each that is in use."""

    def __init__(self, isolation: IsolationMode = "auto") -> None:
        self._wanted = isolation
        self._isolation: Isolation | None = None
        self._interpreters: dict[Version, Interpreter] = {OWN: own_interpreter()}
        self._templates: dict[Interpreter, Template] = {}
        self._discovery: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises IsolationError where a mode of isolation was asked for that is not possible."""
        self._discovery = asyncio.create_task(self._discover())
        if self._wanted != "auto":
            await self.ready()

    async def ready(self) -> None:
        """Return once the machine has been looked through."""
        assert self._discovery is not None
        await asyncio.shield(self._discovery)

    @property
    def isolation(self) -> Isolation:
        """Known once `ready`."""
        assert self._isolation is not None
        return self._isolation

    async def _discover(self) -> None:
        self._isolation = await find_isolation(self._wanted)
        for version in RUNTIMES.values():
            if version not in {OWN, None} and _installed(version):
                found = await asyncio.to_thread(find_interpreter, version)
                if found is not None:
                    self._interpreters[version] = Interpreter(*found, str(libraries_dir(version)))

    def is_exact(self, runtime: str) -> bool:
        version = RUNTIMES[runtime]
        return version is None or version in self._interpreters

    def interpreter(self, runtime: str) -> Interpreter:
        """Of the runtime's own version, else of the nearest, of two that are as near the newer.

        Where the package brings its own runtime: the one whose template starts it.
        """
        major, minor = RUNTIMES[runtime] or OWN
        nearest = min(self._interpreters, key=lambda version: (abs(version[1] - minor), -version[1]))
        return self._interpreters[nearest if nearest[0] == major else OWN]

    def template(self, runtime: str) -> Template:
        """The running template for a runtime."""
        interpreter = self.interpreter(runtime)
        template = self._templates.get(interpreter)
        if template is None:
            template = self._templates[interpreter] = Template(
                interpreter.executable, interpreter.libraries, self.isolation.mode
            )
        if not template.is_running:
            template.start()
        return template

    def report(self) -> list[RuntimeReport]:
        rows = []
        for runtime, version in RUNTIMES.items():
            if version is None:
                rows.append(RuntimeReport(runtime, "", "the package's bootstrap", True))
                continue
            interpreter = self.interpreter(runtime)
            rows.append(
                RuntimeReport(runtime, interpreter.text, interpreter.executable, self.is_exact(runtime))
            )
        return rows

    async def stop(self) -> None:
        if self._discovery is not None:
            self._discovery.cancel()
        await asyncio.gather(*(template.close() for template in self._templates.values()))
        self._templates.clear()
