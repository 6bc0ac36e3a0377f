"""Memory limits by watching: a process that holds more than its function may is killed, as on AWS."""

from __future__ import annotations

import asyncio

from noria.services.lambda_.limits import MEMORY_SAMPLE_S, PROCESS_SAMPLE_EVERY, PROCESSES
from noria.services.lambda_.process import RuntimeProcess
from noria.services.lambda_.processes import LINUX, descendants, resident_bytes


class _Watched:
    def __init__(self, process: RuntimeProcess, limit_bytes: int) -> None:
        self.process = process
        self.limit_bytes = limit_bytes
        self.pids: list[int] = []
        self.samples = 0


class MemoryWatch:
    """Looks at every environment that runs an invocation, from one timer; idle ones cost nothing."""

    def __init__(self) -> None:
        self._watched: dict[RuntimeProcess, _Watched] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, process: RuntimeProcess, limit_bytes: int) -> None:
        self._watched[process] = _Watched(process, limit_bytes)
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
        held = sum(map(resident_bytes, watched.pids))
        process.peak_bytes = max(process.peak_bytes, held)
        if held > watched.limit_bytes or len(watched.pids) > PROCESSES:
            process.out_of_memory = held > watched.limit_bytes
            process.kill()
