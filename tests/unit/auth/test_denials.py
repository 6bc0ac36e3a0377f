"""The last denials are kept, bounded, and can be explained as they were decided."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.policies import identity_of, identity_policy

from noria.auth import denials as module
from noria.auth.denials import DENIALS_KEPT, MAX_RESOURCE_CHARS, Decided, Denials, DenialsKeeper
from noria.clock import ManualClock
from noria.context import Principal
from noria.policy.evaluate import Decision, PolicyRequest
from noria.store.base import Records
from noria.store.sqlite.store import SqliteStore

ACCOUNT = "111111111111"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"


def denied(request_id: str, resource: str = QUEUE, name: str = "ann", account: str = ACCOUNT) -> Decided:
    principal = Principal("user", account, f"arn:aws:iam::{account}:user/{name}", "AIDA", name)
    request = PolicyRequest(principal, "sqs:SendMessage", resource, {"aws:SourceIp": "10.1.1.1"})
    identity = identity_of(identity_policy({"Effect": "Allow", "Action": "sqs:Get*", "Resource": "*"}))
    return Decided(request_id, 1_700_000_000_000, request, identity, None, False, Decision(False))


def test_a_denial_is_explained_whole() -> None:
    denials = Denials()
    denials.keep(denied("r1"))
    found = denials.get("r1")
    assert found is not None
    assert found.explanation() == {
        "request_id": "r1",
        "time_ms": 1_700_000_000_000,
        "principal": f"arn:aws:iam::{ACCOUNT}:user/ann",
        "action": "sqs:SendMessage",
        "resource": QUEUE,
        "allowed": False,
        "because": "because no identity-based policy allows the sqs:SendMessage action",
        "context": {"aws:sourceip": "10.1.1.1"},
        "statements": [
            {
                "policy_type": "identity-based",
                "policy": "",
                "statement": "#1",
                "effect": "Allow",
                "applies": False,
                "why": ("Action sqs:Get* does not cover sqs:SendMessage",),
            }
        ],
    }


def test_the_newest_come_first_and_the_oldest_go() -> None:
    denials = Denials()
    for number in range(DENIALS_KEPT + 5):
        denials.keep(denied(f"r{number}"))
    assert [found.request_id for found in denials.recent(2)] == [
        f"r{DENIALS_KEPT + 4}",
        f"r{DENIALS_KEPT + 3}",
    ]
    assert denials.get("r4") is None
    assert denials.get("r5") is not None


def test_a_resource_of_any_length_is_kept_as_much_of_it_as_an_arn_may_have() -> None:
    denials = Denials()
    denials.keep(denied("r", QUEUE + "x" * 1_000_000))
    found = denials.get("r")
    assert found is not None
    assert len(found.request.resource) == MAX_RESOURCE_CHARS


def test_what_a_service_tries_again_and_again_is_kept_once() -> None:
    denials = Denials()
    for _ in range(5):
        denials.keep_for_a_service(denied(""))
    denials.keep_for_a_service(denied("", name="bob"))
    assert len({found.request_id for found in denials.recent(10)}) == len(denials.recent(10)) == 2


def test_an_account_is_forgotten() -> None:
    denials = Denials()
    denials.keep(denied("ours"))
    denials.keep(denied("theirs", account="222222222222"))
    denials.forget("222222222222")
    assert [found.request_id for found in denials.recent(10)] == ["ours"]


# After a start

Stored = Callable[..., Awaitable[DenialsKeeper]]


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[Stored]:
    """What a server knows of the denials of one before it."""
    stores: list[SqliteStore] = []

    async def after_a_start(*kept: Decided) -> DenialsKeeper:
        for denied_before in (kept, ()):
            store = SqliteStore(tmp_path / "noria.db")
            await store.start()
            keeper = await keeper_of(store.records)
            for found in denied_before:
                keeper._denials.keep(found)
            await keeper.stop()
            if denied_before:
                await store.close()
        stores.append(store)
        return keeper

    yield after_a_start
    for store in stores:
        await store.close()


async def keeper_of(records: Records) -> DenialsKeeper:
    keeper = DenialsKeeper(Denials(), records, ManualClock())
    await keeper.start()
    return keeper


async def test_a_denial_is_explained_after_a_start_too(stored: Stored) -> None:
    first, second = denied("r1"), denied("r2")
    keeper = await stored(first, second)
    explanation = first.explanation()
    explanation["statements"][0]["why"] = list(explanation["statements"][0]["why"])
    assert await keeper.explanation("r1") == explanation
    assert await keeper.recent(5) == [second.summary(), first.summary()]
    assert await keeper.explanation("r3") is None


async def test_new_denials_come_before_those_of_earlier_runs(stored: Stored) -> None:
    keeper = await stored(denied("old"))
    keeper._denials.keep(denied("new"))
    assert [found["request_id"] for found in await keeper.recent(5)] == ["new", "old"]
    assert [found["request_id"] for found in await keeper.recent(1)] == ["new"]


async def test_denials_are_saved_without_a_stop(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "noria.db")
    await store.start()
    clock = ManualClock()
    keeper = DenialsKeeper(Denials(), store.records, clock)
    await keeper.start()
    keeper._denials.keep(denied("r"))
    while not await store.records.list(module.KIND, ACCOUNT, ""):
        clock.advance(module.SAVE_AFTER_S)
        await asyncio.sleep(0)
    await keeper.stop()
    await store.close()


async def test_what_is_stored_is_bounded(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DENIALS_KEPT", 5)
    monkeypatch.setattr(module, "SAVED_AT_ONCE", 3)
    keeper = await stored(*(denied(f"a{number}") for number in range(9)))
    assert [found["request_id"] for found in await keeper.recent(9)] == ["a8", "a7", "a6"]
    for number in range(4):
        keeper._denials.keep(denied(f"b{number}"))
        await keeper._save()
    names = [name for name, _ in await keeper._records.list(module.KIND, ACCOUNT, "")]
    assert sorted(name.split()[1] for name in names) == ["a8", "b0", "b1", "b2", "b3"]


async def test_what_a_service_tries_again_is_stored_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "noria.db")
    await store.start()
    keeper = await keeper_of(store.records)
    for _ in range(3):
        keeper._denials.keep_for_a_service(denied(""))
        await keeper._save()
    assert len(await store.records.list(module.KIND, ACCOUNT, "")) == 1
    await keeper.reset(ACCOUNT)
    assert await keeper.recent(5) == []
    await keeper.stop()
    await store.close()
