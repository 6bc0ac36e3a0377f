"""Packages: zip files taken from strangers, checked, unpacked once, kept until no function names them.

``<data_dir>/code/<sha256 of the zip>/`` holds ``package.zip`` (synced, the truth) and ``task/`` (its content,
read-only, what functions see as their task root). ``unpacked`` names the boot of the machine in which
``task/`` was written: it is not synced, so after a crash of the machine it is made again from the zip.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from noria.services.lambda_ import errors
from noria.services.lambda_.bytecode import compile_package
from noria.services.lambda_.code_files import (
    boot_id,
    combined,
    link_tree,
    protect,
    remove_tree,
    spread,
    sync_directory,
    unzipped_bytes,
)
from noria.services.lambda_.unpack import check_zip, unpack

log = logging.getLogger(__name__)


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
        self._compiled: dict[str, set[str]] = {}  # for which interpreters
        self._compilers = asyncio.Semaphore(1)  # functions have the other cores
        self._locks = [asyncio.Lock() for _ in range(16)]  # by the digest's first digit

    async def start(self, references: dict[str, set[str]]) -> None:
        """references: sha256 → the builds that hold it. Anything else is a leftover."""
        self._references = references
        await asyncio.to_thread(self._clean, set(references))

    def _clean(self, wanted: set[str]) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if sys.platform == "linux":
            spread(self._directory)
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
                unpack(data, Path(scratch) / "task")
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
        def write() -> None:
            with (new / "package.zip").open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())

        with ThreadPoolExecutor(1) as disk:  # which takes as long as the rest
            written = disk.submit(write)
            unpack(data, new / "task")
            written.result()
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
        unpack((final / "package.zip").read_bytes(), final / "task")
        (final / "unpacked").write_text(self._boot)

    async def task_root(self, sha256: str) -> Path:
        """The unpacked package of a function that there is; a folder's path stands for itself (`folders`)."""
        if sha256.startswith("/"):
            return Path(sha256)
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
            protect(new / "task")
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
        is_done = executable in self._compiled.get(sha256, ())
        if not is_done and sha256 not in self._compiling and self._references.get(sha256):
            task_root = self._directory / sha256 / "task"
            self._compiling[sha256] = asyncio.create_task(self._compile(sha256, executable, task_root))

    async def _compile(self, sha256: str, executable: str, task_root: Path) -> None:
        try:
            async with self._compilers:
                await compile_package(executable, task_root)
            self._compiled.setdefault(sha256, set()).add(executable)
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
            self._compiled.pop(sha256, None)
            await asyncio.to_thread(self._remove, self._directory / sha256)

    def _remove(self, final: Path) -> None:
        doomed = final.with_name(f".{final.name}.removed")
        try:
            final.rename(doomed)
        except FileNotFoundError:
            return
        remove_tree(doomed)
