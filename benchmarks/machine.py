"""Where the figures come from: the machine, the versions, what its disk takes to sync."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.load import percentile
from benchmarks.servers import CLIENT_CPU, ROOT, pinned_to, work_dir

SYNCS = 200
IDLE_LOAD = 0.5


def description() -> list[str]:
    """Markdown list items."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    apart = (
        "server and load generator pinned to a CPU each"
        if pinned_to(CLIENT_CPU)
        else "nothing pinned to a CPU"
    )
    return [
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}",
        f"- {_cpu()}, {len(os.sched_getaffinity(0))} CPUs, {memory_gb:.0f} GB, Linux {platform.release()};"
        f" load average {os.getloadavg()[0]:.1f} before the run",
        f"- data on {_filesystem(work_dir())}, where an fdatasync of 4 KB takes {_sync_ms():.2f} ms (p50)",
        f"- CPython {platform.python_version()}, boto3 {version('boto3')}, uvloop {version('uvloop')}",
        f"- for SendMessage: {apart}",
    ]


def is_idle() -> bool:
    """Whether what is measured now is worth a verdict."""
    return os.getloadavg()[0] <= IDLE_LOAD


def _commit() -> str:
    if shutil.which("git") is None:
        return "unknown"
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    return described.stdout.strip() or "unknown"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _filesystem(path: Path) -> str:
    """The type of the file system that holds `path`: that of its longest mount point."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(len(point), kind) for point, kind in mounts if path.is_relative_to(point)]
    return max(holding)[1]


def _sync_ms() -> float:
    samples_ms = []
    with tempfile.TemporaryFile(dir=work_dir()) as stream:
        for _ in range(SYNCS):
            stream.write(bytes(4096))
            stream.flush()
            started_s = time.perf_counter()
            os.fdatasync(stream.fileno())
            samples_ms.append((time.perf_counter() - started_s) * 1e3)
    return percentile(samples_ms, 50)
