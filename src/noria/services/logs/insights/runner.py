"""Runs a query in a process of its own, which can be killed at any time."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable

from noria.services.logs.insights.fields import Source
from noria.services.logs.insights.job import (
    LENGTH,
    Done,
    Events,
    Failed,
    Job,
    Progress,
    Statistics,
    decode_report,
    framed,
)
from noria.services.logs.insights.limits import STALL_S
from noria.store.base import StoreError
from noria.store.log_events import LogEvents, Position

log = logging.getLogger(__name__)

WORKER = "noria.services.logs.insights.worker"
FED_AT_ONCE = 1_000  # events of one page, read in a turn of the loop


class Runner:
    """Cancelling `run` kills the process."""

    def __init__(self, log_events: LogEvents) -> None:
        self._log_events = log_events

    async def run(self, job: Job, progress: Callable[[Statistics], None]) -> Done | Failed:
        """progress: told several times a second how far it is."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the server's terminal is not for it
        )
        assert process.stdin is not None
        assert process.stdout is not None
        feeder = asyncio.create_task(self._feed(job, process.stdin))
        try:
            return await _reports(process.stdout, progress)
        except TimeoutError:
            return Failed(f"an event takes longer than {STALL_S} s, its regular expressions are to blame")
        except asyncio.IncompleteReadError:
            return Failed("its process died")
        finally:
            feeder.cancel()
            if process.returncode is None:
                process.kill()
            await process.wait()
            await asyncio.wait([feeder])

    async def _feed(self, job: Job, stdin: asyncio.StreamWriter) -> None:
        try:
            stdin.write(framed(job))
            await stdin.drain()
            if not job.path:
                for number, source in enumerate(job.sources):
                    await self._feed_group(job, number, source, stdin)
                stdin.write(framed([]))
                await stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has enough, or died: its reports tell
        except StoreError as error:
            log.error("a query's events could not be read: %s", error)
        finally:
            stdin.close()

    async def _feed_group(self, job: Job, number: int, source: Source, stdin: asyncio.StreamWriter) -> None:
        """Only for stores in memory; of several groups one follows the other."""
        after, before = Position(job.since_ms[number], 0), Position(job.end_ms + 1, 0)
        while True:
            page = await self._log_events.read(
                source.group_id, after=after, before=before, descending=True, limit=FED_AT_ONCE
            )
            events: Events = [(*event, number) for event in page.events]
            if events:
                stdin.write(framed(events))
                await stdin.drain()
            if page.finished:
                return
            before = page.position


async def _reports(stdout: asyncio.StreamReader, progress: Callable[[Statistics], None]) -> Done | Failed:
    while True:
        async with asyncio.timeout(STALL_S):
            (length,) = LENGTH.unpack(await stdout.readexactly(LENGTH.size))
            report = decode_report(await stdout.readexactly(length))
        if not isinstance(report, Progress):
            return report
        progress(report.statistics)
