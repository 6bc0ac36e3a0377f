from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.unit.triggers.world import ACCOUNT, World

from noria.store.sqlite.store import SqliteStore


@pytest.fixture
async def world() -> AsyncIterator[World]:
    store = SqliteStore(None)
    await store.start()
    world = World(store)
    await world.api.start()
    yield world
    await world.api.reset(ACCOUNT)
    await store.close()
