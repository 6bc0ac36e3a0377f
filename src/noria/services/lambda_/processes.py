"""What Linux says of an environment's processes: their memory, and whose connection is whose."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from noria.services.lambda_.socket_owner import socket_inode

LINUX = sys.platform == "linux"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int, limit: int) -> list[int]:
    """The process and all that came of it, those included that `limit` was exceeded with."""
    found = [pid]
    for parent in found:
        if len(found) > limit:
            break
        found += children(parent)
    return found


def children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    except OSError:
        return found  # it ended meanwhile, or there is no such thing here
    return found


def stop_processes(pid: int, limit: int) -> list[int]:
    """Stop a process and all that came of it; return them, in the order in which they were stopped."""
    stopped: dict[int, None] = {}
    while new := [each for each in descendants(pid, limit) if each not in stopped]:
        for each in new:  # parents first: what is stopped starts no others
            _signal(each, signal.SIGSTOP)
            stopped[each] = None
    return list(stopped)


def continue_processes(stopped: list[int]) -> None:
    for each in reversed(stopped):
        _signal(each, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
        os.kill(pid, number)


def number_within(pid: int) -> int:
    """The process's number in its own PID namespace; ours where it has none, or Linux does not say."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            return int(file.read(4096).partition(b"NSpid:")[2].partition(b"\n")[0].split()[-1])
    except (OSError, IndexError):
        return pid


def runtime_process(first: int) -> int:
    """The process in which the function runs: the environment's first, or that one's first child.

    In a PID namespace the first process only waits for the second.
    """
    return min(children(first) if number_within(first) == 1 else [], default=first)


def resident_bytes(pid: int) -> int:
    """Memory that a process holds; 0 once it is gone, or where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
            return int(file.read(128).split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def peak_resident_bytes(pid: int) -> int:
    """The most that it ever held."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            status = file.read(4096)
        at = status.index(b"VmHWM:")
        return int(status[at + 6 : status.index(b"kB", at)]) << 10
    except (OSError, ValueError):
        return 0


def owns_connection(pid: int, peer: tuple[str, int], server: tuple[str, int], limit: int) -> bool:
    """Whether the client's end (`peer`) of a connection to `server` belongs to `pid` or what came of it.

    The kernel names the socket; the processes' descriptors say who holds it.
    """
    return _is_held(descendants(pid, limit), peer, server)


def belongs_to_child(pid: int, peer: tuple[str, int], server: tuple[str, int]) -> bool:
    """As `owns_connection`, of all that came of `pid`, itself left out."""
    return _is_held(descendants(pid, sys.maxsize)[1:], peer, server)


def _is_held(pids: list[int], peer: tuple[str, int], server: tuple[str, int]) -> bool:
    inode = socket_inode(peer, server)
    if inode is None:
        return False
    wanted = f"socket:[{inode}]"
    return any(_holds(pid, wanted) for pid in pids)


def _holds(pid: int, link: str) -> bool:
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{fd}") == link:
                    return True
            except FileNotFoundError:
                continue
    except OSError:
        return False
    return False
