"""Fixtures of the tests that need a real server: one for a test worker's whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.aws import Aws
from tests.support.server import ServerProcess


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Shared: tests use names of their own (`unique`), or an account of their own."""
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as process:
        yield process


@pytest.fixture(scope="session")
def aws(server: ServerProcess) -> Aws:
    """Root's clients of the shared server."""
    return Aws(server.client)
