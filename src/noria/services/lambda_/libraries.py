"""Installing what AWS's managed runtimes offer: for another Python than Noria's own, and for Node.js."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from noria.services.lambda_.interpreters import (
    find_interpreter,
    find_nodes,
    libraries_dir,
    node_modules_dir,
)
from noria.services.lambda_.runtime_table import RUNTIMES, Runtime

LIBRARIES = ("awslambdaric", "boto3")
# Of AWS's SDK, the clients of the services that there are here.
NODE_MODULES = tuple(
    f"@aws-sdk/{name}"
    for name in (
        "client-sqs", "client-lambda", "client-iam", "client-sts", "client-cloudwatch",
        "client-cloudwatch-logs", "credential-providers",
    )
)  # fmt: skip
INSTALL_TIMEOUT_S = 600.0  # of the user's command


class InstallError(Exception):
    """A runtime cannot be installed; the text is for the user."""


async def install(version: str, timeout_s: float = INSTALL_TIMEOUT_S) -> Path:
    """Put awslambdaric and boto3 where functions of e.g. "3.12" find them. Raises InstallError.

    Takes a download, if pip has not cached it.
    """
    runtime = RUNTIMES.get(f"python{version}")
    if runtime is None:
        pythons = [name for name, each in RUNTIMES.items() if each.language == "python"]
        raise InstallError(f"there is no runtime python{version}; there are {', '.join(pythons)}")
    found = await asyncio.to_thread(find_interpreter, runtime.version)
    if found is None:
        raise InstallError(not_here(runtime))
    options = ("--disable-pip-version-check", "--no-input", "--quiet", "--target")
    pip = (found[0], "-m", "pip", "install", *options)
    return await _install_whole(
        libraries_dir(runtime.version), lambda new: [*pip, str(new), *LIBRARIES], timeout_s
    )


async def install_node_modules(timeout_s: float = INSTALL_TIMEOUT_S) -> Path:
    """Put AWS's SDK where functions of the nodejs runtimes find it. Raises InstallError."""
    nodes = await asyncio.to_thread(find_nodes)
    if not nodes:
        raise InstallError("no Node.js on this machine: neither on the PATH nor among nvm's versions")
    node = nodes[max(nodes)]
    beside = Path(node.home) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npm = [shutil.which("npm") or ""] if shutil.which("npm") else [node.executable, str(beside)]
    options = ("install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--prefix")
    final = await _install_whole(
        node_modules_dir().parent, lambda new: [*npm, *options, str(new), *NODE_MODULES], timeout_s
    )
    return final / "node_modules"


async def _install_whole(final: Path, command: Callable[[Path], Sequence[str]], timeout_s: float) -> Path:
    """Have the directory `final` made by a command, in the place of an older one, if there is."""
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=".", ignore_cleanup_errors=True) as scratch:
        new = Path(scratch) / "new"
        await _run(command(new), timeout_s)
        await asyncio.to_thread(_replace, new, final, Path(scratch) / "old")
    return final


def _replace(new: Path, final: Path, old: Path) -> None:
    if final.exists():
        final.rename(old)
    new.rename(final)


def not_here(runtime: Runtime) -> str:
    managers = {"python": "pyenv", "nodejs": "nvm"}
    manager = managers[runtime.language]
    return f"no {runtime.title} on this machine: neither on the PATH nor among {manager}'s versions"


async def _run(command: Sequence[str], timeout_s: float) -> None:
    name = "pip" if "pip" in command else "npm"
    try:
        installer = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # what it builds is ended with it
        )
    except OSError as error:
        raise InstallError(f"{name} could not install them: {error}") from error
    try:
        async with asyncio.timeout(timeout_s):
            _, said = await installer.communicate()
    except TimeoutError as error:
        raise InstallError(f"{name} could not install them within {timeout_s:.0f} s") from error
    finally:
        if installer.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(installer.pid, signal.SIGKILL)
            await installer.wait()
    if installer.returncode:
        raise InstallError(f"{name} could not install them:\n{said.decode(errors='replace').strip()}")
