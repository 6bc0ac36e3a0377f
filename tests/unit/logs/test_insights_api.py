"""Insights' operations, with real processes, on a store in memory and on one in a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.logs import ACCOUNT, NOW, REGION, logs_api, refusal

from noria.clock import ManualClock
from noria.context import RequestContext, root_principal
from noria.errors import AwsError
from noria.services.logs.insights import limits, queries
from noria.services.logs.insights import runner as runner_module
from noria.services.logs.insights.actions import ACTIONS
from noria.services.logs.insights.api import InsightsApi
from noria.services.logs.models import parse_record_pointer
from noria.store.base import StoreError
from noria.store.sqlite.store import SqliteStore

NOW_S = NOW // 1000
CTX = RequestContext("id", "logs", "Op", ACCOUNT, REGION, root_principal(ACCOUNT), NOW)
HOSTILE = "filter @message like /^(x+x+)+y$/"
ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"


class Permitted:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def require(self, ctx: RequestContext, action: str, resource: str, conditions: Any = None) -> None:
        self.asked.append((action, resource))

    async def allows(self, principal: Any, action: str, resource: str, conditions: Any = None) -> bool:
        return True


class Insights:
    """The api, over a group ``g``."""

    def __init__(self, store: SqliteStore) -> None:
        self.clock = ManualClock(NOW_S)
        self.permissions = Permitted()
        self.logs = logs_api(store, self.clock)
        self.api = InsightsApi(store, self.permissions, self.clock)

    async def put(self, *messages: str, group: str = "g", at_ms: int = NOW) -> None:
        events = [{"timestamp": at_ms + number, "message": text} for number, text in enumerate(messages)]
        await self.logs.put_log_events(CTX, log_group_name=group, log_stream_name="s", log_events=events)

    async def start(self, query: str, *groups: str, **options: Any) -> str:
        times = {"start_time": NOW_S - 3600, "end_time": NOW_S + 3600} | options
        names = list(groups or ("g",))
        answer = await self.api.start_query(CTX, query_string=query, log_group_names=names, **times)
        query_id: str = answer["queryId"]
        return query_id

    async def ended(self, query_id: str) -> dict[str, Any]:
        query = self.api._query(CTX, query_id)
        await asyncio.wait([query.task], timeout=20)
        return await self.api.get_query_results(CTX, query_id=query_id)

    async def rows(self, query: str, *groups: str, **options: Any) -> list[dict[str, str]]:
        answer = await self.ended(await self.start(query, *groups, **options))
        assert answer["status"] == "Complete"
        return [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]


async def made(path: Path | None) -> tuple[Insights, SqliteStore]:
    store = SqliteStore(path)
    await store.start()
    insights = Insights(store)
    for group in "gh":
        await insights.logs.create_log_group(CTX, log_group_name=group)
        await insights.logs.create_log_stream(CTX, log_group_name=group, log_stream_name="s")
    return insights, store


@pytest.fixture
async def insights() -> AsyncIterator[Insights]:
    found, store = await made(None)
    yield found
    await found.api.stop()
    await store.close()


@pytest.mark.parametrize("in_file", [True, False])
async def test_a_query_finds_what_was_logged(tmp_path: Path, in_file: bool) -> None:
    insights, store = await made(tmp_path / "noria.db" if in_file else None)
    await insights.put(*(json.dumps({"n": number, "text": "é"}) for number in range(2500)))
    await insights.put("too early", at_ms=NOW - 3_601_000)
    await insights.put("other", group="h", at_ms=NOW + 10_000)
    answer = await insights.ended(await insights.start("filter n >= 2498 | fields n, @ptr", "g", "h"))
    assert answer["status"] == "Complete"
    newest = await insights.rows("fields @message | limit 2", "g", "h")
    assert [row["@message"] for row in newest] == ["other", '{"n": 2499, "text": "\\u00e9"}']
    assert [[cell["value"] for cell in row[:1]] for row in answer["results"]] == [["2499"], ["2498"]]
    pointer = answer["results"][0][1]
    assert pointer["field"] == "@ptr"
    group = await store.log_events.group(ACCOUNT, REGION, "g")
    assert group is not None
    assert parse_record_pointer(pointer["value"]) == (group.id, (NOW + 2499, 2500))
    scanned_bytes = sum(len(json.dumps({"n": number, "text": "é"})) for number in range(2500)) + len("other")
    assert answer["statistics"] == {
        "recordsMatched": 2.0,
        "recordsScanned": 2501.0,
        "estimatedRecordsSkipped": 0.0,
        "bytesScanned": float(scanned_bytes),
        "estimatedBytesSkipped": 0.0,
        "logGroupsScanned": 2.0,
    }
    await insights.api.stop()
    await store.close()


async def test_what_has_expired_or_lies_outside_is_not_found(insights: Insights) -> None:
    await insights.put("in time")
    day_s = 86_400
    await insights.put("old", at_ms=NOW - 2 * day_s * 1000)
    assert len(await insights.rows("fields @message", start_time=0)) == 2
    await insights.logs.put_retention_policy(CTX, log_group_name="g", retention_in_days=1)
    assert [row["@message"] for row in await insights.rows("fields @message", start_time=0)] == ["in time"]
    assert await insights.rows("fields @message", start_time=NOW_S + 1) == []
    assert await insights.rows("fields @message", start_time=NOW + 1, end_time=NOW + 2) == []


async def test_results_come_in_pages(insights: Insights) -> None:
    await insights.put(*(f"{number}" for number in range(5)))
    query_id = await insights.start("fields @message")
    await insights.ended(query_id)
    first = await insights.api.get_query_results(CTX, query_id=query_id, max_items=3)
    second = await insights.api.get_query_results(
        CTX, query_id=query_id, max_items=3, next_token=first["nextToken"]
    )
    assert [row[0]["value"] for row in first["results"] + second["results"]] == list("43210")
    assert second["nextToken"] is None
    other = await insights.start("fields @message")
    with refusal("InvalidParameterException", "The specified nextToken is invalid."):
        await insights.api.get_query_results(CTX, query_id=other, next_token=first["nextToken"])


async def test_only_so_much_is_remembered(insights: Insights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "KEPT_QUERIES", 3)
    await insights.put("x" * 1000)
    ids = []
    for _ in range(4):
        ids.append(await insights.start("fields @message"))
        await insights.ended(ids[-1])

    async def remembered() -> list[str]:
        return [query["queryId"] for query in (await insights.api.describe_queries(CTX))["queries"]]

    assert await remembered() == ids[:0:-1]
    monkeypatch.setattr(queries, "KEPT_BYTES", 2500)
    assert await remembered() == ids[:1:-1]
    insights.clock.advance(7 * 86_400 + 1)
    assert await remembered() == []


async def test_a_regular_expression_that_explodes_is_alone_and_can_be_stopped(
    insights: Insights,
) -> None:
    await insights.put("x" * 60, "fine")
    hostile = await insights.start(HOSTILE)
    assert [row["@message"] for row in await insights.rows("filter @message = 'fine'")] == ["fine"]
    assert (await insights.api.get_query_results(CTX, query_id=hostile))["status"] == "Running"
    assert await insights.api.stop_query(CTX, query_id=hostile) == {"success": True}
    assert (await insights.ended(hostile))["status"] == "Cancelled"
    assert await insights.api.stop_query(CTX, query_id=hostile) == {"success": False}


async def test_an_event_that_takes_too_long_fails_its_query(
    insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "STALL_S", 0.3)
    await insights.put("x" * 60)
    assert (await insights.ended(await insights.start(HOSTILE)))["status"] == "Failed"


async def test_a_store_that_fails_fails_the_query(
    insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(*arguments: Any, **options: Any) -> Any:
        raise StoreError("disk full")

    query_id = await insights.start("limit 1")
    monkeypatch.setattr(insights.api._log_events, "read", read)
    assert (await insights.ended(query_id))["status"] == "Failed"


async def test_a_query_ends_after_an_hour(insights: Insights) -> None:
    await insights.put("x" * 60)
    query_id = await insights.start(HOSTILE)
    await asyncio.sleep(0)  # it has begun
    insights.clock.advance(limits.QUERY_S)
    assert (await insights.ended(query_id))["status"] == "Timeout"


async def test_queries_wait_for_their_turn_and_only_so_many(insights: Insights) -> None:
    await insights.put("x" * 60)
    ids = [await insights.start(HOSTILE) for _ in range(limits.MAX_PENDING)]
    with refusal("LimitExceededException", "Account maximum query concurrency limit exceeded."):
        await insights.start(HOSTILE)
    await asyncio.sleep(0)
    statuses = [(await insights.api.get_query_results(CTX, query_id=each))["status"] for each in ids]
    assert statuses.count("Running") == limits.RUNNING_AT_ONCE
    assert statuses.count("Scheduled") == limits.MAX_PENDING - limits.RUNNING_AT_ONCE
    await insights.api.reset(ACCOUNT)
    assert (await insights.api.describe_queries(CTX))["queries"] == []


async def test_queries_are_described_as_aws_does(insights: Insights) -> None:
    await insights.put("x")
    first = await insights.start("fields @message")
    await insights.ended(first)
    second = await insights.start("limit 1", "g", "h")
    described = await insights.api.describe_queries(CTX, log_group_name="g", status="Complete")
    assert described["queries"] == [
        {
            "queryLanguage": "CWLI",
            "queryId": first,
            "queryString": f'SOURCE "g" START={NOW - 3_600_000} END={NOW + 3_600_999} | fields @message',
            "status": "Complete",
            "createTime": NOW,
            "logGroupName": "g",
        }
    ]
    page = await insights.api.describe_queries(CTX, max_results=1)
    assert [query["queryId"] for query in page["queries"]] == [second]
    rest = await insights.api.describe_queries(CTX, next_token=page["nextToken"])
    assert [query["queryId"] for query in rest["queries"]] == [first]
    assert rest["nextToken"] is None
    listed = await insights.api.list_log_groups_for_query(CTX, query_id=second, max_results=1)
    assert listed["logGroupIdentifiers"] == ["g"]
    listed = await insights.api.list_log_groups_for_query(
        CTX, query_id=second, next_token=listed["nextToken"]
    )
    assert listed == {"logGroupIdentifiers": ["h"], "nextToken": None}
    other = RequestContext("id", "logs", "Op", "222222222222", REGION, root_principal("222222222222"), NOW)
    assert (await insights.api.describe_queries(other))["queries"] == []
    with refusal("ResourceNotFoundException", "The specified query does not exist."):
        await insights.api.get_query_results(other, query_id=first)
    await insights.ended(second)


async def test_what_cannot_be_queried_is_refused(insights: Insights) -> None:
    text = (
        "Log group 'nosuch' does not exist for account ID '111111111111' (Service: AWSLogs; Status Code: 400;"
        " Error Code: ResourceNotFoundException; Request ID: id; Proxy: null)"
    )
    with refusal("ResourceNotFoundException", text):
        await insights.start("limit 1", "nosuch")
    with pytest.raises(AwsError, match="MalformedQueryException: unexpected symbol found x at line 1"):
        await insights.start("x")
    early = (
        "Query's end date and time is either before the log groups creation time or exceeds the log groups"
        " log retention settings ([0,7])"
    )
    with refusal("MalformedQueryException", early):
        await insights.start("limit 1", start_time=1, end_time=2)
    with pytest.raises(AwsError, match="InvalidParameterException"):
        await insights.start("limit 1", start_time=NOW_S, end_time=NOW_S - 1)
    with pytest.raises(AwsError, match="InvalidParameterException"):
        await insights.start("limit 1", log_group_name="g")
    with pytest.raises(AwsError, match="NotImplemented"):
        await insights.start("limit 1", query_language="SQL")


async def test_every_group_needs_the_permission(insights: Insights) -> None:
    resource = ACTIONS["StartQuery"].resource
    assert resource(CTX, {"log_group_names": ["g", "h"]}) == f"{ARN}g:log-stream:"
    assert resource(CTX, {"log_group_identifiers": [f"{ARN}g"]}) == f"{ARN}g:log-stream:"
    assert ACTIONS["GetQueryResults"].resource(CTX, {"query_id": "q"}) == "*"
    await insights.rows("limit 1", "g", "h")
    assert insights.permissions.asked == [("logs:StartQuery", f"{ARN}h:log-stream:")]


async def test_the_fields_of_a_group(insights: Insights) -> None:
    await insights.put('{"a": {"b": [1]}, "@c": 2}', '{"a": {"b": [1, 2]}}', "text", "text")
    insights.clock.advance(1)
    answer = await insights.api.get_log_group_fields(CTX, log_group_name="g")
    found = {field["name"]: field["percent"] for field in answer["logGroupFields"]}
    always = dict.fromkeys(("@ingestionTime", "@log", "@logStream", "@message", "@ptr", "@timestamp"), 100)
    assert found == {**always, "a.b.0": 50, "a.b.1": 25, "@@c": 25}


async def test_a_repeated_request_saves_one_query(insights: Insights) -> None:
    token = "0" * 36
    put = [
        await insights.api.put_query_definition(CTX, name="n", query_string="limit 1", client_token=token)
        for _ in range(2)
    ]
    assert put[0] == put[1]
    assert len((await insights.api.describe_query_definitions(CTX))["queryDefinitions"]) == 1


async def test_saved_queries(insights: Insights) -> None:
    api = insights.api
    ids = [
        (await api.put_query_definition(CTX, name=name, query_string="limit 1"))["queryDefinitionId"]
        for name in ("b/1", "a", "b/2")
    ]
    await api.put_query_definition(
        CTX, name="b/0", query_string="limit 2", query_definition_id=ids[2], log_group_names=["g"]
    )
    page = await api.describe_query_definitions(CTX, query_definition_name_prefix="b/", max_results=1)
    assert page["queryDefinitions"] == [
        {
            "queryLanguage": "CWLI",
            "queryDefinitionId": ids[2],
            "name": "b/0",
            "queryString": "limit 2",
            "lastModified": NOW,
            "logGroupNames": ["g"],
        }
    ]
    rest = await api.describe_query_definitions(
        CTX, query_definition_name_prefix="b/", next_token=page["nextToken"]
    )
    assert [definition["name"] for definition in rest["queryDefinitions"]] == ["b/1"]
    assert rest["nextToken"] is None
    assert await api.delete_query_definition(CTX, query_definition_id=ids[0]) == {"success": True}
    for call in (
        api.delete_query_definition(CTX, query_definition_id=ids[0]),
        api.put_query_definition(CTX, name="n", query_string="q", query_definition_id=ids[0]),
    ):
        with refusal("ResourceNotFoundException", "The specified query definition does not exist."):
            await call
