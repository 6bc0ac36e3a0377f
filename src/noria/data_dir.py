"""The data directory: owned by one server at a time, readable by its user only.

It holds ``noria.db`` (the store), ``code/`` (functions' packages), ``credentials.json`` (the root key),
``lock`` (held while a server runs) and ``server.json`` (where that server listens, for the command line).
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import time
from pathlib import Path
from typing import Annotated

import msgspec

log = logging.getLogger(__name__)

CLAIM_WITHIN_S = 0.2  # a command that looks whether a server runs holds the lock for microseconds
CLAIM_EVERY_S = 0.02


class DataDirError(Exception):
    """The directory cannot be used; the text is for the user."""


class RunningServer(msgspec.Struct, frozen=True):
    """What ``server.json`` says. data_dir: where the credentials are (an ephemeral server: elsewhere)."""

    url: str
    region: str
    pid: Annotated[int, msgspec.Meta(gt=0)]
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
            make_private(self.path)
            fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataDirError(f"cannot write to the data directory {self.path}: {error.strerror}") from error
        for _ in range(round(CLAIM_WITHIN_S / CLAIM_EVERY_S)):
            if _lock(fd):
                self._lock_fd = fd
                return
            time.sleep(CLAIM_EVERY_S)
        os.close(fd)
        running = running_server(self.path)
        at = f" at {running.url} (process {running.pid})" if running else ""
        raise DataDirError(f"the data directory {self.path} is in use by another server{at}")

    def publish(self, url: str, region: str) -> None:
        """Tell the command line where the server is."""
        publish_server(self.path, RunningServer(url, region, os.getpid(), str(self.path.absolute())))

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


def published_server(directory: Path) -> RunningServer | None:
    """What ``server.json`` says, be it true or not."""
    try:
        return msgspec.json.decode((directory / "server.json").read_bytes(), type=RunningServer)
    except (OSError, msgspec.MsgspecError):
        return None


def running_server(directory: Path) -> RunningServer | None:
    """The server that serves this data directory; None where none does: the file may be a killed one's.

    Its process must live and its data directory be locked: either alone may be another's.
    """
    server = published_server(directory)
    if server is None:
        return None
    try:
        os.kill(server.pid, 0)
        return server if _is_locked(Path(server.data_dir)) else None
    except (OSError, OverflowError):
        return None


def _is_locked(directory: Path) -> bool:
    fd = os.open(directory / "lock", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not _lock(fd)
    finally:
        os.close(fd)


def _lock(fd: int) -> bool:
    """Whether the lock is ours now, until `fd` is closed."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_private(path: Path) -> None:
    """Take from others what they may do with a file or directory of Noria's, and say so. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        if not mode & 0o077:
            return
        if mode & stat.S_ISVTX:
            log.warning("%s is everybody's (mode %o); choose a directory of your own", path, mode)
            return
        os.fchmod(fd, mode & 0o700)
        log.warning(
            "%s was open to others (mode %o); it is yours alone now (mode %o)", path, mode, mode & 0o700
        )
    finally:
        os.close(fd)
