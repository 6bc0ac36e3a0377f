"""Syncs beside the loop, by the kernel and by a thread."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from noria.store.sqlite.sync import Done, KernelSync, Sync, ThreadSync, open_sync

Open = Callable[[int, Done], Sync]

ways: list[Open] = [ThreadSync]
if sys.platform == "linux":
    ways.append(KernelSync)


class Ends:
    """What `done` was called with."""

    def __init__(self) -> None:
        self._errors: asyncio.Queue[BaseException | None] = asyncio.Queue()

    def __call__(self, error: BaseException | None) -> None:
        self._errors.put_nowait(error)

    async def next(self) -> BaseException | None:
        return await asyncio.wait_for(self._errors.get(), 10)


@pytest.mark.parametrize("way", ways)
async def test_each_sync_ends_once(tmp_path: Path, way: Open) -> None:
    with (tmp_path / "file").open("wb", buffering=0) as file:
        ends = Ends()
        opened = way(file.fileno(), ends)
        for number in range(100):
            file.write(b"%d" % number)
            opened.begin()
            assert await ends.next() is None
        opened.close()


@pytest.mark.parametrize("way", ways)
async def test_a_sync_that_fails_says_so(way: Open) -> None:
    read, write = os.pipe()  # which cannot be synced
    ends = Ends()
    opened = way(write, ends)
    opened.begin()
    error = await ends.next()
    assert isinstance(error, OSError)
    assert error.errno == 22
    opened.close()
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("way", ways)
async def test_closing_leaves_no_descriptor_open(tmp_path: Path, way: Open) -> None:
    with (tmp_path / "file").open("wb") as file:
        before = len(os.listdir("/dev/fd"))
        ends = Ends()
        opened = way(file.fileno(), ends)
        opened.begin()
        await ends.next()
        opened.close()
        assert len(os.listdir("/dev/fd")) == before


async def test_where_the_kernel_does_not_do_it_a_thread_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    with (tmp_path / "file").open("wb") as file:
        ends = Ends()
        opened = open_sync(file.fileno(), ends)
        assert isinstance(opened, ThreadSync)
        opened.begin()
        assert await ends.next() is None
        opened.close()
