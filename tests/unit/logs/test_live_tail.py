"""StartLiveTail, on a store in memory and a clock that the tests move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from tests.support.logs import ACCOUNT, NOW, REGION, intake, logs_api

from noria.clock import ManualClock
from noria.context import RequestContext, root_principal
from noria.errors import AwsError
from noria.services.logs.feed import Feed
from noria.services.logs.tail.actions import ACTIONS
from noria.services.logs.tail.api import LiveTailApi
from noria.services.logs.tail.limits import MAX_SESSIONS
from noria.store.sqlite.store import SqliteStore

ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
CTX = RequestContext("id", "logs", "Op", ACCOUNT, REGION, root_principal(ACCOUNT), NOW)

Stream = AsyncGenerator[dict[str, Any], None]


class Permitted:
    """Remembers what was asked; allows it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def require(self, ctx: RequestContext, action: str, resource: str, conditions: Any = None) -> None:
        self.asked.append((action, resource))

    async def allows(self, principal: Any, action: str, resource: str, conditions: Any = None) -> bool:
        return True


class Tail:
    """The api, groups ``g`` and ``h`` with streams ``s`` and ``t``, and the time."""

    def __init__(self, store: SqliteStore) -> None:
        feed = Feed()
        self.clock = ManualClock(NOW / 1000)
        self.permissions = Permitted()
        self.logs = logs_api(store, self.clock, intake(store, feed=feed))
        self.api = LiveTailApi(store.log_events, feed, self.permissions, self.clock)

    async def start(self, *groups: str, **options: Any) -> Stream:
        identifiers = [ARN + group for group in groups or ("g",)]
        answer = await self.api.start_live_tail(CTX, log_group_identifiers=identifiers, **options)
        stream: Stream = answer["responseStream"]
        return stream

    async def put(self, *messages: str, group: str = "g", stream: str = "s") -> None:
        events = [{"timestamp": self.clock.now_ms(), "message": message} for message in messages]
        await self.logs.put_log_events(CTX, log_group_name=group, log_stream_name=stream, log_events=events)

    async def after(self, stream: Stream, seconds: float) -> dict[str, Any]:
        """The next event of a stream that waits until so many seconds have passed."""
        coming = asyncio.ensure_future(anext(stream))
        await settle()
        assert not coming.done()
        self.clock.advance(seconds)
        return await asyncio.wait_for(coming, 5)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def messages(event: dict[str, Any]) -> list[str]:
    return [result["message"] for result in event["sessionUpdate"]["sessionResults"]]


@pytest.fixture
async def tail(store: SqliteStore) -> Tail:
    made = Tail(store)
    for group in "gh":
        await made.logs.create_log_group(CTX, log_group_name=group)
        for stream in "st":
            await made.logs.create_log_stream(CTX, log_group_name=group, log_stream_name=stream)
    return made


async def test_a_session_begins_with_what_was_asked_for(tail: Tail) -> None:
    stream = await tail.start(log_event_filter_pattern="ERROR", log_stream_names=["s"])
    start = (await anext(stream))["sessionStart"]
    assert start.pop("sessionId")
    assert start == {
        "requestId": "id",
        "logGroupIdentifiers": [f"{ARN}g"],
        "logStreamNames": ["s"],
        "logStreamNamePrefixes": [],
        "logEventFilterPattern": "ERROR",
    }
    await stream.aclose()


async def test_an_update_comes_every_second_also_where_nothing_happens(tail: Tail) -> None:
    stream = await tail.start()
    await anext(stream)
    for _ in range(3):
        update = await tail.after(stream, 1)
        assert update == {
            "sessionUpdate": {"sessionMetadata": {"sampled": False}, "sessionResults": []},
        }
    await stream.aclose()


async def test_the_first_line_after_a_pause_is_sent_at_once(tail: Tail) -> None:
    stream = await tail.start()
    await anext(stream)
    await tail.after(stream, 1)
    coming = asyncio.ensure_future(anext(stream))
    await settle()
    tail.clock.advance(0.3)
    await tail.put("printed")
    update = await asyncio.wait_for(coming, 5)
    assert update["sessionUpdate"]["sessionResults"] == [
        {
            "logStreamName": "s",
            "logGroupIdentifier": f"{ACCOUNT}:g",
            "message": "printed",
            "timestamp": NOW + 1300,
            "ingestionTime": NOW + 1300,
        }
    ]
    await tail.put("a second later")
    assert messages(await tail.after(stream, 1)) == ["a second later"]
    await stream.aclose()


async def test_groups_streams_and_the_pattern_select(tail: Tail) -> None:
    both = await tail.start("g", "h", log_event_filter_pattern="ERROR")
    prefixed = await tail.start(log_stream_name_prefixes=["t", "x"])
    for stream in (both, prefixed):
        await anext(stream)
    await tail.put("ERROR 1", "fine", stream="s")
    await tail.put("ERROR 2", group="h")
    await tail.put("tee", stream="t")
    assert messages(await tail.after(both, 1)) == ["ERROR 1", "ERROR 2"]
    assert messages(await anext(prefixed)) == ["tee"]
    for stream in (both, prefixed):
        await stream.aclose()


async def test_more_than_500_events_of_a_second_are_sampled_in_their_order(tail: Tail) -> None:
    stream = await tail.start()
    await anext(stream)
    await tail.put(*(f"{number:04}" for number in range(2000)))
    update = await tail.after(stream, 1)
    assert update["sessionUpdate"]["sessionMetadata"] == {"sampled": True}
    found = messages(update)
    assert len(found) == 500
    assert found == sorted(set(found))
    assert found[-1] > "0500"
    await stream.aclose()


async def test_large_events_do_not_make_an_update_that_clients_refuse(tail: Tail) -> None:
    stream = await tail.start()
    await anext(stream)
    for _ in range(6):
        await tail.put("x" * 900_000)
    update = await tail.after(stream, 1)
    assert len(messages(update)) == 4
    assert update["sessionUpdate"]["sessionMetadata"] == {"sampled": True}
    await stream.aclose()


async def test_a_client_that_is_behind_gets_the_last_ten_seconds(tail: Tail) -> None:
    stream = await tail.start()
    await anext(stream)
    for number in range(15):
        await tail.put(f"second {number}")
        tail.clock.advance(1)
    late = [messages(await anext(stream)) for _ in range(10)]
    assert late == [[f"second {number}"] for number in range(4, 14)]
    assert messages(await tail.after(stream, 1)) == ["second 14"]
    await stream.aclose()


async def test_a_session_ends_after_three_hours(tail: Tail) -> None:
    stream = await tail.start()
    await anext(stream)
    ended = await tail.after(stream, 3 * 3600)
    if "sessionUpdate" in ended:  # both are due at once
        ended = await anext(stream)
    assert ended == {"SessionTimeoutException": {"message": "The session has timed out."}}
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_stopping_server_ends_its_sessions(tail: Tail) -> None:
    stream = await tail.start()
    await anext(stream)
    coming = asyncio.ensure_future(anext(stream))
    await settle()
    await tail.api.stop()
    ended = await asyncio.wait_for(coming, 5)
    assert ended == {"SessionStreamingException": {"message": "The server is stopping."}}


async def test_who_is_gone_makes_room(tail: Tail) -> None:
    streams = [await tail.start() for _ in range(MAX_SESSIONS)]
    for stream in streams:
        await anext(stream)
    with pytest.raises(AwsError, match="LimitExceededException"):
        await tail.start()
    await streams[0].aclose()
    await (await tail.start()).aclose()
    for stream in streams[1:]:
        await stream.aclose()


@pytest.mark.parametrize(
    ("identifiers", "options", "code"),
    [
        ([f"{ARN}missing"], {}, "ResourceNotFoundException"),
        ([f"arn:aws:logs:{REGION}:222222222222:log-group:g"], {}, "ResourceNotFoundException"),
        (["g"], {}, "InvalidParameterException"),
        ([f"{ARN}g:*"], {}, "InvalidParameterException"),
        ([f"{ARN}g", f"{ARN}h"], {"log_stream_names": ["s"]}, "InvalidParameterException"),
        (
            [f"{ARN}g"],
            {"log_stream_names": ["s"], "log_stream_name_prefixes": ["s"]},
            "InvalidParameterException",
        ),
    ],
)
async def test_what_cannot_be_followed_is_refused(
    tail: Tail, identifiers: list[str], options: dict[str, Any], code: str
) -> None:
    with pytest.raises(AwsError, match=code):
        await tail.api.start_live_tail(CTX, log_group_identifiers=identifiers, **options)


async def test_every_group_needs_the_permission(tail: Tail) -> None:
    identifiers = [f"{ARN}g", f"{ARN}h"]
    params = {"log_group_identifiers": identifiers}
    assert ACTIONS["StartLiveTail"].resource(CTX, params) == f"{ARN}g:log-stream:"
    await (await tail.start("g", "h")).aclose()
    assert tail.permissions.asked == [("logs:StartLiveTail", f"{ARN}h:log-stream:")]
