"""The data directory belongs to one server at a time."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from pathlib import Path

import pytest

from noria.data_dir import DataDir, DataDirError, RunningServer, publish_server, running_server


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
    data_dir.release()
    assert running_server(tmp_path) is None


@pytest.mark.parametrize("pid", [999_999_999, 1 << 70, -1])
def test_a_server_whose_process_is_gone_does_not_run(tmp_path: Path, pid: int) -> None:
    data_dir = DataDir(tmp_path)
    data_dir.claim()
    server = {"url": "http://x", "region": "us-east-1", "pid": pid, "data_dir": str(tmp_path)}
    (tmp_path / "server.json").write_text(json.dumps(server))
    assert running_server(tmp_path) is None
    data_dir.release()


def test_a_living_process_that_has_not_locked_the_directory_is_not_its_server(tmp_path: Path) -> None:
    """The number of a killed server's process may be another's by now."""
    data_dir = DataDir(tmp_path)
    data_dir.claim()
    data_dir.publish("http://127.0.0.1:1234", "us-east-1")
    published = (tmp_path / "server.json").read_bytes()
    data_dir.release()
    (tmp_path / "server.json").write_bytes(published)
    assert json.loads(published)["pid"] == os.getpid()
    assert running_server(tmp_path) is None
    (tmp_path / "lock").unlink()
    assert running_server(tmp_path) is None


def test_an_ephemeral_servers_own_directory_is_what_must_be_locked(tmp_path: Path) -> None:
    directory, temporary = tmp_path / "data", DataDir(tmp_path / "temporary")
    directory.mkdir()
    temporary.claim()
    server = RunningServer("http://127.0.0.1:1234", "us-east-1", os.getpid(), str(temporary.path))
    publish_server(directory, server)
    assert running_server(directory) == server
    temporary.release()
    assert running_server(directory) is None


def test_a_relative_directory_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data_dir = DataDir(Path("data"))
    data_dir.claim()
    data_dir.publish("http://127.0.0.1:1234", "us-east-1")
    monkeypatch.chdir("/")
    server = running_server(tmp_path / "data")
    assert server is not None
    assert server.data_dir == str(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    data_dir.release()


def test_whoever_looks_for_a_server_does_not_keep_one_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fd = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    monkeypatch.setattr(time, "sleep", lambda _: os.close(fd))
    data_dir = DataDir(tmp_path)
    data_dir.claim()
    data_dir.release()


def test_a_directory_that_is_open_to_others_is_closed_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    data_dir = DataDir(tmp_path / "data")
    data_dir.claim()
    data_dir.release()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    said = f"{tmp_path}/data was open to others (mode 755); it is yours alone now (mode 700)"
    assert caplog.messages == [said]
    caplog.clear()
    data_dir.claim()
    data_dir.release()
    assert caplog.messages == []


def test_a_directory_that_is_everybodys_stays_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As /tmp is: to close it would break the machine."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o1777)
    data_dir = DataDir(tmp_path / "data")
    data_dir.claim()
    data_dir.release()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o1777
    assert "is everybody's (mode 1777)" in caplog.text
