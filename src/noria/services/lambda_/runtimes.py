"""The runtimes that functions may name, and the interpreters of this machine that run them.

A runtime is a row of `RUNTIMES`. Noria's own interpreter has awslambdaric and boto3 installed. Another one is
usable once `install` has put them into the cache directory, for that version: the user does so, or the server
in the background, when the first function names the runtime.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from noria.config import IsolationMode, cache_dir
from noria.services.lambda_.isolation import Isolation, find_isolation
from noria.services.lambda_.template import Template

log = logging.getLogger(__name__)

Version = tuple[int, int]
Installer = Callable[[str], Awaitable[Path]]

RUNTIMES: dict[str, Version | None] = {f"python3.{minor}": (3, minor) for minor in range(9, 15)}
RUNTIMES["provided.al2023"] = None  # the package brings its own: an executable named bootstrap
OWN: Version = sys.version_info[:2]
LIBRARIES = ("awslambdaric", "boto3")  # what AWS's managed Python runtimes offer
PROBE_TIMEOUT_S = 10.0
INSTALL_TIMEOUT_S = 600.0  # of the user's command
WAITED_FOR_S = 120.0  # of the server's: functions are Pending meanwhile
ERROR_CHARS = 300  # of what pip says, where it goes into a function's log
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
    """A runtime as `noria status` shows it. exact: whether the interpreter is of the version it names; note:
    why not."""

    runtime: str
    interpreter: str
    executable: str
    exact: bool
    note: str


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


async def install(version: str, timeout_s: float = INSTALL_TIMEOUT_S) -> Path:
    """Put awslambdaric and boto3 where functions of e.g. "3.12" find them. Raises InstallError.

    Takes a download, if pip has not cached it.
    """
    wanted = RUNTIMES.get(f"python{version}")
    if wanted is None:
        raise InstallError(f"there is no runtime python{version}; there are {', '.join(RUNTIMES)}")
    found = await asyncio.to_thread(find_interpreter, wanted)
    if found is None:
        raise InstallError(not_here(version))
    final = libraries_dir(wanted)
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=".", ignore_cleanup_errors=True) as scratch:
        new = Path(scratch) / "new"
        await _pip_install(found[0], new, timeout_s)
        if final.exists():
            final.rename(Path(scratch) / "old")
        new.rename(final)
    return final


def not_here(version: str) -> str:
    return f"no Python {version} on this machine: neither on the PATH nor among pyenv's versions"


async def _pip_install(executable: str, target: Path, timeout_s: float) -> None:
    options = ("--disable-pip-version-check", "--no-input", "--quiet", "--target", str(target))
    try:
        pip = await asyncio.create_subprocess_exec(
            executable,
            *("-m", "pip", "install", *options, *LIBRARIES),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # what it builds is ended with it
        )
    except OSError as error:
        raise InstallError(f"pip could not install them: {error}") from error
    try:
        async with asyncio.timeout(timeout_s):
            _, said = await pip.communicate()
    except TimeoutError as error:
        raise InstallError(f"pip could not install them within {timeout_s:.0f} s") from error
    finally:
        if pip.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pip.pid, signal.SIGKILL)
            await pip.wait()
    if pip.returncode:
        raise InstallError(f"pip could not install them:\n{said.decode(errors='replace').strip()}")


async def _install_soon(version: str) -> Path:
    return await install(version, WAITED_FOR_S)


class Runtimes:
    """The interpreters found, and a template process of each that is in use."""

    def __init__(self, isolation: IsolationMode = "auto", installer: Installer = _install_soon) -> None:
        """installer: puts the libraries of a version (``3.12``) into their place; raises InstallError."""
        self._wanted = isolation
        self._installer = installer
        self._isolation: Isolation | None = None
        self._interpreters: dict[Version, Interpreter] = {OWN: own_interpreter()}
        self._templates: dict[Interpreter, Template] = {}
        self._discovery: asyncio.Task[None] | None = None
        self._lookups: dict[Version, asyncio.Task[tuple[str, tuple[int, int, int]] | None]] = {}
        self._preparations: dict[Version, asyncio.Task[None]] = {}
        self._failures: dict[Version, str] = {}

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
            if version is not None and version != OWN and _installed(version):
                await self._use(version)

    async def _use(self, version: Version) -> None:
        """Its libraries are there."""
        found = await self._find(version)
        if found is not None:
            self._interpreters[version] = Interpreter(*found, str(libraries_dir(version)))

    async def _find(self, version: Version) -> tuple[str, tuple[int, int, int]] | None:
        """This machine's interpreter of a version, with libraries or without; looked for once."""
        if version not in self._lookups:
            self._lookups[version] = asyncio.create_task(asyncio.to_thread(find_interpreter, version))
        return await asyncio.shield(self._lookups[version])

    async def is_here(self, runtime: str) -> bool:
        """Whether the machine has the runtime's own interpreter."""
        await self.ready()
        version = RUNTIMES[runtime]
        return version is None or self.is_exact(runtime) or await self._find(version) is not None

    async def prepare(self, runtime: str) -> None:
        """Make the runtime's own interpreter usable, if the machine has it: install its libraries, once.

        However that ends, `interpreter` runs the runtime then, and `note` says why it is another one.
        """
        await self.ready()
        version = RUNTIMES[runtime]
        if version is None or version in self._interpreters:
            return
        if version not in self._preparations:
            self._preparations[version] = asyncio.create_task(self._prepare(version))
        await asyncio.shield(self._preparations[version])
        if version in self._failures and _installed(version):  # by the user, since
            await self._use(version)

    async def prepared(self, runtime: str) -> None:
        """Return once nothing is being installed for the runtime."""
        await self.ready()
        version = RUNTIMES[runtime]
        if version is not None and (preparation := self._preparations.get(version)) is not None:
            await asyncio.wait([preparation])

    async def _prepare(self, version: Version) -> None:
        if await self._find(version) is None:
            return
        text = f"3.{version[1]}"
        log.info("the libraries of python%s are being installed", text)
        try:
            await self._installer(text)
        except (InstallError, OSError) as error:
            said = " ".join(str(error).split())[:ERROR_CHARS]
            self._failures[version] = (
                f"python{text} is on this machine, but its libraries could not be installed: {said};"
                f" noria runtimes install {text}"
            )
            log.warning("%s", self._failures[version])
        else:
            await self._use(version)

    async def note(self, runtime: str) -> str:
        """Why another interpreter runs the runtime; "" where its own does."""
        version = RUNTIMES[runtime]
        if version is None or self.is_exact(runtime):
            return ""
        text = f"3.{version[1]}"
        if version in self._failures:
            return self._failures[version]
        if await self._find(version) is None:
            return not_here(text)
        return f"python{text} is on this machine; its libraries are installed with the first function"

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

    async def report(self) -> list[RuntimeReport]:
        await self.ready()
        rows = []
        for runtime, version in RUNTIMES.items():
            if version is None:
                rows.append(RuntimeReport(runtime, "", "the package's bootstrap", True, ""))
                continue
            used = self.interpreter(runtime)
            exact, note = self.is_exact(runtime), await self.note(runtime)
            rows.append(RuntimeReport(runtime, used.text, used.executable, exact, note))
        return rows

    async def stop_preparing(self) -> None:
        """What waits for an installation is cancelled with it; the next start begins it again."""
        for preparation in self._preparations.values():
            preparation.cancel()
        if self._preparations:
            await asyncio.wait(self._preparations.values())

    async def stop(self) -> None:
        await self.stop_preparing()
        for task in (self._discovery, *self._lookups.values()):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(template.close() for template in self._templates.values()))
        self._templates.clear()
