"""CPU by memory size: AWS gives a function with 1,769 MB one processor, and others their part of it.

Here all processors are there for whoever needs them; where functions compete, their priorities share them
out. By less than on AWS, where each has its part for sure: here the machine has other work, which must not
starve them. A short invocation keeps the full priority, so that what answers at once is not held up.
"""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

from noria.services.lambda_.limits import PROCESSES
from noria.services.lambda_.processes import LINUX, descendants

PROCESSOR_MB = 1769  # docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
LEAST_MB = 128
LEAST = 5  # its nice value: a third of the weight of the largest
LOWEST = 19
AUTOGROUPS = Path("/proc/sys/kernel/sched_autogroup_enabled")


def niceness(memory_size_mb: int) -> int:
    """Beside that of a whole processor."""
    part = math.log(PROCESSOR_MB / memory_size_mb) / math.log(PROCESSOR_MB / LEAST_MB)
    return max(0, round(LEAST * part))


def limit_cpu(pid: int, memory_size_mb: int) -> None:
    """An environment, by its first process. Its priority cannot be raised again."""
    if not LINUX:
        return
    nice = min(LOWEST, os.getpriority(os.PRIO_PROCESS, 0) + niceness(memory_size_mb))
    for each in descendants(pid, PROCESSES):
        with contextlib.suppress(OSError):  # it ended meanwhile
            for thread in os.listdir(f"/proc/{each}/task"):
                os.setpriority(os.PRIO_PROCESS, int(thread), nice)
            if _has_autogroups():  # then sessions share the processors, and priorities count within each
                Path(f"/proc/{each}/autogroup").write_text(str(nice))


def _has_autogroups() -> bool:
    try:
        return AUTOGROUPS.read_text().strip() == "1"
    except OSError:
        return False
