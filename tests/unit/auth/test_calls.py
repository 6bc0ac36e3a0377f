"""What identities called is known, bounded, and known again after a start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from noria.auth.calls import CALLS_KEPT, IDENTITIES_KEPT, KIND, SAVE_AFTER_S, Calls, CallsKeeper
from noria.clock import ManualClock
from noria.context import Principal, root_principal, service_principal
from noria.store.sqlite.store import SqliteStore

ACCOUNT = "111111111111"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:g"


def session(name: str = "R") -> Principal:
    return Principal("assumed-role", ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/s", "AROA:s", name)


USER = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDA", "ann")


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    store = SqliteStore(None)
    await store.start()
    yield store
    await store.close()


def test_calls_are_known_by_role_and_user() -> None:
    calls = Calls()
    calls.record(session(), "sqs:SendMessage", QUEUE, allowed=True)
    calls.record(USER, "sqs:ReceiveMessage", QUEUE, allowed=False)
    assert calls.of(ACCOUNT, "role/R") == {("sqs:SendMessage", QUEUE): True}
    assert calls.of(ACCOUNT, "user/ann") == {("sqs:ReceiveMessage", QUEUE): False}
    assert calls.of("222222222222", "role/R") == {}


def test_what_was_allowed_once_counts_as_allowed() -> None:
    calls = Calls()
    for allowed in (False, True, False):
        calls.record(session(), "sqs:SendMessage", QUEUE, allowed=allowed)
    assert calls.of(ACCOUNT, "role/R") == {("sqs:SendMessage", QUEUE): True}


def test_root_and_services_have_no_policy_to_suggest() -> None:
    calls = Calls()
    calls.record(root_principal(ACCOUNT), "sqs:SendMessage", QUEUE, allowed=True)
    calls.record(service_principal("lambda.amazonaws.com"), "sqs:SendMessage", QUEUE, allowed=True)
    assert calls.made == {}


def test_the_streams_of_a_log_group_are_one() -> None:
    calls = Calls()
    for stream in ("a", "b", ""):
        calls.record(session(), "logs:PutLogEvents", f"{GROUP}:log-stream:{stream}", allowed=True)
    assert calls.of(ACCOUNT, "role/R") == {("logs:PutLogEvents", f"{GROUP}:*"): True}


def test_a_listing_is_of_everything() -> None:
    calls = Calls()
    calls.record(session(), "sqs:ListQueues", f"arn:aws:sqs:us-east-1:{ACCOUNT}:", allowed=True)
    groups = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group::log-stream:"
    calls.record(session(), "logs:DescribeLogGroups", groups, allowed=True)
    assert set(calls.of(ACCOUNT, "role/R")) == {("sqs:ListQueues", "*"), ("logs:DescribeLogGroups", "*")}


def test_calls_are_bounded() -> None:
    calls = Calls()
    for number in range(CALLS_KEPT + 10):
        calls.record(session(), "sqs:SendMessage", f"{QUEUE}{number}", allowed=True)
    assert len(calls.of(ACCOUNT, "role/R")) == CALLS_KEPT
    for number in range(IDENTITIES_KEPT + 10):
        calls.record(session(f"R{number}"), "sqs:SendMessage", QUEUE, allowed=True)
    assert len(calls.made) == IDENTITIES_KEPT


async def test_calls_are_saved_a_moment_later_and_known_after_a_start(store: SqliteStore) -> None:
    clock = ManualClock()
    calls = Calls()
    keeper = CallsKeeper(calls, store.records, clock)
    await keeper.start()
    calls.record(session(), "sqs:SendMessage", QUEUE, allowed=True)
    while await store.records.get(KIND, ACCOUNT, "", "role/R") is None:
        await asyncio.sleep(0)
        clock.advance(SAVE_AFTER_S)
    calls.record(session(), "sqs:DeleteMessage", QUEUE, allowed=False)
    await keeper.stop()
    again = Calls()
    keeper = CallsKeeper(again, store.records, clock)
    await keeper.start()
    assert again.of(ACCOUNT, "role/R") == {
        ("sqs:SendMessage", QUEUE): True,
        ("sqs:DeleteMessage", QUEUE): False,
    }
    await keeper.stop()


async def test_reset_forgets_an_account(store: SqliteStore) -> None:
    calls = Calls()
    keeper = CallsKeeper(calls, store.records, ManualClock())
    calls.record(session(), "sqs:SendMessage", QUEUE, allowed=True)
    await keeper.reset("222222222222")
    assert calls.of(ACCOUNT, "role/R")
    await keeper.reset(ACCOUNT)
    assert not calls.of(ACCOUNT, "role/R")
    await keeper.stop()
    assert await store.records.get(KIND, ACCOUNT, "", "role/R") is None
