"""Tells which modes of isolation this machine allows, by trying each: ``{"mode": reason why not, or ""}``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[4]))

from noria.services.lambda_.sandbox import confine, kernel, landlock, namespaces, seccomp

SPEC = {
    "task_root": "/usr",
    "layers_root": "",
    "temporary": "/usr",
    "temporary_bytes": 1 << 20,
    "open_files": 1024,
    "data_bytes": 1 << 30,
    "processes": 1024,
}


def _namespaces() -> None:
    root = namespaces.Root("/usr", namespaces.interpreter_home())
    pid = root.fork()
    if pid == 0:
        _tried(lambda: _enter(root))
    _, status = os.waitpid(pid, 0)
    if status:
        raise OSError("an environment could not be entered")


def _enter(root: namespaces.Root) -> None:
    root.enter(SPEC, 1)
    confine.confine(confine.NAMESPACES, SPEC, ["/usr"])
    _read_own()


def _landlock() -> None:
    if not landlock.abi():
        raise OSError("the kernel has no Landlock")
    confine.confine(confine.LANDLOCK, SPEC, ["/usr"])
    _read_own()


def _read_own() -> None:
    if not os.listdir("/proc/self/fd") or not os.path.isdir("/usr"):
        raise OSError("nothing is left to be seen")


def _tried(attempt: Callable[[], None]) -> None:
    try:
        attempt()
    except BaseException as error:
        os.write(1, str(error).encode())
        os._exit(1)
    os._exit(0)


def _why_not(attempt: Callable[[], None]) -> str:
    """Try it in a process of its own; "" where it works."""
    if not kernel.LINUX:
        return "only Linux has it"
    if not seccomp.is_supported():
        return f"no filter of system calls for {kernel.MACHINE}"
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(write, 1)
        _tried(attempt)
    os.close(write)
    with open(read, "rb") as file:
        said = file.read().decode()
    _, status = os.waitpid(pid, 0)
    return (said or "it failed") if status else ""


if __name__ == "__main__":
    attempts = {confine.NAMESPACES: _namespaces, confine.LANDLOCK: _landlock}
    print(json.dumps({mode: _why_not(attempt) for mode, attempt in attempts.items()}))
