"""SQS over a store in memory, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.metrics import FakeMetrics
from tests.support.sqs import SqsClient

from noria.clock import ManualClock
from noria.services.sqs.api import SqsApi
from noria.store.sqlite.store import SqliteStore


@pytest.fixture
async def sqs() -> AsyncIterator[SqsClient]:
    store = SqliteStore(None)
    await store.start()
    clock = ManualClock()
    api = SqsApi(store, clock, FakeMetrics())
    await api.start()
    yield SqsClient(api, store, clock)
    await api.stop()
    await store.close()
