"""Installing what another Python than Noria's own needs: what AWS's managed runtimes offer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from pathlib import Path

from noria.services.lambda_.interpreters import find_interpreter, libraries_dir
from noria.services.lambda_.runtime_table import RUNTIMES, Runtime

LIBRARIES = ("awslambdaric", "boto3")
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
    final = libraries_dir(runtime.version)
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=".", ignore_cleanup_errors=True) as scratch:
        new = Path(scratch) / "new"
        await _pip_install(found[0], new, timeout_s)
        if final.exists():
            final.rename(Path(scratch) / "old")
        new.rename(final)
    return final


def not_here(runtime: Runtime) -> str:
    managers = {"python": "pyenv", "nodejs": "nvm"}
    manager = managers[runtime.language]
    return f"no {runtime.title} on this machine: neither on the PATH nor among {manager}'s versions"


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
