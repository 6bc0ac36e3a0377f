"""CloudWatch on a store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from noria.clock import ManualClock
from noria.context import RequestContext, root_principal
from noria.services.cloudwatch.api import CloudWatchApi
from noria.services.cloudwatch.collector import Collector
from noria.store.sqlite.store import SqliteStore

ACCOUNT, REGION = "111111111111", "us-east-1"
NOW = 1_800_000_000  # a whole minute


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    store = SqliteStore(None)
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def collector(store: SqliteStore, clock: ManualClock) -> Collector:
    return Collector(store.metrics, clock)


@pytest.fixture
def api(store: SqliteStore, collector: Collector, clock: ManualClock) -> CloudWatchApi:
    return CloudWatchApi(store.metrics, collector, clock)


@pytest.fixture
def ctx() -> RequestContext:
    principal = root_principal(ACCOUNT)
    return RequestContext("id", "monitoring", "Op", ACCOUNT, REGION, principal, NOW * 1000)
