"""Step 1: the producer's package, built in a virtual environment as the exercise says, and kept."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import msgspec

# The list of the exercise's `zip -r`. dateutil also needs six, which is not in it: Lambda's Python runtimes
# carry six beside their own boto3, and so do Noria's.
ENTRIES = ("producer.py", "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3")

UPLOAD_LIMIT_BYTES = 50 * 1024 * 1024  # Lambda's limit for a package that is uploaded directly
INSTALL_TIMEOUT_S = 300
# pip then compiles modules so that their validity hangs on content, not on times that unpacking may change.
REPRODUCIBLE = {"SOURCE_DATE_EPOCH": "315532800"}


class PackageError(Exception):
    """The package cannot be built; the text is for the user."""


class Package(msgspec.Struct, frozen=True):
    """path: of the zip. boto3_version: that it holds. cached: whether it was there already."""

    path: Path
    boto3_version: str
    cached: bool


def source(name: str) -> str:
    """The source of one of the exercise's functions."""
    return (resources.files("noria.activity25") / "functions" / f"{name}.py").read_text()


def single_file(name: str, text: str) -> bytes:
    """A zip with one module, as Lambda's console makes it of code that was typed in."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.external_attr = 0o644 << 16  # readable whoever the function runs as
        archive.writestr(info, text)
    return buffer.getvalue()


def producer_package(cache: Path, before_build: Callable[[], None]) -> Package:
    """The zip from the cache, or a new one, which takes some seconds. Raises PackageError."""
    digest = hashlib.sha256(source("producer").encode()).hexdigest()[:12]
    path = cache / "activity25" / f"python3.{sys.version_info.minor}-{digest}" / "producer.zip"
    cached = path.is_file()
    if not cached:
        before_build()
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="build-") as directory:
            _build(Path(directory)).replace(path)
    return Package(path, _boto3_version(path), cached)


def _build(directory: Path) -> Path:
    environment = directory / "venv"
    _run([sys.executable, "-m", "venv", str(environment)], "the virtual environment cannot be made")
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "boto3"]
    _run(pip, "boto3 cannot be installed (this needs the network once, then the package is kept)")
    site_packages = next((environment / "lib").glob("python*/site-packages"))
    (site_packages / "producer.py").write_text(source("producer"))
    path = directory / "producer.zip"
    _zip(path, site_packages)
    size_bytes = path.stat().st_size
    if size_bytes > UPLOAD_LIMIT_BYTES:
        raise PackageError(
            f"producer.zip has {size_bytes} bytes, more than Lambda takes: {UPLOAD_LIMIT_BYTES}"
        )
    return path


def _run(command: list[str], failure: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | REPRODUCIBLE
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PackageError(f"{failure}: no end after {INSTALL_TIMEOUT_S} s") from error
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise PackageError(f"{failure}:\n  " + "\n  ".join(lines[-3:]))


def _zip(path: Path, site_packages: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in ENTRIES:
            below = site_packages / entry
            files = sorted(below.rglob("*")) if below.is_dir() else [below]
            for file in files:
                if file.is_file():
                    archive.write(file, file.relative_to(site_packages))


def _boto3_version(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        found = re.search(r'^__version__ = "?\'?([0-9.]+)', archive.read("boto3/__init__.py").decode(), re.M)
    return found[1] if found else "?"
