"""An environment's process gives up what it does not need, in the mode that is in force.

``namespaces``: see `namespaces`; with a filter of system calls, and Landlock's scopes where there are such.
``landlock``: the machine's own root and processes, of which Landlock and the filter leave little.
``none``: a plain process; only limits hold.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from typing import Any

from noria.services.lambda_.sandbox import kernel, landlock, namespaces, seccomp

NAMESPACES, LANDLOCK, NONE = "namespaces", "landlock", "none"
MODES = (NAMESPACES, LANDLOCK, NONE)  # the strongest first

PROC = (
    "cpuinfo",
    "filesystems",
    "loadavg",
    "meminfo",
    "stat",
    "uptime",
    "version",
    "sys/vm/overcommit_memory",
)
READABLE_DEVICES = ("/dev/random", "/dev/urandom")
WRITABLE_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")


def confine(mode: str, spec: dict[str, Any], libraries: Sequence[str]) -> None:
    """After this there is no way back. In mode ``namespaces``: what comes after `Root.enter`."""
    limit(mode, spec)
    if mode == NONE:
        return
    kernel.drop_capabilities()
    scoped = landlock.abi() >= landlock.SCOPES_ABI
    if mode == LANDLOCK:
        landlock.restrict_files(_readable(spec, libraries), [spec["temporary"], *WRITABLE_DEVICES])
    elif scoped:
        landlock.restrict_to_own_processes()
    # A path's socket is beyond Landlock; without namespaces, the user's own session bus is such a path.
    alone = mode == NAMESPACES
    seccomp.install(unix_sockets=alone and scoped, alone=alone)


def limit(mode: str, spec: dict[str, Any]) -> None:
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, spec["open_files"])
    _limit(resource.RLIMIT_DATA, spec["data_bytes"])
    if mode == NAMESPACES:
        _limit(resource.RLIMIT_NPROC, spec["processes"])  # in the others it would count all of the user's
    else:
        _limit(resource.RLIMIT_FSIZE, spec["temporary_bytes"])


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))


def _readable(spec: dict[str, Any], libraries: Sequence[str]) -> list[str]:
    return [
        *(f"/{name}" for name in namespaces.SYSTEM),
        *(os.path.realpath(f"/etc/{name}") for name in (*namespaces.ETC, "passwd", "group", "resolv.conf")),
        *{sys.base_prefix, sys.base_exec_prefix},
        *filter(None, libraries),
        spec["task_root"],
        *([spec["layers_root"]] if spec["layers_root"] else []),
        f"/proc/{os.getpid()}",
        *(f"/proc/{name}" for name in PROC),
        *READABLE_DEVICES,
    ]
