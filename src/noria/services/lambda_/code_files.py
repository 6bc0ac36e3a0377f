"""Directories of packages: made durable, several of them as one, and removed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import struct
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

GET_FLAGS, SET_FLAGS, TOP_OF_HIERARCHY = 0x80086601, 0x40086602, 0x00020000  # FS_IOC_…, FS_TOPDIR_FL


def combined(digests: Sequence[str]) -> str:
    """Names the directory in which several packages are one."""
    return hashlib.sha256("/".join(digests).encode()).hexdigest()


def link_tree(source: Path, target: Path) -> None:
    """The content of `source` in `target`, as hard links, in the place of what has the same name.

    Nothing is written through a symbolic link: where the source has a directory, so has the target then.
    """
    for directory, names, files in os.walk(source):
        here = target / Path(directory).relative_to(source)
        for name in [*files, *names]:
            path, new = Path(directory) / name, here / name
            if path.is_dir() and not path.is_symlink():
                if new.is_symlink() or new.is_file():
                    new.unlink()
                new.mkdir(exist_ok=True)
                continue
            if new.is_dir() and not new.is_symlink():
                remove_tree(new)
            new.unlink(missing_ok=True)
            if path.is_symlink():
                new.symlink_to(os.readlink(path))
            else:
                os.link(path, new)


def unzipped_bytes(archives: Iterable[Path]) -> int:
    """What is in these archives, together."""
    total = 0
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            total += sum(info.file_size for info in archive.infolist())
    return total


def protect(root: Path) -> None:
    """Directories are read-only, as a function's task root is on AWS."""
    for directory, _, _ in os.walk(root):
        os.chmod(directory, 0o555)


def remove_tree(root: Path) -> None:
    """Remove a directory whose directories may be read-only."""
    for directory, _, _ in os.walk(root):
        os.chmod(directory, 0o755)
    shutil.rmtree(root, ignore_errors=True)


def boot_id() -> str:
    """Names this run of the machine; where the system has no such name, nothing is known to have survived."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(os.getpid())


def spread(directory: Path) -> None:
    """Have ext4 put what is made in a directory far from each other (``chattr +T``).

    It does not give the place of a deleted file away for some minutes, and searches all such places for each
    file that it makes nearby: a second for a package, where one as large was removed before.
    """
    fd = os.open(directory, os.O_RDONLY)
    try:
        flags = bytearray(struct.calcsize("l"))
        fcntl.ioctl(fd, GET_FLAGS, flags)
        fcntl.ioctl(fd, SET_FLAGS, struct.pack("l", struct.unpack("l", flags)[0] | TOP_OF_HIERARCHY))
    except OSError:
        return  # another file system, which has no such flag
    finally:
        os.close(fd)


def sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
