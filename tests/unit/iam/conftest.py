"""IAM over a store in memory, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.iam import IamClient, iam_client


@pytest.fixture
async def client() -> AsyncIterator[IamClient]:
    async with iam_client() as client:
        yield client
