"""Every test runs on both event loops."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from tests.support.http import Run


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    loop_run: Run = request.param
    return loop_run
