"""CloudWatch Logs over a store in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.logs import ACCOUNT, GROUP, NOW, REGION, STREAM, logs_api

from noria.clock import ManualClock
from noria.context import RequestContext, root_principal
from noria.services.logs.api import LogsApi
from noria.store.sqlite.store import SqliteStore


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW / 1000)


@pytest.fixture
async def store() -> AsyncIterator[SqliteStore]:
    store = SqliteStore(None)
    await store.start()
    yield store
    await store.close()


@pytest.fixture
async def api(store: SqliteStore, clock: ManualClock) -> LogsApi:
    return logs_api(store, clock)


@pytest.fixture
def ctx() -> RequestContext:
    return RequestContext("id", "logs", "Op", ACCOUNT, REGION, root_principal(ACCOUNT), NOW)


@pytest.fixture
async def stream(api: LogsApi, ctx: RequestContext) -> dict[str, Any]:
    """An empty stream, as keyword arguments."""
    await api.create_log_group(ctx, log_group_name=GROUP)
    await api.create_log_stream(ctx, log_group_name=GROUP, log_stream_name=STREAM)
    return {"log_group_name": GROUP, "log_stream_name": STREAM}
