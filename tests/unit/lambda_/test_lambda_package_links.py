"""Symbolic links in packages: they stay, unless they lead out of the package, by whatever way."""

from __future__ import annotations

import io
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from noria.errors import AwsError
from noria.services.lambda_ import unpack
from noria.services.lambda_.bytecode import compile_package
from noria.services.lambda_.package import PackageStore

BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
LINK = (stat.S_IFLNK | 0o777) << 16


@pytest.fixture
async def packages(tmp_path: Path) -> PackageStore:
    store = PackageStore(tmp_path / "code")
    await store.start({})
    return store


def linked(links: dict[str, str | bytes], files: dict[str, str] | None = None) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, target in links.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = LINK
            archive.writestr(info, target)
        for name, content in (files or {}).items():
            archive.writestr(name, content)
    return data.getvalue()


async def is_refused(packages: PackageStore, data: bytes) -> None:
    with pytest.raises(AwsError) as caught:
        await packages.add(data, "build")
    assert (caught.value.status, caught.value.message) == (400, BAD_ZIP)


@pytest.mark.parametrize(
    "target", [b"/etc/passwd", b"../outside", b"a/../../outside", b"", b"\xff", b"x\0", b"x" * 2000]
)
async def test_a_link_that_leaves_the_package_is_refused(packages: PackageStore, target: bytes) -> None:
    await is_refused(packages, linked({"link": target}))


async def test_a_link_inside_the_package_stays_one(packages: PackageStore) -> None:
    data = linked({"bin/tool": "../lib/tool.py"}, {"lib/tool.py": "x = 1\n"})
    root = await packages.task_root(await packages.add(data, "build"))
    assert os.readlink(root / "bin/tool") == "../lib/tool.py"
    assert (root / "bin/tool").read_text() == "x = 1\n"


async def test_links_may_lead_through_links(packages: PackageStore) -> None:
    links: dict[str, str | bytes] = {"lib64": "lib", "now": "lib64/v1/../v1", "bin/f": "../now/f.py"}
    root = await packages.task_root(await packages.add(linked(links, {"lib/v1/f.py": "x"}), "build"))
    assert (root / "bin/f").read_text() == "x"


async def test_no_file_is_written_through_a_link(packages: PackageStore) -> None:
    await is_refused(packages, linked({"d": "e"}, {"d/file": "x"}))


@pytest.mark.parametrize("escape", ["esc", "pk/__pycache__", "a/esc"])
async def test_a_link_that_leaves_through_another_link_is_refused(
    packages: PackageStore, escape: str
) -> None:
    """Read as text, the path goes as deep as it goes up; but a/b/c/l is the package's root."""
    up = "../" * escape.count("/")
    for first, second in (("a/b/c/l", escape), (escape, "a/b/c/l")):
        targets = {"a/b/c/l": "../../..", escape: f"{up}a/b/c/l/../../.."}
        await is_refused(packages, linked({first: targets[first], second: targets[second]}))


async def test_a_link_that_leaves_through_another_spelling_of_a_link_is_refused(
    packages: PackageStore,
) -> None:
    """There are file systems that do not tell a from A."""
    await is_refused(packages, linked({"a/b/l": "../..", "esc": "A/B/L/../../x"}))


@pytest.mark.parametrize("links", [{"a": "b", "b": "a"}, {"a": "a/x"}, {"a": "b/b", "b": "a/a"}])
async def test_links_in_a_circle_are_refused(packages: PackageStore, links: dict[str, str | bytes]) -> None:
    await is_refused(packages, linked(links))


async def test_the_number_of_links_is_bounded(
    packages: PackageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "LINKS", 3)
    await is_refused(packages, linked({str(number): "x" for number in range(4)}))


async def test_the_compiler_follows_no_link(tmp_path: Path) -> None:
    root, outside = tmp_path / "task", tmp_path / "outside"
    for folder in (root / "pk", root / "file", root / "whole", outside):
        folder.mkdir(parents=True)
    (outside / "secret.py").write_text("x = 1\n")
    (root / "pk" / "a.py").write_text("x = 1\n")
    (root / "pk" / "__pycache__").symlink_to(outside)
    (root / "file" / "a.py").write_text("x = 1\n")
    (root / "file" / "__pycache__").write_text("not a directory")
    (root / "whole" / "a.py").write_text("x = 1\n")
    (root / "whole" / "link.py").symlink_to(outside / "secret.py")
    outside.chmod(0o700)
    await compile_package(sys.executable, root)
    assert [path.name for path in outside.iterdir()] == ["secret.py"]
    assert stat.S_IMODE(outside.stat().st_mode) == 0o700
    tag = sys.implementation.cache_tag
    assert [path.name for path in (root / "whole" / "__pycache__").iterdir()] == [f"a.{tag}.pyc"]
