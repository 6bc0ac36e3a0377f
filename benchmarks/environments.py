"""What environments cost: a large package made Active, a hundred of them at once."""

from __future__ import annotations

import io
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3

from benchmarks.contenders import BenchmarkError
from benchmarks.functions import create_function, create_role
from benchmarks.processes import children, pss_mb
from benchmarks.servers import Server

CROWD = 100
ANSWER = b'"' + b"x" * 10 + b'"'
BROUGHT = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3")  # as the exercise's does
SLOW = 'import time\n\n\ndef handler(event, context):\n    time.sleep(5)\n    return "xxxxxxxxxx"\n'


ECHO = "def echo(event, context):\n    return event\n"


def large_package(source: str = ECHO) -> bytes:
    """Some 15 MB in 2,000 files: a function with a boto3 of its own."""
    libraries = Path(boto3.__file__).parents[1]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("function.py", source)
        for name in BROUGHT:
            for path in sorted((libraries / name).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    opened.write(path, path.relative_to(libraries))
    return archive.getvalue()


def deploy_ms(server: Server, package: bytes) -> float:
    """From before `create_function` until the function is Active."""
    lambda_client, role_arn = server.client("lambda"), create_role(server)
    began_s = time.perf_counter()
    create_function(lambda_client, "large", "echo", role_arn, package)
    return (time.perf_counter() - began_s) * 1e3


def crowd(server: Server) -> tuple[float, float]:
    """(seconds until a hundred invocations of 5 s each are answered, MB of an idle environment)."""
    lambda_client = server.client("lambda")
    create_function(lambda_client, "slow", "handler", create_role(server), _zipped(SLOW))

    def invoke(_: int) -> None:
        answer: Any = lambda_client.invoke(FunctionName="slow")
        if answer["Payload"].read() != ANSWER:
            raise BenchmarkError("an environment of the crowd did not answer")

    began_s = time.perf_counter()
    with ThreadPoolExecutor(CROWD) as threads:
        list(threads.map(invoke, range(CROWD)))
    took_s = time.perf_counter() - began_s
    environments = [each for template in children(server.process.pid) for each in children(template)]
    if len(environments) != CROWD:
        raise BenchmarkError(f"{len(environments)} environments answered {CROWD} invocations at once")
    return took_s, sum(map(pss_mb, environments)) / CROWD


def _zipped(source: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("function.py", source)
    return archive.getvalue()
