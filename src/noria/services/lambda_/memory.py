"""Limits by watching: a process that holds more memory than its function may is killed, as on AWS; one that
runs on gets its part of the CPU."""

from __future__ import annotations

import asyncio

from noria.services.lambda_.limits import MEMORY_SAMPLE_S, PROCESS_SAMPLE_EVERY, PROCESSES, SHARE_CPU_AFTER
from noria.services.lambda_.process import RuntimeProcess
from noria.services.lambda_.processes import LINUX, descendants, resident_bytes


class _Watched:
    def __init__(self, process: RuntimeProcess, memory_size_mb: int, is_invoked: bool) -> None:
        self.process = process
        self.memory_size_mb = memory_size_mb
        self.limit_bytes = memory_size_mb << 20
        self.is_invoked = is_invoked
        self.pids: list[int] = []
        self.samples = 0


class MemoryWatch:
    """Looks at every environment that runs an invocation, from one timer; idle ones cost nothing."""

    def __init__(self) -> None:
        self._watched: dict[RuntimeProcess, _Watched] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, process: RuntimeProcess, memory_size_mb: int, *, is_invoked: bool = False) -> None:
        """is_invoked: it runs an invocation, with its part of the CPU; to initialise, it has all of it."""
        self._watched[process] = _Watched(process, memory_size_mb, is_invoked)
        if LINUX and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MEMORY_SAMPLE_S, self._sample)

    def forget(self, process: RuntimeProcess) -> None:
        self._watched.pop(process, None)

    def _sample(self) -> None:
        self._timer = None
        for watched in self._watched.values():
            self._look_at(watched)
        if self._watched:
            self._timer = asyncio.get_running_loop().call_later(MEMORY_SAMPLE_S, self._sample)

    def _look_at(self, watched: _Watched) -> None:
        process = watched.process
        if not process.pid.done() or not process.is_alive:
            return
        if watched.samples % PROCESS_SAMPLE_EVERY == 0:
            watched.pids = descendants(process.pid.result(), PROCESSES)
        watched.samples += 1
        if watched.is_invoked and watched.samples > SHARE_CPU_AFTER:
            process.share_cpu(watched.memory_size_mb)
        held = sum(map(resident_bytes, watched.pids))
        process.peak_bytes = max(process.peak_bytes, held)
        if held > watched.limit_bytes or len(watched.pids) > PROCESSES:
            process.out_of_memory = held > watched.limit_bytes
            process.kill()
