"""A shell beside the shared server, and a cache that outlives test runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.server import ServerProcess
from tests.support.shell import Shell


@pytest.fixture(scope="session")
def cache(request: pytest.FixtureRequest) -> Path:
    """Where the exercise's package is kept: it is built with the network once, not once a run."""
    assert request.config.cache is not None
    return request.config.cache.mkdir("noria-cache")


@pytest.fixture
def shell(server: ServerProcess, tmp_path: Path) -> Shell:
    """Its commands find the shared server."""
    return Shell(tmp_path, server.data_dir)
