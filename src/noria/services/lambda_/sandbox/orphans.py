"""What ended environments leave behind: found by a mark that it cannot shed, and killed.

Linux gives processes whose parent ended to the nearest subreaper above: to the template, or to the server
where the template ended.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable

from noria.services.lambda_.sandbox import kernel

RLIMIT_LOCKS = 10  # Linux does not use this limit; all that comes of a process inherits it, so it is a mark
SWEEPS = 1000  # rounds of killing what processes left behind; each round kills a generation


def mark(number: int) -> None:
    """Mark this process, and with it all that will come of it."""
    if kernel.LINUX:
        resource.setrlimit(RLIMIT_LOCKS, (number, number))


def own_mark() -> int:
    return resource.getrlimit(RLIMIT_LOCKS)[0] if kernel.LINUX else 0


def mark_of(pid: int) -> int | None:
    """None for a process that has none, or is gone."""
    try:
        with open(f"/proc/{pid}/limits") as file:
            limits = file.read()
    except OSError:
        return None
    found = limits.partition("Max file locks")[2].split()
    return int(found[0]) if found and found[0].isdigit() else None


def sweep(is_orphan: Callable[[int], bool]) -> None:
    """Kill and reap those children of this process, and theirs, which then become its own."""
    for _ in range(SWEEPS):
        orphans = [pid for pid in _own_children() if is_orphan(pid)]
        if not orphans:
            return
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
        for pid in orphans:
            os.waitpid(pid, 0)


def _own_children() -> list[int]:
    if not kernel.LINUX:
        return []
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []
