"""A function's output reaches its stream as far as the role may write."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tests.support.logs import intake

from noria.clock import ManualClock
from noria.context import Principal, RequestContext
from noria.services.logs.sink import PART_BYTES, PART_EVENTS, RoleLogSink, parts, split
from noria.store.sqlite.store import SqliteStore

ACCOUNT, REGION, GROUP, STREAM = "111111111111", "us-east-1", "/aws/lambda/f", "s"
NOW = 1_700_000_000_000
ROLE = Principal("assumed-role", ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/R/f", "AROAX:f", "R")
GROUP_ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"


class FakePermissions:
    """Allows the actions named; remembers what it was asked."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = set(allowed)
        self.asked: list[tuple[str, str]] = []

    async def require(
        self, ctx: RequestContext, action: str, resource: str, conditions: Mapping[str, str] | None = None
    ) -> None:
        raise AssertionError("the sink asks, it does not require")

    async def allows(
        self, principal: Principal, action: str, resource: str, conditions: Mapping[str, str] | None = None
    ) -> bool:
        assert principal is ROLE
        self.asked.append((action, resource))
        return action in self.allowed


def sink_of(store: SqliteStore, role: FakePermissions) -> RoleLogSink:
    return RoleLogSink(store.log_events, intake(store), role, ManualClock())


async def written(store: SqliteStore) -> list[tuple[int, str]] | None:
    group = await store.log_events.group(ACCOUNT, REGION, GROUP)
    if group is None:
        return None
    page = await store.log_events.read(group.id)
    return [(event.time_ms, event.message) for event in page.events]


async def test_group_and_stream_are_made_and_the_lines_written_as_the_role(store: SqliteStore) -> None:
    role = FakePermissions("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
    sink = sink_of(store, role)
    stream = await sink.open_stream(ROLE, REGION, GROUP, STREAM)
    assert stream is not None
    await stream.put([(NOW, "START"), (NOW, "hello"), (NOW + 1, "END")])
    assert await written(store) == [(NOW, "START"), (NOW, "hello"), (NOW + 1, "END")]
    assert role.asked == [
        ("logs:CreateLogGroup", f"{GROUP_ARN}:log-stream:"),
        ("logs:CreateLogStream", f"{GROUP_ARN}:log-stream:s"),
        ("logs:PutLogEvents", f"{GROUP_ARN}:log-stream:s"),
    ]


async def test_a_role_without_the_right_to_create_the_group_leaves_no_logs(store: SqliteStore) -> None:
    role = FakePermissions("logs:CreateLogStream", "logs:PutLogEvents")
    assert await sink_of(store, role).open_stream(ROLE, REGION, GROUP, STREAM) is None
    assert await written(store) is None


async def test_a_group_that_exists_needs_no_right_to_create_it(store: SqliteStore) -> None:
    await store.log_events.create_group(ACCOUNT, REGION, GROUP, NOW)
    role = FakePermissions("logs:CreateLogStream", "logs:PutLogEvents")
    sink = sink_of(store, role)
    assert await sink.open_stream(ROLE, REGION, GROUP, STREAM) is not None


async def test_a_role_without_the_right_to_create_the_stream_leaves_no_logs(store: SqliteStore) -> None:
    role = FakePermissions("logs:CreateLogGroup", "logs:PutLogEvents")
    assert await sink_of(store, role).open_stream(ROLE, REGION, GROUP, STREAM) is None
    assert await written(store) == []


async def test_a_role_that_loses_the_right_to_write_loses_its_lines_from_then_on(store: SqliteStore) -> None:
    role = FakePermissions("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
    stream = await sink_of(store, role).open_stream(ROLE, REGION, GROUP, STREAM)
    assert stream is not None
    await stream.put([(NOW, "kept")])
    role.allowed.remove("logs:PutLogEvents")
    await stream.put([(NOW, "lost")])
    assert await written(store) == [(NOW, "kept")]


async def test_a_group_deleted_under_a_running_function_is_made_again(store: SqliteStore) -> None:
    role = FakePermissions("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
    stream = await sink_of(store, role).open_stream(ROLE, REGION, GROUP, STREAM)
    assert stream is not None
    await stream.put([(NOW, "before")])
    await store.log_events.delete_group(ACCOUNT, REGION, GROUP)
    await stream.put([(NOW, "after")])
    assert await written(store) == [(NOW, "after")]
    await store.log_events.delete_group(ACCOUNT, REGION, GROUP)
    role.allowed.remove("logs:CreateLogGroup")
    await stream.put([(NOW, "lost")])
    assert await written(store) is None


async def test_who_prints_much_waits_for_others_that_do_and_nobody_else_waits(store: SqliteStore) -> None:
    role = FakePermissions("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
    sink = sink_of(store, role)
    stream = await sink.open_stream(ROLE, REGION, GROUP, STREAM)
    assert stream is not None
    async with sink.bulk:  # somebody else has its turn
        large = asyncio.create_task(stream.put([(NOW, "large")] * (PART_EVENTS + 1)))
        await stream.put([(NOW, "small")])
        assert await written(store) == [(NOW, "small")]
        assert not large.done()
    await large
    assert len(await written(store) or ()) == PART_EVENTS + 2


def test_events_are_cut_into_parts_of_some_number_and_size() -> None:
    few = [(NOW, "x")] * (2 * PART_EVENTS + 1)
    assert [len(part) for part in parts(few)] == [PART_EVENTS, PART_EVENTS, 1]
    large = [(NOW, "x" * (PART_BYTES - 10)), (NOW, "y" * 11), (NOW, "z")]
    assert [[message[0] for _, message in part] for part in parts(large)] == [["x"], ["y", "z"]]


async def test_a_long_line_becomes_several_events(store: SqliteStore) -> None:
    role = FakePermissions("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
    stream = await sink_of(store, role).open_stream(ROLE, REGION, GROUP, STREAM)
    assert stream is not None
    line = "x" * 1_048_549 + "é" + "y"
    await stream.put([(NOW, line)])
    assert split(line) == ["x" * 1_048_549, "éy"]
    group = await store.log_events.group(ACCOUNT, REGION, GROUP)
    assert group is not None
    assert group.stored_bytes == len(line.encode()) + 2 * 26
