"""What Linux says of a server's processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def pss_mb(pid: int) -> float:
    """Of a process and all below it; pages that several share count once in sum (proportional set size)."""
    return sum(_pss_bytes(each) for each in tree(pid)) / 1e6


def _pss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    return 0


def tree(pid: int) -> Iterator[int]:
    yield pid
    for child in children(pid):
        yield from tree(child)


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
