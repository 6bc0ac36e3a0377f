"""IAM, STS and the authorizer over one store in memory, under a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.iam import iam_client
from tests.support.sts import StsClient


@pytest.fixture
async def sts() -> AsyncIterator[StsClient]:
    async with iam_client() as iam:
        yield StsClient(iam)
