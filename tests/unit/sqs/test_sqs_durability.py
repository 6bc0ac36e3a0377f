"""What waits for the disk, and what need not: a send is acknowledged once it is durable, a receive is not."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from tests.support.metrics import FakeMetrics
from tests.support.sqs import SqsClient

from noria.clock import ManualClock
from noria.services.sqs.api import SqsApi
from noria.store.sqlite import engine
from noria.store.sqlite.store import SqliteStore
from noria.store.sqlite.sync import ThreadSync


async def test_a_long_poll_has_a_message_while_its_send_still_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, real = threading.Event(), os.fdatasync

    def sync(fd: int) -> None:
        disk.wait()
        real(fd)

    monkeypatch.setattr(engine, "open_sync", ThreadSync)
    store = SqliteStore(tmp_path / "noria.db")
    await store.start()
    clock = ManualClock()
    api = SqsApi(store, clock, FakeMetrics())
    await api.start()
    sqs = SqsClient(api, store, clock)
    url = await sqs.queue()
    poll = asyncio.create_task(sqs.receive(url, wait_time_seconds=20))
    await sqs.settle()
    monkeypatch.setattr(os, "fdatasync", sync)
    try:
        send = asyncio.create_task(sqs.send(url, "m"))
        assert [message["Body"] for message in await poll] == ["m"]
        assert not send.done()
    finally:
        disk.set()
    await send
    await api.stop()
    await store.close()
