"""The data directory belongs to one server at a time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from noria.data_dir import DataDir, DataDirError, running_server


def test_a_second_server_is_refused_and_told_where_the_first_one_is(tmp_path: Path) -> None:
    first, second = DataDir(tmp_path / "data"), DataDir(tmp_path / "data")
    first.claim()
    first.publish("http://127.0.0.1:1234", "us-east-1")
    with pytest.raises(DataDirError, match=r"in use by another server at http://127\.0\.0\.1:1234"):
        second.claim()
    first.release()
    second.claim()
    second.release()


def test_the_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path / "a" / "b")
    data_dir.claim()
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    data_dir.release()


def test_a_file_in_the_way_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirError, match="cannot write to the data directory"):
        DataDir(tmp_path / "file").claim()


def test_the_running_server_is_found_and_a_dead_one_is_not(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    data_dir.claim()
    data_dir.publish("http://127.0.0.1:1234", "us-east-1")
    server = running_server(tmp_path)
    assert server is not None
    assert (server.url, server.pid) == ("http://127.0.0.1:1234", os.getpid())
    (tmp_path / "server.json").write_text(
        '{"url": "http://x", "pid": 999999999, "region": "us-east-1", "data_dir": "/x"}'
    )
    assert running_server(tmp_path) is None
    data_dir.release()
    assert running_server(tmp_path) is None
