"""Unpacking zip files that come from strangers: thousands of small files, as fast as the disk takes them."""

from __future__ import annotations

import errno
import io
import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from noria.errors import AwsError
from noria.services.lambda_ import errors
from noria.services.lambda_.limits import CENTRAL_DIRECTORY_BYTES, UNZIPPED_BYTES, ZIPPED_BYTES

END_OF_CENTRAL_DIRECTORY = struct.Struct("<4s4H2LH")
LONGEST_COMMENT = 0xFFFF
NAME_BYTES = 255  # of one path component, on every file system in use
PATH_BYTES = 2048
COPY_BYTES = 1 << 20
AT_ONCE_BYTES = 8 << 20  # larger files are unpacked piece by piece
BATCH = 64  # entries that are inflated at once, by another thread
LOCAL_HEADER = struct.Struct("<4s22x2H")
ENCRYPTED = 1
SYMLINK_TARGET_BYTES = 1024
LINKS = 10_000  # ours: of one package; each is resolved
STEPS = 1000  # ours: of resolving a link; more is a loop, or meant to take long
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # those of every zip tool; others are no zip to AWS
# What `zipfile` raises over bytes that are none, RuntimeError for encrypted ones, ValueError for names that
# are no text, struct.error and OverflowError for numbers that cannot be.
NOT_A_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)


def check_zip(data: bytes) -> None:
    """What can be told without unpacking. Raises AWS's errors."""
    if not data:
        raise errors.empty_zip()
    if len(data) > ZIPPED_BYTES:
        raise errors.zipped_too_large()
    start = max(0, len(data) - LONGEST_COMMENT - END_OF_CENTRAL_DIRECTORY.size)
    at = data.rfind(b"PK\x05\x06", start)
    if at < 0 or len(data) - at < END_OF_CENTRAL_DIRECTORY.size:
        raise errors.bad_zip()
    directory_bytes = END_OF_CENTRAL_DIRECTORY.unpack_from(data, at)[5]
    if directory_bytes > CENTRAL_DIRECTORY_BYTES:
        raise errors.bad_zip()


def unpack(data: bytes, target: Path) -> None:
    """Unpack into the new directory `target`. Raises AWS's errors; `target` is then to be thrown away."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > UNZIPPED_BYTES:
                raise _too_large()
            target.mkdir()
            root = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _Unpacking(data, archive, root).run(infos)
            finally:
                os.close(root)
    except NOT_A_ZIP as error:
        raise errors.bad_zip() from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # that is zipfile's seek to where nothing can be
            raise
        raise errors.bad_zip() from error


class _Unpacking:
    """One pass over an archive; symbolic links come last, so that no file is written through one.

    Paths are relative to the directory that `root` is a descriptor of.
    """

    def __init__(self, data: bytes, archive: zipfile.ZipFile, root: int) -> None:
        self._data = data
        self._archive = archive
        self._root = root
        self._left_bytes = UNZIPPED_BYTES
        self._directories = {""}
        self._links: dict[PurePosixPath, str] = {}

    def run(self, infos: list[zipfile.ZipInfo]) -> None:
        """What is inflated is written while more is inflated: neither holds the interpreter's lock."""
        with ThreadPoolExecutor(1) as inflating:
            batches = _batches(infos)
            batch = next(batches, [])
            contents = inflating.submit(self._contents, batch)
            while batch:
                following = next(batches, [])
                upcoming = inflating.submit(self._contents, following)
                for info, content in zip(batch, contents.result(), strict=True):
                    self._entry(info, content)
                batch, contents = following, upcoming
        _check_links(self._links)
        for path, target in self._links.items():
            self._remove_earlier(str(path))
            os.symlink(target, path, dir_fd=self._root)
        for directory in self._directories:  # read-only, as a function's task root is on AWS
            os.chmod(directory or ".", 0o555, dir_fd=self._root)

    def _contents(self, batch: list[zipfile.ZipInfo]) -> list[bytes | None]:
        """None for what is no file, or too large."""
        return [self._content(info) if _is_small_file(info) else None for info in batch]

    def _entry(self, info: zipfile.ZipInfo, content: bytes | None) -> None:
        path = _safe_path(info.filename)
        mode = info.external_attr >> 16
        kind = stat.S_IFMT(mode)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
            raise zipfile.BadZipFile("devices, pipes and sockets do not belong in a package")
        if info.compress_type not in METHODS:
            raise zipfile.BadZipFile(f"{info.filename} is compressed by method {info.compress_type}")
        try:
            if info.is_dir() or kind == stat.S_IFDIR:
                self._directory(path)
                return
            if not path:
                raise zipfile.BadZipFile("a file without a name")
            self._directory(path.rpartition("/")[0])
            if kind == stat.S_IFLNK:
                self._links[PurePosixPath(path)] = self._link_target(info)
            else:
                self._file(info, path, 0o555 if mode & 0o111 else 0o444, content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise zipfile.BadZipFile(f"{info.filename} is a file and a directory") from error

    def _directory(self, path: str) -> None:
        if path in self._directories:
            return
        self._directory(path.rpartition("/")[0])
        try:
            os.mkdir(path, 0o755, dir_fd=self._root)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(path, dir_fd=self._root, follow_symlinks=False).st_mode):
                raise
        self._directories.add(path)

    def _remove_earlier(self, path: str) -> None:
        """Of two entries with one name, the last one counts."""
        try:
            os.unlink(path, dir_fd=self._root)
        except FileNotFoundError:
            return
        except OSError as error:  # EISDIR; EPERM on macOS
            raise zipfile.BadZipFile(f"{path} is a file and a directory") from error

    def _file(self, info: zipfile.ZipInfo, path: str, mode: int, content: bytes | None) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            fd = os.open(path, flags, 0o600, dir_fd=self._root)
        except FileExistsError:
            self._remove_earlier(path)
            fd = os.open(path, flags, 0o600, dir_fd=self._root)
        try:
            if content is None:
                self._copy(info, fd)
            else:
                self._count(len(content))
                _write(fd, content)
            os.fchmod(fd, mode)
        finally:
            os.close(fd)

    def _content(self, info: zipfile.ZipInfo) -> bytes:
        """As `ZipFile.read`, at a third of its cost for a small file."""
        magic, name_bytes, extra_bytes = LOCAL_HEADER.unpack_from(self._data, info.header_offset)
        if magic != b"PK\x03\x04" or info.flag_bits & ENCRYPTED:
            raise zipfile.BadZipFile(f"{info.filename} is damaged or encrypted")
        at = info.header_offset + LOCAL_HEADER.size + name_bytes + extra_bytes
        content = self._data[at : at + info.compress_size]
        if info.compress_type == zipfile.ZIP_DEFLATED:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, info.file_size + 1)
        if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
            raise zipfile.BadZipFile(f"{info.filename} is not what it says")
        return content

    def _copy(self, info: zipfile.ZipInfo, fd: int) -> None:
        with self._archive.open(info) as source:
            while chunk := source.read(COPY_BYTES):
                self._count(len(chunk))
                _write(fd, chunk)

    def _count(self, size: int) -> None:
        """The sizes that an archive declares are its own claim: what comes out is counted."""
        self._left_bytes -= size
        if self._left_bytes < 0:
            raise _too_large()

    def _link_target(self, info: zipfile.ZipInfo) -> str:
        if info.file_size > SYMLINK_TARGET_BYTES:
            raise zipfile.BadZipFile("the target of a symbolic link is too long")
        target = self._content(info).decode()
        if not target or "\0" in target:
            raise zipfile.BadZipFile("a symbolic link has no target")
        return target


