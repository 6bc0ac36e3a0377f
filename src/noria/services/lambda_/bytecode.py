"""Modules of packages, compiled once instead of at every cold start.

A function does not write beside its code, so Python would compile what it imports each time: more than a
second for a package that brings boto3. The runtime's interpreter does it beforehand, in the background.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

TIMEOUT_S = 120.0
# The sources are a stranger's: their compiler is another process, with a bound, which ends with its server
# and follows no symbolic link.
SCRIPT = """
import compileall, os, resource, stat, sys
def is_directory(path):
    return os.path.lexists(path) and stat.S_ISDIR(os.lstat(path).st_mode)
server = os.getppid()
os.nice(10)
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
for folder, _, names in os.walk(sys.argv[1], topdown=False):
    cache = os.path.join(folder, "__pycache__")
    if os.path.lexists(cache) and not is_directory(cache):
        continue
    os.chmod(folder, 0o755)
    if is_directory(cache):
        os.chmod(cache, 0o755)
    for name in names:
        if os.getppid() != server:
            sys.exit()
        path = os.path.join(folder, name)
        if name.endswith(".py") and not os.path.islink(path):
            compileall.compile_file(path, quiet=2)
    for made in (cache, folder):
        if is_directory(made):
            os.chmod(made, 0o555)
"""


async def compile_package(executable: str, task_root: Path) -> None:
    """Compile every module of a package; what does not compile fails where it is imported."""
    process = await asyncio.create_subprocess_exec(
        executable,
        *("-I", "-S", "-c", SCRIPT, str(task_root)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        log.info("compiling %s was given up: it took too long", task_root)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
