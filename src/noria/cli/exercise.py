"""`noria activity25`: finds a server for the walk, or starts one of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from noria.activity25.walk import Walk, WalkError
from noria.cli import client, environment
from noria.data_dir import RunningServer, running_server

START_WITHIN_S = 20  # a start takes 0.5 s; a machine under load gets its time
STOP_WITHIN_S = 30


def run(data_dir: Path, messages: int, cleanup: bool) -> None:
    """Walk; raises ClickException (exit code 1) with what went wrong."""
    running = running_server(data_dir)
    with contextlib.nullcontext(running) if running else _own_server() as server:
        _aim_at(server)
        where = server.url if running else f"{server.url}, a server of its own that ends with the walk"
        click.secho(f"Activity 25 on {where}", bold=True)
        try:
            walk = Walk(boto3.Session(), messages)
            walk.run()
            if cleanup:
                walk.clean_up()
        except (WalkError, ClientError, BotoCoreError) as error:
            raise click.ClickException(str(error)) from error


def _aim_at(server: RunningServer) -> None:
    """What `noria env` does to a shell, to this process: the walk itself never names a server."""
    variables = environment.additions(server, client.root_credentials(server), os.environ)
    for name in environment.removals(os.environ):
        del os.environ[name]
    os.environ.update(variables)


@contextlib.contextmanager
def _own_server() -> Iterator[RunningServer]:
    with tempfile.TemporaryDirectory(prefix="noria-activity25-", ignore_cleanup_errors=True) as directory:
        data_dir, log_path = Path(directory, "data"), Path(directory, "log")
        command = [sys.executable, "-m", "noria.cli", "up", "--port", "0", "--data-dir", str(data_dir)]
        with log_path.open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield _await_start(process, data_dir, log_path)
        finally:
            process.terminate()
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_start(process: subprocess.Popen[bytes], data_dir: Path, log_path: Path) -> RunningServer:
    deadline_s = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline_s and process.poll() is None:
        server = running_server(data_dir)
        if server is not None:
            return server
        time.sleep(0.01)
    log = log_path.read_text(errors="replace").strip()
    raise click.ClickException(f"the walk's own server did not start:\n{log}")
