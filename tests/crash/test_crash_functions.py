"""Killed while functions are created and updated: every function that there is, runs."""

from __future__ import annotations

import io
import time
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

from tests.crash.load import Load, seeded
from tests.support.aws import Aws, eventually
from tests.support.server import ServerProcess

KILLS = 8
LIFE_S = (0.02, 0.3)
FILES = 300  # unpacking takes long enough to be hit


def test_kills_during_deployments_leave_functions_that_run(tmp_path: Path) -> None:
    moments = seeded()
    data_dir = tmp_path / "data"
    with ServerProcess(data_dir) as server:
        aws = Aws(server.client)
        role = aws.role()
        for round_number in range(KILLS):
            deployments = _Deployments(server.client("lambda"), role, f"r{round_number}")
            load = Load()
            load.run(deployments.create)
            load.run(deployments.update)
            time.sleep(moments.uniform(*LIFE_S))
            server.kill()
            load.stop()
            server.start()
            assert load.failures == []
            deployments.check(aws)
        server.stop()
        server.start()
        assert aws.functions.list_functions()["Functions"] == []
        assert list((data_dir / "code").iterdir()) == [], "packages of functions that are gone"
        assert list((data_dir / "tmp").iterdir()) == [], "files of environments that are gone"


class _Deployments:
    """Functions, each of which answers its code's version; and which versions each may be at."""

    def __init__(self, functions: Any, role: str, prefix: str) -> None:
        self._functions = functions
        self._role = role
        self._prefix = prefix
        self._acknowledged: dict[str, str] = {}
        self._possible: dict[str, set[str]] = {}  # the acknowledged version, and what was tried since

    def create(self, number: int) -> None:
        name = f"{self._prefix}-{number}"
        self._possible[name] = {"created"}
        self._functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=self._role,
            Handler="app.handler",
            Code={"ZipFile": _package("created")},
        )
        self._acknowledged[name] = "created"

    def update(self, number: int) -> None:
        if not self._acknowledged:
            time.sleep(0.001)
            return
        name, version = list(self._acknowledged)[-1], f"update {number}"
        self._possible[name].add(version)
        try:
            self._functions.update_function_code(FunctionName=name, ZipFile=_package(version))
        except self._functions.exceptions.ResourceConflictException:  # still being created or updated
            self._possible[name].discard(version)
            return
        self._acknowledged[name] = version
        self._possible[name] = {version}

    def check(self, aws: Aws) -> None:
        """After the restart; leaves no function."""
        pages = aws.functions.get_paginator("list_functions").paginate()
        listed = {function["FunctionName"] for page in pages for function in page["Functions"]}
        assert self._acknowledged.keys() <= listed <= self._possible.keys()
        for name in sorted(listed):
            eventually(partial(_settled, aws, name), f"{name} settled")
            answer, version = aws.invoke(name)
            assert "FunctionError" not in answer, version
            assert version in self._possible[name]
            aws.functions.delete_function(FunctionName=name)


def _settled(aws: Aws, name: str) -> bool:
    configuration = aws.functions.get_function_configuration(FunctionName=name)
    state, update = configuration["State"], configuration.get("LastUpdateStatus")  # none while Pending
    return (state, update) == ("Active", "Successful")


def _package(version: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(FILES):
            archive.writestr(f"data/{number}.txt", "x" * 1000)
        archive.writestr("app.py", f"def handler(event, context):\n    return {version!r}\n")
    return buffer.getvalue()