def _is_small_file(info: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(info.external_attr >> 16)
    return kind in {0, stat.S_IFREG} and not info.is_dir() and info.file_size <= AT_ONCE_BYTES


def _batches(infos: list[zipfile.ZipInfo]) -> Iterator[list[zipfile.ZipInfo]]:
    """Of so many entries, or so many bytes: they are in memory at once, two at a time."""
    batch: list[zipfile.ZipInfo] = []
    size = 0
    for info in infos:
        batch.append(info)
        size += min(info.file_size, AT_ONCE_BYTES)
        if len(batch) == BATCH or size >= AT_ONCE_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _too_large() -> AwsError:
    return errors.invalid_parameter(f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")


def _check_links(links: Mapping[PurePosixPath, str]) -> None:
    """A link may point to another place of the package, relatively, also through other links: never out."""
    if len(links) > LINKS:
        raise zipfile.BadZipFile("too many symbolic links")
    targets = {_folded(str(path)): PurePosixPath(target).parts for path, target in links.items()}
    for path in links:
        if _leaves(path, targets):
            raise zipfile.BadZipFile(f"the symbolic link {path} leaves the package")


def _leaves(link: PurePosixPath, targets: Mapping[str, tuple[str, ...]]) -> bool:
    """Follow a link as the kernel would. The directories that links lie in are none themselves."""
    at = [""]  # the paths, from the package's root to where we are
    pending = list(reversed(link.parts))
    for _ in range(STEPS):
        if not pending:
            return False
        part = pending.pop()
        if part == "..":
            at.pop()
        else:
            at.append(_folded(f"{at[-1]}/{part}".lstrip("/")))
            if (target := targets.get(at[-1])) is not None:
                at.pop()
                pending += reversed(target)
        if part == "/" or not at:
            return True
    return True


def _folded(path: str) -> str:
    """Some file systems take names that differ in this only for the same."""
    return unicodedata.normalize("NFC", path).casefold()


def _safe_path(name: str) -> str:
    """The name in its plainest form, which leads nowhere out."""
    if name.startswith("/") or "\\" in name or "\0" in name or len(name.encode()) > PATH_BYTES:
        raise zipfile.BadZipFile(f"bad name {name!r}")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts or any(len(part.encode()) > NAME_BYTES for part in parts):
        raise zipfile.BadZipFile(f"bad name {name!r}")
    return "/".join(parts)
