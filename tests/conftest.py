"""Fixtures of the tests that need a real server: one for a test worker's whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.aws import Aws
from tests.support.server import ServerProcess

from noria.store.sqlite import reserve


@pytest.fixture(scope="session", autouse=True)
def small_reserve() -> None:
    """Thousands of stores, each of which keeps 48 MB for a full disk, would themselves fill it."""
    reserve.RESERVE_BYTES = 1 << 16


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Shared: tests use names of their own (`unique`), or an account of their own."""
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as process:
        yield process


@pytest.fixture(scope="session")
def aws(server: ServerProcess) -> Aws:
    """Root's clients of the shared server."""
    return Aws(server.client)
