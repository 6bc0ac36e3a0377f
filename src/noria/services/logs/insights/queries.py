"""The queries of all accounts: those that wait, those that run, and the results of those that ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Literal

import msgspec

from noria.clock import Clock
from noria.context import new_request_id
from noria.errors import AwsError
from noria.services.logs.insights.job import Done, Job, Statistics, encode
from noria.services.logs.insights.limits import (
    KEPT_BYTES,
    KEPT_MS,
    KEPT_QUERIES,
    MAX_PENDING,
    QUERY_S,
    RUNNING_AT_ONCE,
)
from noria.services.logs.insights.runner import Runner

log = logging.getLogger(__name__)

Status = Literal["Scheduled", "Running", "Complete", "Failed", "Cancelled", "Timeout"]
Row = list[tuple[str, str]]

_rows = msgspec.msgpack.Decoder(list[Row]).decode


class Query:
    """One query. groups: the names of the log groups."""

    def __init__(self, account: str, region: str, groups: Sequence[str], job: Job) -> None:
        self.id = new_request_id()
        self.account = account
        self.region = region
        self.groups = groups
        self.job = job
        self.status: Status = "Scheduled"
        self.statistics = Statistics()
        self.packed = b""  # the rows: kept as they came, unpacked for who asks
        self.row_count = 0
        self.task: asyncio.Task[None]

    @property
    def is_pending(self) -> bool:
        return self.status in ("Scheduled", "Running")

    def rows(self) -> list[Row]:
        return _rows(self.packed) if self.packed else []


class Queries:
    """In memory: a restart forgets them, as AWS does after 7 days."""

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self._runner = runner
        self._clock = clock
        self._queries: dict[str, Query] = {}  # the oldest first
        self._turns = asyncio.Semaphore(RUNNING_AT_ONCE)

    def start(self, account: str, region: str, groups: Sequence[str], job: Job) -> Query:
        """Raises LimitExceededException."""
        pending = [query for query in self.of(account, region) if query.is_pending]
        if len(pending) >= MAX_PENDING:
            raise AwsError("LimitExceededException", "Account maximum query concurrency limit exceeded.")
        query = Query(account, region, groups, job)
        self._queries[query.id] = query
        query.task = asyncio.get_running_loop().create_task(self._run(query))
        self._forget()
        return query

    def get(self, account: str, region: str, query_id: str) -> Query | None:
        query = self._queries.get(query_id)
        return query if query and (query.account, query.region) == (account, region) else None

    def of(self, account: str, region: str) -> list[Query]:
        """The newest first."""
        self._forget()
        found = [
            query for query in self._queries.values() if (query.account, query.region) == (account, region)
        ]
        return found[::-1]

    def end(self, query: Query, status: Status) -> bool:
        """Whether it had not ended yet."""
        if not query.is_pending:
            return False
        query.status = status
        query.task.cancel()
        return True

    async def stop(self, account: str | None = None) -> None:
        """End and forget the queries of an account, or of all."""
        queries = [query for query in self._queries.values() if account in (None, query.account)]
        for query in queries:
            self.end(query, "Cancelled")
            del self._queries[query.id]
        if queries:
            await asyncio.wait([query.task for query in queries])

    async def _run(self, query: Query) -> None:
        timer = self._clock.call_later(QUERY_S, partial(self.end, query, "Timeout"))
        try:
            async with self._turns:
                query.status = "Running"
                self._ended(query, await self._runner.run(query.job, partial(_progressed, query)))
        except OSError as error:  # no process, no memory
            log.error("query %s failed: %s", query.id, error)
            query.status = "Failed"
        finally:
            timer.cancel()

    def _ended(self, query: Query, report: msgspec.Struct) -> None:
        if isinstance(report, Done):
            query.statistics = report.statistics
            query.row_count = len(report.rows)
            query.packed = encode(report.rows)
            query.status = "Complete"
            if report.is_cut:
                log.warning("query %s: the results are cut after %d bytes", query.id, len(query.packed))
        else:
            log.warning("query %s failed: %s", query.id, report)
            query.status = "Failed"
        self._forget()

    def _forget(self) -> None:
        """What is too old, or more than is kept; never what is pending."""
        since_ms = self._clock.now_ms() - KEPT_MS
        kept_bytes = sum(len(query.packed) for query in self._queries.values())
        surplus = len(self._queries) - KEPT_QUERIES
        for query in list(self._queries.values()):
            if query.job.now_ms >= since_ms and kept_bytes <= KEPT_BYTES and surplus <= 0:
                return
            if not query.is_pending:
                del self._queries[query.id]
                kept_bytes -= len(query.packed)
                surplus -= 1


def _progressed(query: Query, statistics: Statistics) -> None:
    query.statistics = statistics
