"""A disk that is full, and one that fails: errors and no lies, and service again when it is well."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.crash.histories import receive
from tests.support.aws import Aws
from tests.support.server import ServerProcess

DISK_MB = 100
BODY = "x" * 1_000_000
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits another process")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which takes root."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def _send(sqs: Any, url: str, number: int) -> str | None:
    """The body, if that was acknowledged; None if it was refused as it should be."""
    body = f"{number:06}" + BODY
    try:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
            raise
        return None
    return body[:6]


def _take(sqs: Any, url: str, most: int = 1_000) -> set[str]:
    """Receive and delete until nothing is left, or so many are taken."""
    taken: set[str] = set()
    while len(taken) < most and (messages := receive(sqs, url, WaitTimeSeconds=0)):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            taken.add(message["Body"][:6])
    return taken


def test_a_full_disk_refuses_sends_and_lets_consumers_make_room(small_disk: Path) -> None:
    with ServerProcess(small_disk / "data") as server:
        aws = Aws(server.client)
        url, _ = aws.queue()
        sent: set[str] = set()
        for number in range(DISK_MB):
            if (body := _send(aws.sqs, url, number)) is None:
                break
            sent.add(body)
        assert len(sent) < DISK_MB
        assert _send(aws.sqs, url, number) is None  # and it says so at once
        taken = _take(aws.sqs, url, most=10)
        server.kill()  # a full disk and a crash
        server.start()
        taken |= _take(aws.sqs, url)
        assert sent <= taken
        assert len(taken - sent) <= 1  # a send that failed may be there all the same
        assert [_send(aws.sqs, url, 900 + number) for number in range(10)] == [
            f"{900 + number:06}" for number in range(10)
        ]


def test_a_disk_that_fails_gives_errors_and_service_resumes_when_it_is_well(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        aws = Aws(server.client)
        url, _ = aws.queue()
        sent = {_send(aws.sqs, url, number) for number in range(3)}
        with _no_file_grows(server):
            refused = [_send(aws.sqs, url, number) for number in range(10, 40)]
            sent.update(refused)
            assert None in refused
        sent.update(_send(aws.sqs, url, number) for number in range(100, 105))
        assert {"000100", "000104"} <= sent
        server.kill()
        server.start()
        assert sent - {None} <= _take(aws.sqs, url)
        assert "a bug" not in server.output()


@contextlib.contextmanager
def _no_file_grows(server: ServerProcess) -> Iterator[None]:
    """Beyond what the WAL has: the kernel refuses to write there, as a failing disk does."""
    longest = (server.data_dir / "noria.db-wal").stat().st_size
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (longest, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, UNLIMITED)


def test_relaxed_durability_survives_the_servers_death(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--durability", "relaxed") as server:
        aws = Aws(server.client)
        url, _ = aws.queue()
        sent = {_send(aws.sqs, url, number) for number in range(20)}
        server.kill()
        server.start()
        assert "relaxed" in server.output()
        assert _take(aws.sqs, url) == sent
