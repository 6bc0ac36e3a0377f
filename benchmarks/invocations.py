"""Invocations: many at once, of a package that imports much, and of environments from a snapshot."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from statistics import median
from typing import Any

from benchmarks.contenders import LIMIT, BenchmarkError
from benchmarks.environments import large_package
from benchmarks.functions import create_function, create_role, wait_until
from benchmarks.load import Load, post_to
from benchmarks.servers import Server

CALLERS = 16
WARM_UP_S = 2
SAMPLES = 5
COMPILE_TIMEOUT_S = 60
SNAPSHOT_RUNTIME = "python3.12"
BUSY_S = 0.3  # how long the first environment has to do when a second one is needed
IMPORTING = "import boto3\n\n\ndef handler(event, context):\n    return boto3.__file__\n"
RESTORABLE = """\
import time

time.sleep(0.5)


def handler(event, context):
    time.sleep(event)
    return "xxxxxxxxxx"
"""


def warm_load(server: Server, seconds: int) -> Load:
    """An echo function that 16 callers invoke over and over."""
    if server.contender is not LIMIT:
        create_function(server.client("lambda"), "echo", "echo", create_role(server))
    path = "/2015-03-31/functions/echo/invocations"

    def load(seconds: int) -> Load:
        return post_to(server, "lambda", path, b'{"number": 1}', connections=CALLERS, seconds=seconds)

    load(WARM_UP_S)
    return load(seconds)


def importing(server: Server) -> tuple[float, float]:
    """(ms of a cold invoke of a function that imports the boto3 of its package, ms of that import alone)."""
    package = large_package(IMPORTING)
    lambda_client, role_arn = server.client("lambda"), create_role(server)
    create_function(lambda_client, "importing", "handler", role_arn, package)
    _compiled(server, lambda_client)
    cold_ms = []
    for number in range(SAMPLES):  # a new environment for each: what is updated is not reused
        lambda_client.update_function_configuration(FunctionName="importing", Description=str(number))
        _updated(lambda_client, "importing")
        cold_ms.append(_invoke_ms(lambda_client, "importing", None))
    return median(cold_ms), bare_import_ms(package)


def _compiled(server: Server, lambda_client: Any) -> None:
    """The background is done with the package: its modules are compiled."""
    _invoke_ms(lambda_client, "importing", None)
    folder = next(server.directory.glob("code/*/task"))
    modules = sum(1 for _ in folder.rglob("*.py"))
    deadline_s = time.monotonic() + COMPILE_TIMEOUT_S
    while sum(1 for _ in folder.rglob("*.pyc")) < modules:
        if time.monotonic() > deadline_s:
            raise BenchmarkError("the package is not compiled")
        time.sleep(0.1)


def bare_import_ms(package: bytes) -> float:
    """What the same import costs in a bare interpreter, its modules compiled."""
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(package)).extractall(folder)
        code = f"import sys, time; sys.path.insert(0, {folder!r}); b = time.perf_counter(); import function; "
        code += "print(time.perf_counter() - b)"
        command = [sys.executable, "-I", "-c", code]

        def once() -> float:
            done = subprocess.run(command, check=True, capture_output=True, cwd=folder)
            return float(done.stdout) * 1e3

        once()  # which compiles
        return median(once() for _ in range(SAMPLES))


def restored(server: Server) -> float:
    """ms of an invocation that needs a second environment of a SnapStart version, beside an idle one's."""
    lambda_client = server.client("lambda")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("function.py", RESTORABLE)
    role_arn = create_role(server)
    lambda_client.create_function(
        FunctionName="restored",
        Runtime=SNAPSHOT_RUNTIME,
        Handler="function.handler",
        Role=role_arn,
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
        SnapStart={"ApplyOn": "PublishedVersions"},
    )
    _updated(lambda_client, "restored")
    samples_ms = []
    for number in range(SAMPLES):
        lambda_client.update_function_configuration(FunctionName="restored", Description=str(number))
        _updated(lambda_client, "restored")
        version = lambda_client.publish_version(FunctionName="restored")["Version"]
        name = f"restored:{version}"
        _active(lambda_client, name)
        _invoke_ms(lambda_client, name, 0)
        first = threading.Thread(target=_invoke_ms, args=(server.client("lambda"), name, BUSY_S))
        first.start()
        time.sleep(BUSY_S / 3)
        samples_ms.append(_invoke_ms(lambda_client, name, 0))
        first.join()
    return median(samples_ms)


def _active(lambda_client: Any, name: str) -> None:
    def is_active() -> bool:
        state: str = lambda_client.get_function_configuration(FunctionName=name)["State"]
        return state == "Active"

    wait_until(is_active, f"{name} to be Active")


def _updated(lambda_client: Any, name: str) -> None:
    def is_updated() -> bool:
        answer = lambda_client.get_function_configuration(FunctionName=name)
        return (answer["State"], answer.get("LastUpdateStatus")) == ("Active", "Successful")

    wait_until(is_updated, f"{name} to be updated")


def _invoke_ms(lambda_client: Any, name: str, event: object) -> float:
    began_s = time.perf_counter()
    answer = lambda_client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
    document = answer["Payload"].read()
    took_ms = (time.perf_counter() - began_s) * 1e3
    if "FunctionError" in answer:
        raise BenchmarkError(f"the function failed: {document.decode(errors='replace')}")
    return took_ms
