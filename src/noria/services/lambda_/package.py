"""Packages: zip files taken from strangers, checked, unpacked once, kept until no function names them.

``<data_dir>/code/<sha256 of the zip>/`` holds ``package.zip`` (synced, the truth) and ``task/`` (its content,
read-only, what functions see as their task root). ``unpacked`` names the boot of the machine in which
``task/`` was written: it is not synced, so after a crash of the machine it is made again from the zip.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import logging
import os
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from noria.services.lambda_ import errors
from noria.services.lambda_.bytecode import compile_package
from noria.services.lambda_.code_files import (
    boot_id,
    combined,
    link_tree,
    remove_tree,
    sync_directory,
    unzipped_bytes,
)
from noria.services.lambda_.limits import CENTRAL_DIRECTORY_BYTES, UNZIPPED_BYTES, ZIPPED_BYTES

log = logging.getLogger(__name__)

END_OF_CENTRAL_DIRECTORY = struct.Struct("<4s4H2LH")
LONGEST_COMMENT = 0xFFFF
NAME_BYTES = 255  # of one path component, on every file system in use
PATH_BYTES = 2048
COPY_BYTES = 1 << 16
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


def unpack(zip_path: Path, target: Path) -> None:
    """Unpack into the new directory `target`. Raises AWS's errors; `target` is then to be thrown away."""
    try:
        with zipfile.ZipFile(zip_path) as archive:
            infos = archive.infolist()
            if sum(info.file_size for info in infos) > UNZIPPED_BYTES:
                raise errors.invalid_parameter(f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")
            _Unpacking(archive, target).run(infos)
    except NOT_A_ZIP as error:
        raise errors.bad_zip() from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # that is zipfile's seek to where nothing can be
            raise
        raise errors.bad_zip() from error


class _Unpacking:
    """One pass over an archive; symbolic links come last, so that no file is written through one."""

    def __init__(self, archive: zipfile.ZipFile, target: Path) -> None:
        self._archive = archive
        self._target = target
        self._left_bytes = UNZIPPED_BYTES
        self._links: dict[PurePosixPath, str] = {}

    def run(self, infos: list[zipfile.ZipInfo]) -> None:
        self._target.mkdir()
        for info in infos:
            self._entry(info)
        _check_links(self._links)
        for path, target in self._links.items():
            link = self._target / path
            if link.is_dir() and not link.is_symlink():
                raise zipfile.BadZipFile(f"{path} is a link and a directory")
            link.unlink(missing_ok=True)
            link.symlink_to(target)
        _protect(self._target)

    def _entry(self, info: zipfile.ZipInfo) -> None:
        path = _safe_path(info.filename)
        mode = info.external_attr >> 16
        kind = stat.S_IFMT(mode)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
            raise zipfile.BadZipFile("devices, pipes and sockets do not belong in a package")
        if info.compress_type not in METHODS:
            raise zipfile.BadZipFile(f"{info.filename} is compressed by method {info.compress_type}")
        try:
            if info.is_dir() or kind == stat.S_IFDIR:
                (self._target / path).mkdir(parents=True, exist_ok=True)
                return
            (self._target / path).parent.mkdir(parents=True, exist_ok=True)
            if kind == stat.S_IFLNK:
                self._links[path] = self._link_target(info)
            else:
                self._file(info, self._target / path, mode)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise zipfile.BadZipFile(f"{info.filename} is a file and a directory") from error

    def _file(self, info: zipfile.ZipInfo, path: Path, mode: int) -> None:
        path.unlink(missing_ok=True)  # of two entries with one name, the last one counts
        with self._archive.open(info) as source, path.open("xb") as target:
            self._copy(source, target)
        path.chmod(0o555 if mode & 0o111 else 0o444)

    def _copy(self, source: IO[bytes], target: IO[bytes]) -> None:
        """The sizes that an archive declares are its own claim: what comes out is counted."""
        while chunk := source.read(COPY_BYTES):
            self._left_bytes -= len(chunk)
            if self._left_bytes < 0:
                raise errors.invalid_parameter(f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes")
            target.write(chunk)

    def _link_target(self, info: zipfile.ZipInfo) -> str:
        if info.file_size > SYMLINK_TARGET_BYTES:
            raise zipfile.BadZipFile("the target of a symbolic link is too long")
        target = self._archive.read(info).decode()
        if not target or "\0" in target:
            raise zipfile.BadZipFile("a symbolic link has no target")
        return target


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


def _safe_path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or "\\" in name or "\0" in name or len(name.encode()) > PATH_BYTES:
        raise zipfile.BadZipFile(f"bad name {name!r}")
    if any(part == ".." or len(part.encode()) > NAME_BYTES for part in path.parts):
        raise zipfile.BadZipFile(f"bad name {name!r}")
    return path


def _protect(root: Path) -> None:
    """Directories are read-only, as a function's task root is on AWS."""
    for directory, _, _ in os.walk(root):
        os.chmod(directory, 0o555)


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """A disk that is full or broken is the server's failure, not the package's."""
    try:
        yield
    except OSError as error:
        log.error("a package could not be kept: %s", error)
        raise errors.package_not_kept(error.strerror or str(error)) from error


class PackageStore:
    """The code directory. Files are handled on threads, the references on the event loop."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._boot = boot_id()
        self._references: dict[str, set[str]] = {}
        self._unpacked: set[str] = set()  # known to be whole
        self._compiling: dict[str, asyncio.Task[None]] = {}
        self._compilers = asyncio.Semaphore(1)  # functions have the other cores
        self._locks = [asyncio.Lock() for _ in range(16)]  # by the digest's first digit

    async def start(self, references: dict[str, set[str]]) -> None:
        """references: sha256 → the builds that hold it. Anything else is a leftover."""
        self._references = references
        await asyncio.to_thread(self._clean, set(references))

    def _clean(self, wanted: set[str]) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for entry in self._directory.iterdir():
            if entry.name not in wanted:
                remove_tree(entry)

    async def add(self, data: bytes, holder: str) -> str:
        """Check, keep and unpack a package for the build `holder`; return its sha256. Raises AWS's errors."""
        check_zip(data)
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        self.hold(sha256, holder)
        try:
            async with self._lock(sha256):
                with _disk():
                    await asyncio.to_thread(self._add, sha256, data)
                self._unpacked.add(sha256)
        except BaseException:
            await self.release(sha256, holder)
            raise
        return sha256

    async def validate(self, data: bytes) -> str:
        """As `add`, but keep nothing (DryRun)."""
        check_zip(data)

        def check() -> str:
            with tempfile.TemporaryDirectory(
                dir=self._directory, prefix=".", ignore_cleanup_errors=True
            ) as scratch:
                (Path(scratch) / "package.zip").write_bytes(data)
                unpack(Path(scratch) / "package.zip", Path(scratch) / "task")
                remove_tree(Path(scratch) / "task")
            return hashlib.sha256(data).hexdigest()

        with _disk():
            return await asyncio.to_thread(check)

    def _lock(self, sha256: str) -> asyncio.Lock:
        return self._locks[int(sha256[0], 16)]

    def _add(self, sha256: str, data: bytes) -> None:
        final = self._directory / sha256
        if (final / "package.zip").exists():
            self._unpack_again(final)
            return
        self._whole(final, lambda new: self._fill(new, data))

    def _fill(self, new: Path, data: bytes) -> None:
        with (new / "package.zip").open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unpack(new / "package.zip", new / "task")
        (new / "unpacked").write_text(self._boot)
        sync_directory(new)

    def _whole(self, final: Path, fill: Callable[[Path], None]) -> None:
        """Make the directory `final` by `fill`, all of it or nothing."""
        new = Path(tempfile.mkdtemp(dir=self._directory, prefix="."))
        try:
            fill(new)
            new.chmod(0o755)
            new.rename(final)
            sync_directory(self._directory)
        except BaseException:
            remove_tree(new)
            raise

    def _unpack_again(self, final: Path) -> None:
        """After a crash of the machine what is unpacked may be incomplete; the zip was synced."""
        if (final / "unpacked").exists() and (final / "unpacked").read_text() == self._boot:
            return
        remove_tree(final / "task")
        unpack(final / "package.zip", final / "task")
        (final / "unpacked").write_text(self._boot)

    async def task_root(self, sha256: str) -> Path:
        """The unpacked package of a function that there is."""
        final = self._directory / sha256
        if sha256 not in self._unpacked:
            async with self._lock(sha256):
                with _disk():
                    await asyncio.to_thread(self._unpack_again, final)
            self._unpacked.add(sha256)
        return final / "task"

    async def layers_root(self, digests: list[str]) -> Path | None:
        """The directory that has the content of all these packages, the last ones before the first ones.

        The packages are held; with more than one of them, so is what `combined` names.
        """
        if not digests:
            return None
        if len(digests) == 1:
            return await self.task_root(digests[0])
        sources = [await self.task_root(digest) for digest in digests]
        name = combined(digests)
        if name not in self._unpacked:
            async with self._lock(name):
                await asyncio.to_thread(self._combine, self._directory / name, sources)
            self._unpacked.add(name)
        return self._directory / name / "task"

    def _combine(self, final: Path, sources: list[Path]) -> None:
        if (final / "unpacked").exists() and (final / "unpacked").read_text() == self._boot:
            return
        remove_tree(final)

        def fill(new: Path) -> None:
            (new / "task").mkdir()
            for source in sources:
                link_tree(source, new / "task")
            _protect(new / "task")
            (new / "unpacked").write_text(self._boot)

        self._whole(final, fill)

    def unzipped_bytes(self, digests: Sequence[str]) -> int:
        """Of these packages together. For a thread."""
        return unzipped_bytes(self._directory / digest / "package.zip" for digest in set(digests))

    def read_zip(self, sha256: str) -> bytes | None:
        """The package as it was uploaded; None where there is none. For a thread."""
        try:
            return (self._directory / sha256 / "package.zip").read_bytes()
        except FileNotFoundError:
            return None

    def hold(self, sha256: str, holder: str) -> None:
        """A further build runs the package, too."""
        self._references.setdefault(sha256, set()).add(holder)

    def compile(self, sha256: str, executable: str) -> None:
        """Compile an unpacked package's modules for an interpreter, in the background."""
        if sha256 not in self._compiling and self._references.get(sha256):
            task_root = self._directory / sha256 / "task"
            self._compiling[sha256] = asyncio.create_task(self._compile(sha256, executable, task_root))

    async def _compile(self, sha256: str, executable: str, task_root: Path) -> None:
        try:
            async with self._compilers:
                await compile_package(executable, task_root)
        finally:
            self._compiling.pop(sha256, None)

    async def _stop_compiling(self, sha256: str) -> None:
        if (task := self._compiling.get(sha256)) is not None:
            task.cancel()
            await asyncio.wait([task])

    async def stop(self) -> None:
        for sha256 in list(self._compiling):
            await self._stop_compiling(sha256)

    async def release(self, sha256: str, holder: str) -> None:
        """The build no longer runs this package; the last one to say so removes it."""
        self._references.get(sha256, set()).discard(holder)
        async with self._lock(sha256):
            if self._references.get(sha256):
                return
            self._references.pop(sha256, None)
            self._unpacked.discard(sha256)
            await self._stop_compiling(sha256)
            await asyncio.to_thread(self._remove, self._directory / sha256)

    def _remove(self, final: Path) -> None:
        doomed = final.with_name(f".{final.name}.removed")
        try:
            final.rename(doomed)
        except FileNotFoundError:
            return
        remove_tree(doomed)
