"""Which interpreter of this machine runs which runtime.

Noria's own interpreter has awslambdaric and boto3 installed. Another Python is usable once
`libraries.install` has put them into the cache directory, for that version: the user does so, or the server
in the background, when the first function names the runtime. A Node.js is usable as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from noria.config import IsolationMode
from noria.services.lambda_ import errors
from noria.services.lambda_.interpreters import (
    OWN,
    Interpreter,
    are_libraries_installed,
    find_interpreter,
    find_nodes,
    libraries_dir,
    own_interpreter,
)
from noria.services.lambda_.isolation import Isolation, find_isolation
from noria.services.lambda_.libraries import InstallError, install, not_here
from noria.services.lambda_.runtime_table import RUNTIMES, Runtime
from noria.services.lambda_.template import Template

log = logging.getLogger(__name__)

Installer = Callable[[str], Awaitable[Path]]
Found = tuple[str, tuple[int, int, int]]

OWN_RUNTIME = Runtime("python", OWN)
WAITED_FOR_S = 120.0  # of the server's installations: functions are Pending meanwhile
ERROR_CHARS = 300  # of what pip says, where it goes into a function's log


class RuntimeReport(msgspec.Struct, frozen=True):
    """A runtime as `noria status` shows it. exact: whether the interpreter is of the version it names; note:
    why not."""

    runtime: str
    interpreter: str
    executable: str
    exact: bool
    note: str


async def _install_soon(version: str) -> Path:
    return await install(version, WAITED_FOR_S)


class Runtimes:
    """The interpreters found, and a template process of each that is in use."""

    def __init__(self, isolation: IsolationMode = "auto", installer: Installer = _install_soon) -> None:
        """installer: puts the libraries of a version (``3.12``) into their place; raises InstallError."""
        self._wanted = isolation
        self._installer = installer
        self._isolation: Isolation | None = None
        self._interpreters: dict[Runtime, Interpreter] = {OWN_RUNTIME: own_interpreter()}
        self._templates: dict[Interpreter, Template] = {}
        self._discovery: asyncio.Task[None] | None = None
        self._lookups: dict[Runtime, asyncio.Task[Found | None]] = {}
        self._nodes: asyncio.Task[None] | None = None
        self._preparations: dict[Runtime, asyncio.Task[None]] = {}
        self._failures: dict[Runtime, str] = {}

    async def start(self) -> None:
        """Raises IsolationError where a mode of isolation was asked for that is not possible."""
        self._discovery = asyncio.create_task(self._discover())
        if self._wanted != "auto":
            await self.ready()

    async def ready(self, runtime: str = "") -> None:
        """Return once the machine has been looked through, as far as the runtime needs it."""
        assert self._discovery is not None
        await asyncio.shield(self._discovery)
        if runtime and RUNTIMES[runtime].language == "nodejs":
            if self._nodes is None:
                self._nodes = asyncio.create_task(self._discover_nodes())
            await asyncio.shield(self._nodes)

    @property
    def isolation(self) -> Isolation:
        """Known once `ready`."""
        assert self._isolation is not None
        return self._isolation

    async def _discover(self) -> None:
        self._isolation = await find_isolation(self._wanted)
        for runtime in RUNTIMES.values():
            if _needs_libraries(runtime) and are_libraries_installed(runtime.version):
                await self._use(runtime)

    async def _discover_nodes(self) -> None:
        for major, node in (await asyncio.to_thread(find_nodes)).items():
            self._interpreters[Runtime("nodejs", (major,))] = node

    async def _use(self, runtime: Runtime) -> None:
        """Its libraries are there."""
        found = await self._find(runtime)
        if found is not None:
            self._interpreters[runtime] = Interpreter(*found, str(libraries_dir(runtime.version)))

    async def _find(self, runtime: Runtime) -> Found | None:
        """This machine's Python of a version, with libraries or without; looked for once."""
        if runtime not in self._lookups:
            search = asyncio.to_thread(find_interpreter, runtime.version)
            self._lookups[runtime] = asyncio.create_task(search)
        return await asyncio.shield(self._lookups[runtime])

    async def is_here(self, name: str) -> bool:
        """Whether the machine has the runtime's own interpreter."""
        await self.ready(name)
        runtime = RUNTIMES[name]
        return self.is_exact(name) or (_needs_libraries(runtime) and await self._find(runtime) is not None)

    async def can_run(self, name: str) -> bool:
        """Whether there is an interpreter for it, be it the nearest."""
        await self.ready(name)
        return self._nearest(RUNTIMES[name]) is not None

    async def prepare(self, name: str) -> None:
        """Make the runtime's own interpreter usable, if the machine has it: install its libraries, once.

        However that ends, `interpreter` runs the runtime then, and `note` says why it is another one.
        """
        await self.ready(name)
        runtime = RUNTIMES[name]
        if self.is_exact(name) or not _needs_libraries(runtime):
            return
        if runtime not in self._preparations:
            self._preparations[runtime] = asyncio.create_task(self._prepare(runtime))
        await asyncio.shield(self._preparations[runtime])
        if runtime in self._failures and are_libraries_installed(runtime.version):  # by the user, since
            await self._use(runtime)

    async def prepared(self, name: str) -> None:
        """Return once nothing is being installed for the runtime."""
        await self.ready(name)
        if (preparation := self._preparations.get(RUNTIMES[name])) is not None:
            await asyncio.wait([preparation])

    async def _prepare(self, runtime: Runtime) -> None:
        if await self._find(runtime) is None:
            return
        text = f"3.{runtime.version[1]}"
        log.info("the libraries of python%s are being installed", text)
        try:
            await self._installer(text)
        except (InstallError, OSError) as error:
            said = " ".join(str(error).split())[:ERROR_CHARS]
            self._failures[runtime] = (
                f"python{text} is on this machine, but its libraries could not be installed: {said};"
                f" noria runtimes install {text}"
            )
            log.warning("%s", self._failures[runtime])
        else:
            await self._use(runtime)

    async def note(self, name: str) -> str:
        """Why another interpreter runs the runtime; "" where its own does."""
        await self.ready(name)
        runtime = RUNTIMES[name]
        if self.is_exact(name):
            return ""
        if runtime in self._failures:
            return self._failures[runtime]
        if runtime.language != "python" or await self._find(runtime) is None:
            return not_here(runtime)
        return f"{name} is on this machine; its libraries are installed with the first function"

    def is_exact(self, name: str) -> bool:
        runtime = RUNTIMES[name]
        return not runtime.language or runtime in self._interpreters

    def _nearest(self, runtime: Runtime) -> Interpreter | None:
        """Of the runtime's own version, else of the nearest, of two that are as near the newer."""
        wanted = runtime if runtime.language else OWN_RUNTIME
        number = wanted.version[-1]
        found = [each for each in self._interpreters if each.language == wanted.language]
        found.sort(key=lambda each: (abs(each.version[-1] - number), -each.version[-1]))
        return self._interpreters[found[0]] if found else None

    def interpreter(self, name: str) -> Interpreter:
        """What runs the runtime. Where the package brings its own: the one whose template starts it.

        Raises ServiceException where there is none any more.
        """
        found = self._nearest(RUNTIMES[name])
        if found is None:
            raise errors.environment_failed(not_here(RUNTIMES[name]))
        return found

    def template(self, name: str) -> Template:
        """The running template for a runtime."""
        interpreter = self.interpreter(name)
        template = self._templates.get(interpreter)
        if template is None:
            template = self._templates[interpreter] = Template(interpreter, self.isolation.mode)
        if not template.is_running:
            template.start()
        return template

    async def report(self) -> list[RuntimeReport]:
        rows = []
        for name, runtime in RUNTIMES.items():
            if not runtime.language:
                rows.append(RuntimeReport(name, "", "the package's bootstrap", True, ""))
                continue
            exact, note = await self.is_here(name) and self.is_exact(name), await self.note(name)
            used = self._nearest(runtime)
            text, executable = (used.text, used.executable) if used else ("", "")
            rows.append(RuntimeReport(name, text, executable, exact, note))
        return rows

    async def stop_preparing(self) -> None:
        """What waits for an installation is cancelled with it; the next start begins it again."""
        for preparation in self._preparations.values():
            preparation.cancel()
        if self._preparations:
            await asyncio.wait(self._preparations.values())

    async def stop(self) -> None:
        await self.stop_preparing()
        for task in (self._discovery, self._nodes, *self._lookups.values()):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(template.close() for template in self._templates.values()))
        self._templates.clear()


def _needs_libraries(runtime: Runtime) -> bool:
    return runtime.language == "python" and runtime != OWN_RUNTIME
