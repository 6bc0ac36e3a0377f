"""The data directory: owned by one server at a time, readable by its user only.

It holds ``noria.db`` (the store), ``code/`` (functions' packages), ``credentials.json`` (the root key),
``lock`` (held while a server runs) and ``server.json`` (where that server listens, for the command line).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec


class DataDirError(Exception):
    """The directory cannot be used; the text is for the user."""


class RunningServer(msgspec.Struct, frozen=True):
    """What ``server.json`` says. data_dir: where the credentials are (an ephemeral server: elsewhere)."""

    url: str
    region: str
    pid: int
    data_dir: str


class DataDir:
    """Claimed from `claim` until `release`, or until the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_fd = -1

    def claim(self) -> None:
        """Create the directory and lock it. Raises DataDirError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataDirError(f"cannot write to the data directory {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            running = running_server(self.path)
            at = f" at {running.url} (process {running.pid})" if running else ""
            raise DataDirError(f"the data directory {self.path} is in use by another server{at}") from error
        self._lock_fd = fd

    def publish(self, url: str, region: str) -> None:
        """Tell the command line where the server is."""
        publish_server(self.path, RunningServer(url, region, os.getpid(), str(self.path)))

    def release(self) -> None:
        (self.path / "server.json").unlink(missing_ok=True)
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1


def publish_server(directory: Path, server: RunningServer) -> None:
    """Write ``server.json`` at once or not at all."""
    temporary = directory / f".server.json.{os.getpid()}"
    temporary.write_bytes(msgspec.json.encode(server))
    temporary.replace(directory / "server.json")


def running_server(directory: Path) -> RunningServer | None:
    """The server that serves this data directory; None where none does (its file may be a killed one's)."""
    try:
        server = msgspec.json.decode((directory / "server.json").read_bytes(), type=RunningServer)
        os.kill(server.pid, 0)
    except (OSError, msgspec.MsgspecError):
        return None
    return server
