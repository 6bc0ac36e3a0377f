"""A query's process: a job on standard input, reports on standard output.

``python -m noria.services.logs.insights.worker``
"""

from __future__ import annotations

import ctypes
import heapq
import os
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from noria.services.logs.insights.fields import Row
from noria.services.logs.insights.job import (
    Done,
    Failed,
    Job,
    Progress,
    Report,
    Statistics,
    decode_events,
    decode_job,
    framed,
    read_frame,
)
from noria.services.logs.insights.limits import MAX_RESULT_BYTES, PROGRESS_S, WORKER_BYTES
from noria.services.logs.insights.parser import parse
from noria.services.logs.insights.pipeline import Pipeline
from noria.store.log_events import Position
from noria.store.sqlite.log_scan import newest_first

NICENESS = 10  # requests come first
LOOK_EVERY = 256  # events between two looks at the clock
PR_SET_PDEATHSIG = 1
RECURSION = 10_000  # closures of an expression call each other as deep as it is nested


def main() -> None:
    _die_with_the_server()
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_DATA, (WORKER_BYTES, WORKER_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(RECURSION)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    try:
        report: Report = run(decode_job(read_frame(source)), source, partial(_send, sink))
    except MemoryError:
        report = Failed(f"it needs more than {WORKER_BYTES >> 20} MB")
    except sqlite3.Error as error:
        report = Failed(f"the store could not be read: {error}")
    except (EOFError, BrokenPipeError):  # the server is gone
        return
    _send(sink, report)


def _die_with_the_server() -> None:
    """Also in mid of a regular expression that never ends, when no pipe is found broken."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _send(sink: BinaryIO, report: Report) -> None:
    sink.write(framed(report))
    sink.flush()


def run(job: Job, source: BinaryIO, send: Callable[[Report], None]) -> Report:
    pipeline = Pipeline(parse(job.query), job.sources, job.now_ms, job.limit, in_order=bool(job.path))
    add = pipeline.add
    scanned = scanned_bytes = 0
    next_s = time.monotonic() + PROGRESS_S
    for row in _rows(job, source):
        message = row.message
        scanned += 1
        scanned_bytes += len(message) if message.isascii() else len(message.encode())
        add(row)
        if not scanned % LOOK_EVERY:
            if pipeline.is_enough:
                break
            if time.monotonic() > next_s:
                send(Progress(Statistics(pipeline.matched, scanned, scanned_bytes)))
                next_s = time.monotonic() + PROGRESS_S
    statistics = Statistics(pipeline.matched, scanned, scanned_bytes)
    send(Progress(statistics))
    rows, is_cut = _bounded(pipeline.results())
    return Done(statistics, rows, is_cut)


def _bounded(results: Iterable[list[tuple[str, str]]]) -> tuple[list[list[tuple[str, str]]], bool]:
    rows: list[list[tuple[str, str]]] = []
    size = 0
    for row in results:
        size += sum(len(name) + len(value.encode()) for name, value in row)
        if size > MAX_RESULT_BYTES:
            return rows, True
        rows.append(row)
    return rows, False


def _rows(job: Job, source: BinaryIO) -> Iterator[Row]:
    """Newest first, of all groups."""
    if not job.path:
        return _sent(source)
    groups = [_scanned(job, number) for number in range(len(job.sources))]
    if len(groups) == 1:
        return groups[0]
    return heapq.merge(*groups, key=lambda row: (row.time_ms, row.seq), reverse=True)


def _scanned(job: Job, number: int) -> Iterator[Row]:
    group_id, since_ms = job.sources[number].group_id, job.since_ms[number]
    for event in newest_first(Path(job.path), group_id, since_ms, Position(job.end_ms + 1, 0)):
        yield Row(*event, number)


def _sent(source: BinaryIO) -> Iterator[Row]:
    while events := decode_events(read_frame(source)):
        for event in events:
            yield Row(*event)


if __name__ == "__main__":
    main()
