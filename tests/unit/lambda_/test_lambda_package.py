"""Zip files from strangers: what is taken, what is refused, and what stays on the disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import random
import stat
import struct
import sys
import zipfile
from pathlib import Path

import pytest
from tests.unit.lambda_.conftest import until, zipped

from noria.errors import AwsError
from noria.services.lambda_ import package, unpack
from noria.services.lambda_.code_files import GET_FLAGS, TOP_OF_HIERARCHY, spread
from noria.services.lambda_.package import PackageStore

BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


@pytest.fixture
async def packages(tmp_path: Path) -> PackageStore:
    store = PackageStore(tmp_path / "code")
    await store.start({})
    return store


def entry(name: str, content: bytes = b"x", mode: int = 0) -> bytes:
    data = io.BytesIO()
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(info, content)
    return data.getvalue()


def files_under(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


async def test_a_package_is_unpacked_read_only_and_its_executables_stay_executable(
    packages: PackageStore,
) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("lib/a.py", "A = 1\n")
        tool = zipfile.ZipInfo("bin/tool")
        tool.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(tool, "#!/bin/sh\n")
        archive.writestr("empty/", "")
    root = await packages.task_root(await packages.add(data.getvalue(), "build"))
    assert files_under(root) == ["bin", "bin/tool", "empty", "lib", "lib/a.py"]
    modes = {name: stat.S_IMODE((root / name).stat().st_mode) for name in ("lib", "lib/a.py", "bin/tool")}
    assert modes == {"lib": 0o555, "lib/a.py": 0o444, "bin/tool": 0o555}


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/evil", "a\\..\\evil", "x" * 300, "/".join(["d" * 200] * 20)]
)
async def test_a_name_that_leads_out_or_cannot_be_is_refused(
    packages: PackageStore, tmp_path: Path, name: str
) -> None:
    with pytest.raises(AwsError) as caught:
        await packages.add(entry(name), "build")
    assert str(caught.value) == f"InvalidParameterValueException: {BAD_ZIP}"
    assert files_under(tmp_path) == ["code"]


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
async def test_devices_pipes_and_sockets_are_refused(packages: PackageStore, kind: int) -> None:
    with pytest.raises(AwsError, match="Could not unzip"):
        await packages.add(entry("dev", mode=kind | 0o644), "build")


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_of_two_entries_with_one_name_the_last_counts(packages: PackageStore) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.py", "first")
        archive.writestr("a.py", "last")
    root = await packages.task_root(await packages.add(data.getvalue(), "build"))
    assert (root / "a.py").read_text() == "last"


async def test_a_name_that_is_a_file_and_a_directory_is_refused(packages: PackageStore) -> None:
    with pytest.raises(AwsError, match="Could not unzip"):
        await packages.add(zipped({"a": "x", "a/b": "y"}), "build")
    with pytest.raises(AwsError, match="Could not unzip"):
        await packages.add(zipped({"a/b": "y", "a": "x"}), "build")


@pytest.mark.parametrize("data", [b"not a zip", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 10])
async def test_what_is_no_zip_is_refused(packages: PackageStore, data: bytes) -> None:
    with pytest.raises(AwsError, match="Could not unzip"):
        await packages.add(data, "build")


async def test_an_empty_upload_is_refused(packages: PackageStore) -> None:
    with pytest.raises(AwsError, match="Uploaded file must be a non-empty zip"):
        await packages.add(b"", "build")


async def test_a_zip_whose_beginning_is_cut_off_is_refused(packages: PackageStore) -> None:
    with pytest.raises(AwsError) as caught:
        await packages.add(zipped({"app.py": "x = 1\n"})[10:], "build")
    assert (caught.value.status, caught.value.message) == (400, BAD_ZIP)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("corrupt", [False, True])
async def test_methods_other_than_stored_and_deflated_are_refused(
    packages: PackageStore, method: int, corrupt: bool
) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        archive.writestr("app.py", b"x = 1\n" * 100)
    content = bytearray(data.getvalue())
    if corrupt:
        content[60:70] = b"\xff" * 10
    with pytest.raises(AwsError) as caught:
        await packages.add(bytes(content), "build")
    assert (caught.value.status, caught.value.message) == (400, BAD_ZIP)


async def test_whatever_is_wrong_with_a_zip_it_is_the_clients_fault(
    packages: PackageStore, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(25)
    whole = zipped({"app.py": "x = 1\n" * 20, "lib/b.py": "y = 2\n"})
    for number in range(500):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        with contextlib.suppress(AwsError):  # bad_zip, or the size; anything else is raised
            await packages.add(bytes(data), str(number))
    # A zip that is no longer one never counts as the disk's failure.
    assert "could not be kept" not in caplog.text


async def test_a_full_disk_is_the_servers_fault(
    packages: PackageStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AwsError) as caught:
        await packages.add(zipped({"app.py": "x"}), "build")
    assert (caught.value.code, caught.value.status) == ("ServiceException", 500)
    assert caught.value.message == "The package could not be kept: No space left on device"
    assert files_under(tmp_path / "code") == []


async def test_a_wrong_checksum_is_refused(packages: PackageStore) -> None:
    data = entry("a.py", b"content")
    with pytest.raises(AwsError, match="Could not unzip"):
        await packages.add(data.replace(b"content", b"CONTENT", 1), "build")


async def test_an_encrypted_entry_is_refused(packages: PackageStore) -> None:
    data = bytearray(entry("a.py"))
    central = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[central + 8] |= 1
    with pytest.raises(AwsError, match="Could not unzip"):
        await packages.add(bytes(data), "build")


async def test_what_comes_out_is_counted_not_what_is_declared(
    packages: PackageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "UNZIPPED_BYTES", 1_000_000)
    with pytest.raises(AwsError) as caught:
        await packages.add(zipped({"bomb": b"\0" * 1_000_001}), "build")
    assert caught.value.message == "Unzipped size must be smaller than 1000000 bytes"

    lying = bytearray(zipped({"bomb": b"\0" * 10_000_000}))
    central = lying.index(b"PK\x01\x02")
    for at in (22, central + 24):
        struct.pack_into("<L", lying, at, 1000)
    with pytest.raises(AwsError):
        await packages.add(bytes(lying), "build")


async def test_many_files_that_are_too_much_together_are_refused(
    packages: PackageStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(unpack, "UNZIPPED_BYTES", 1_000_000)
    with pytest.raises(AwsError, match="Unzipped size"):
        await packages.add(zipped({str(n): b"\0" * 100_000 for n in range(11)}), "build")
    assert files_under(tmp_path / "code") == []


async def test_a_directory_of_too_many_entries_is_refused_before_it_is_read(packages: PackageStore) -> None:
    data = bytearray(entry("a.py"))
    end = data.rindex(b"PK\x05\x06")
    struct.pack_into("<L", data, end + 12, 100 << 20)
    with pytest.raises(AwsError, match="Could not unzip"):
        await packages.add(bytes(data), "build")


async def test_more_than_50_mb_are_refused(packages: PackageStore) -> None:
    with pytest.raises(AwsError) as caught:
        await packages.add(b"x" * 52_428_801, "build")
    assert (caught.value.code, caught.value.status) == ("RequestEntityTooLargeException", 413)
    assert caught.value.message == "Zipped size must be smaller than 52428800 bytes"


async def test_a_package_stays_until_its_last_holder_releases_it(
    packages: PackageStore, tmp_path: Path
) -> None:
    data = zipped({"a.py": "x"})
    sha256 = await packages.add(data, "one")
    assert await packages.add(data, "two") == sha256
    await packages.release(sha256, "one")
    assert (tmp_path / "code" / sha256 / "package.zip").read_bytes() == data
    await packages.release(sha256, "two")
    assert files_under(tmp_path / "code") == []


async def test_leftovers_of_a_crash_are_removed_at_start(packages: PackageStore, tmp_path: Path) -> None:
    kept = await packages.add(zipped({"a.py": "x"}), "one")
    await packages.add(zipped({"b.py": "x"}), "two")
    (tmp_path / "code" / ".half").mkdir()
    again = PackageStore(tmp_path / "code")
    await again.start({kept: {"one"}})
    assert [path.name for path in (tmp_path / "code").iterdir()] == [kept]


async def test_after_a_crash_of_the_machine_a_package_is_unpacked_again(
    packages: PackageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = await packages.add(zipped({"a.py": "whole"}), "one")
    half = tmp_path / "code" / sha256 / "task" / "a.py"
    half.chmod(0o644)
    half.write_text("")
    monkeypatch.setattr("noria.services.lambda_.package.boot_id", lambda: "another boot")
    again = PackageStore(tmp_path / "code")
    await again.start({sha256: {"one"}})
    assert (await again.task_root(sha256) / "a.py").read_text() == "whole"


async def test_a_dry_run_keeps_nothing(packages: PackageStore, tmp_path: Path) -> None:
    await packages.validate(zipped({"d/a.py": "x"}))
    with pytest.raises(AwsError, match="Could not unzip"):
        await packages.validate(entry("../evil"))
    assert files_under(tmp_path / "code") == []


def flags_of(directory: Path) -> int:
    """As ``lsattr -d`` shows them; 0 where the file system has none."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        flags = bytearray(8)
        fcntl.ioctl(fd, GET_FLAGS, flags)
        return int.from_bytes(flags, sys.byteorder)
    except OSError:
        return 0
    finally:
        os.close(fd)


@pytest.mark.skipif(sys.platform != "linux", reason="a flag of Linux's file systems")
async def test_packages_are_put_far_from_each_other_where_the_file_system_can(
    packages: PackageStore, tmp_path: Path
) -> None:
    spread(Path("/proc/self"))  # which knows no such flag
    spread(tmp_path)
    assert flags_of(tmp_path / "code") & TOP_OF_HIERARCHY == flags_of(tmp_path) & TOP_OF_HIERARCHY
    if flags_of(tmp_path) & 0x80000:  # extents: it is ext4
        assert flags_of(tmp_path / "code") & TOP_OF_HIERARCHY


async def test_modules_are_compiled_once_for_each_interpreter(
    packages: PackageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not again with every function and update that has the same package."""
    compiled: list[str] = []

    async def compiler(executable: str, task_root: Path) -> None:
        compiled.append(executable)

    monkeypatch.setattr(package, "compile_package", compiler)
    for _ in range(2):
        sha256 = await packages.add(zipped({"app.py": ""}), "build")
        for executable in ("one", "one", "two"):
            packages.compile(sha256, executable)
            await until(lambda: not packages._compiling, "it is compiled")
        await packages.release(sha256, "build")
    assert compiled == ["one", "two"] * 2
