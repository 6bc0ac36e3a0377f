"""Insights: StartQuery, GetQueryResults, StopQuery, DescribeQueries, GetLogGroupFields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.clock import Clock
from noria.context import RequestContext
from noria.errors import AwsError, not_implemented
from noria.services.logs import errors, models
from noria.services.logs.insights.definitions_api import DefinitionOperations
from noria.services.logs.insights.fields import Fields, Row, Source, discovered
from noria.services.logs.insights.job import Job
from noria.services.logs.insights.limits import MAX_DESCRIBED, MAX_GROUPS, MAX_PAGE
from noria.services.logs.insights.parser import parse
from noria.services.logs.insights.pipeline import Pipeline
from noria.services.logs.insights.queries import Queries, Query
from noria.services.logs.insights.runner import Runner
from noria.services.logs.insights.syntax import MalformedQuery
from noria.services.logs.settings import SettingsTable
from noria.services.ports import Permissions
from noria.store.base import Store
from noria.store.log_events import LogGroup, Position

EARLIEST_IN_MS = 100_000_000_000  # in seconds it would lie after the year 5138
SAMPLE_MS = 15 * 60_000  # GetLogGroupFields looks at so much before the time asked for
SAMPLE_EVENTS = 1_000  # ours: and at no more than so many events
ALWAYS = ("@ingestionTime", "@log", "@logStream", "@message", "@ptr", "@timestamp")


class InsightsApi(DefinitionOperations):
    """See `noria.services.logs.api.LogsApi`."""

    def __init__(self, store: Store, permissions: Permissions, clock: Clock) -> None:
        super().__init__(store.records, clock)
        self._log_events = store.log_events
        self._settings = SettingsTable(store.records)
        self._permissions = permissions
        self._queries = Queries(Runner(store.log_events), clock)

    async def stop(self) -> None:
        """Queries that run end here."""
        await self._queries.stop()

    async def reset(self, account: str) -> None:
        await self._queries.stop(account)

    async def start_query(
        self,
        ctx: RequestContext,
        *,
        query_string: str,
        start_time: int,
        end_time: int,
        log_group_name: str | None = None,
        log_group_names: Sequence[str] | None = None,
        log_group_identifiers: Sequence[str] | None = None,
        limit: int | None = None,
        query_language: str = "CWLI",
    ) -> dict[str, Any]:
        """Times in seconds, both inclusive. The gateway has authorized the first group."""
        if query_language != "CWLI":
            raise not_implemented(f"The query language {query_language}")
        names = self._named(ctx, log_group_name, log_group_names, log_group_identifiers)
        start_ms = start_time if start_time >= EARLIEST_IN_MS else start_time * 1000
        end_ms = end_time if end_time >= EARLIEST_IN_MS else end_time * 1000 + 999
        if start_ms > end_ms:
            raise errors.invalid_parameter("Query time range is invalid: the end is before the start.")
        for name in names[1:]:
            arn = models.stream_arn(ctx.account, ctx.region, name, "")
            await self._permissions.require(ctx, "logs:StartQuery", arn)
        groups = [await self._group(ctx, name) for name in names]
        now_ms = self._clock.now_ms()
        sources = [Source(group.id, ctx.account, group.name) for group in groups]
        path = self._log_events.path
        job = Job(
            query_string,
            sources,
            start_ms,
            end_ms,
            now_ms,
            limit,
            str(path) if path else "",
            [await self._since(ctx, group, start_ms) for group in groups],
        )
        compile_query(job)
        if all(
            end_ms < max(since_ms, group.created_ms)
            for since_ms, group in zip(job.since_ms, groups, strict=True)
        ):
            raise _out_of_range(len(query_string)).as_aws_error()
        query = self._queries.start(ctx.account, ctx.region, names, job)
        return {"queryId": query.id}

    async def get_query_results(
        self,
        ctx: RequestContext,
        *,
        query_id: str,
        next_token: str | None = None,
        max_items: int | None = None,
    ) -> dict[str, Any]:
        """Pages of up to 10,000 rows. While the query runs there are statistics, but no rows yet."""
        query = self._query(ctx, query_id)
        start = 0
        if next_token:
            token = models.parse_list_token(next_token)
            if token.name != query_id:
                raise errors.invalid_token()
            start = max(0, token.last_event_ms)
        end = start + min(max_items or MAX_PAGE, MAX_PAGE)
        rows = query.rows()[start:end]
        statistics = query.statistics
        return {
            "queryLanguage": "CWLI",
            "results": [[{"field": name, "value": value} for name, value in row] for row in rows],
            "statistics": {
                "recordsMatched": float(statistics.matched),
                "recordsScanned": float(statistics.scanned),
                "estimatedRecordsSkipped": 0.0,
                "bytesScanned": float(statistics.scanned_bytes),
                "estimatedBytesSkipped": 0.0,
                "logGroupsScanned": float(len(query.groups)),
            },
            "status": query.status,
            "nextToken": models.list_token(query_id, end) if end < query.row_count else None,
        }

    async def stop_query(self, ctx: RequestContext, *, query_id: str) -> dict[str, Any]:
        return {"success": self._queries.end(self._query(ctx, query_id), "Cancelled")}

    async def describe_queries(
        self,
        ctx: RequestContext,
        *,
        log_group_name: str | None = None,
        status: str | None = None,
        max_results: int = MAX_DESCRIBED,
        next_token: str | None = None,
        query_language: str = "CWLI",
    ) -> dict[str, Any]:
        """The newest first."""
        queries = [
            query
            for query in self._queries.of(ctx.account, ctx.region)
            if log_group_name in (None, *query.groups)
            and status in (None, query.status)
            and query_language == "CWLI"
        ]
        ids = [query.id for query in queries]
        start = 0
        if next_token:
            last = models.parse_list_token(next_token).name
            if last not in ids:
                raise errors.invalid_token()
            start = ids.index(last) + 1
        page = queries[start : start + max_results]
        return {
            "queries": [_description(query) for query in page],
            "nextToken": models.list_token(page[-1].id) if start + max_results < len(queries) else None,
        }

    async def list_log_groups_for_query(
        self,
        ctx: RequestContext,
        *,
        query_id: str,
        next_token: str | None = None,
        max_results: int = MAX_GROUPS,
    ) -> dict[str, Any]:
        """Names, or ARNs of other accounts' groups, of which there are none here."""
        groups = sorted(self._query(ctx, query_id).groups)
        after = models.parse_list_token(next_token).name if next_token else ""
        rest = [name for name in groups if name > after]
        more = len(rest) > max_results
        return {
            "logGroupIdentifiers": rest[:max_results],
            "nextToken": models.list_token(rest[max_results - 1]) if more else None,
        }

    async def get_log_group_fields(
        self,
        ctx: RequestContext,
        *,
        log_group_name: str | None = None,
        log_group_identifier: str | None = None,
        time: int | None = None,
    ) -> dict[str, Any]:
        """Of a sample of the 15 minutes before `time` (seconds; now, where it is not given)."""
        identifiers = [log_group_identifier] if log_group_identifier is not None else None
        [name] = self._named(ctx, log_group_name, None, identifiers)
        group = await self._log_events.group(ctx.account, ctx.region, name)
        if group is None:
            raise errors.no_such_group()
        end_ms = self._clock.now_ms() if time is None else time * 1000
        since_ms = await self._since(ctx, group, end_ms - SAMPLE_MS)
        page = await self._log_events.read(
            group.id,
            after=Position(max(since_ms, 0), 0),
            before=Position(end_ms + 1, 0),
            descending=True,
            limit=SAMPLE_EVENTS,
        )
        fields = Fields([Source(group.id, ctx.account, name)])
        counts: dict[str, int] = dict.fromkeys(ALWAYS, len(page.events)) if page.events else {}
        for event in page.events:
            for field in discovered(fields.document(Row(*event, 0)) or {}):
                counts[field] = counts.get(field, 0) + 1
        listed = sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))
        return {
            "logGroupFields": [
                {"name": field, "percent": round(100 * count / len(page.events))} for field, count in listed
            ]
        }

    def _named(
        self,
        ctx: RequestContext,
        name: str | None,
        names: Sequence[str] | None,
        identifiers: Sequence[str] | None,
    ) -> list[str]:
        """The groups' names, of whichever of the three parameters is given."""
        given = [found for found in ([name] if name is not None else None, names, identifiers) if found]
        if len(given) != 1:
            raise errors.invalid_parameter(
                "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified."
            )
        own = models.group_arn(ctx.account, ctx.region, "")
        found = list(dict.fromkeys(identifier.removeprefix(own) for identifier in given[0]))
        if len(found) > MAX_GROUPS:
            raise errors.invalid_parameter(f"A query may have {MAX_GROUPS} log groups at most.")
        return found

    async def _group(self, ctx: RequestContext, name: str) -> LogGroup:
        group = await self._log_events.group(ctx.account, ctx.region, name)
        if group is None:
            text = (
                f"Log group '{name}' does not exist for account ID '{ctx.account}' (Service: AWSLogs; "
                "Status Code: 400; Error Code: ResourceNotFoundException; "
                f"Request ID: {ctx.request_id}; Proxy: null)"
            )
            raise AwsError("ResourceNotFoundException", text)
        return group

    async def _since(self, ctx: RequestContext, group: LogGroup, start_ms: int) -> int:
        """What has expired is not found, though it may not be erased yet."""
        retention_ms = (await self._settings.get(ctx.account, ctx.region, group)).retention_ms
        return start_ms if retention_ms is None else max(start_ms, self._clock.now_ms() - retention_ms)

    def _query(self, ctx: RequestContext, query_id: str) -> Query:
        query = self._queries.get(ctx.account, ctx.region, query_id)
        if query is None:
            raise AwsError("ResourceNotFoundException", "The specified query does not exist.")
        return query


def compile_query(job: Job) -> None:
    """Raises AwsError, MalformedQueryException with the place, where it does not compile."""
    try:
        Pipeline(parse(job.query), job.sources, job.now_ms, job.limit)
    except MalformedQuery as malformed:
        raise malformed.as_aws_error() from malformed


def _out_of_range(end: int) -> MalformedQuery:
    text = (
        "Query's end date and time is either before the log groups creation time or exceeds the log groups"
        f" log retention settings ([0,{end}])"
    )
    return MalformedQuery(text, 0, end)


def _description(query: Query) -> dict[str, Any]:
    """As AWS shows it: with what was queried in front."""
    groups = ", ".join(f'"{name}"' for name in query.groups)
    job = query.job
    return {
        "queryLanguage": "CWLI",
        "queryId": query.id,
        "queryString": f"SOURCE {groups} START={job.start_ms} END={job.end_ms} | {job.query}",
        "status": query.status,
        "createTime": job.now_ms,
        "logGroupName": query.groups[0],
    }
