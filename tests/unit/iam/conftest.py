"""IAM over a store in memory, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.iam import IamClient, iam_api, iam_client

from noria.services.iam.api import IamApi
from noria.store.sqlite.store import SqliteStore


@pytest.fixture
async def client() -> AsyncIterator[IamClient]:
    async with iam_client() as client:
        yield client


@pytest.fixture
async def iam() -> AsyncIterator[IamApi]:
    store = SqliteStore(None)
    await store.start()
    yield iam_api(store.records)
    await store.close()
