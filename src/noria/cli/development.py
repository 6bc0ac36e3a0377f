"""`noria dev`, `noria debug`, `noria logs`: while a function is being worked on."""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError

from noria.cli import client
from noria.data_dir import RunningServer

RENEW_EVERY_S = 2.0  # the server forgets a folder, or a debugger, that is not spoken of for ten
LOOK_EVERY_S = 0.2
# A change is told once nothing else has changed for a step: an editor writes a file in several.
STEP_MS, WATCH_MS = 10, 100
LATE_MS = 5_000  # an event may be logged after a later one
REMEMBERED = 10_000  # events that may come again for that reason

IGNORED = ("__pycache__", ".git", ".hg", ".idea", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv")


@contextlib.contextmanager
def _until_interrupted() -> Iterator[None]:
    """Ctrl-C, or SIGTERM, is how these commands end."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        click.echo()
    finally:
        signal.signal(signal.SIGTERM, before)


def _ask(server: RunningServer, region: str | None, what: str, document: dict[str, Any]) -> dict[str, Any]:
    return client.call(server, "POST", f"/_noria/development/{what}", document, region)


def follow_folder(data_dir: Path, region: str | None, name: str, directory: Path) -> None:
    from watchfiles import DefaultFilter, watch

    server = client.find_server(data_dir)
    told_s = 0.0
    changes = -1
    watching = watch(
        directory,
        watch_filter=DefaultFilter(ignore_dirs=IGNORED),
        step=STEP_MS,
        rust_timeout=WATCH_MS,
        yield_on_timeout=True,
    )
    with _until_interrupted():
        try:
            for changed in watching:  # for the first time when it watches, so that no change is missed
                if not changed and time.monotonic() - told_s < RENEW_EVERY_S:
                    continue
                asked = {"function": name, "folder": str(directory), "changed": bool(changed)}
                answer = _ask(server, region, "use-folder", asked)
                told_s = time.monotonic()
                if changes < 0:
                    click.echo(f"{name} runs from {directory}. Ctrl-C ends it.")
                elif answer["changes"] != changes:
                    click.echo(f"{time.strftime('%H:%M:%S')} {_names(changed, directory)}: in force")
                changes = answer["changes"]
        finally:
            if changes >= 0:
                _ask(server, region, "leave-folder", {"function": name})
    click.echo(f"{name} runs the code that was deployed.")


def _names(changed: set[tuple[Any, str]], directory: Path) -> str:
    names = sorted({str(Path(path).relative_to(directory)) for _, path in changed})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def wait_for_debugger(data_dir: Path, region: str | None, name: str, port: int) -> None:
    server = client.find_server(data_dir)
    texts = {"invoked": f"{name} was invoked and waits.", "attached": "The debugger is attached."}
    with _until_interrupted():
        begun = _ask(server, region, "begin-debugging", {"function": name, "port": port})
        try:
            click.echo(
                f"The next invocation of {name} waits for a debugger at {begun['host']}:{begun['port']}."
            )
            click.echo("In VS Code's launch.json, with the function's folder open:\n" + _launch(begun))
            click.echo("Callers have timeouts of their own: aws lambda invoke --cli-read-timeout 0 …")
            shown = "idle"
            while shown != "ended":
                state = _ask(server, region, "look-at-debugging", {"function": name})["state"]
                if state != shown and state in texts:
                    click.echo(texts[state])
                shown = state
                time.sleep(LOOK_EVERY_S)
        finally:
            _ask(server, region, "end-debugging", {"function": name})
    click.echo("Debugging has ended.")


def _launch(begun: dict[str, Any]) -> str:
    configuration = {
        "name": "noria debug",
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": begun["host"], "port": begun["port"]},
        "pathMappings": [{"localRoot": "${workspaceFolder}", "remoteRoot": begun["task_root"]}],
    }
    return json.dumps(configuration, indent=4)


def print_logs(data_dir: Path, region: str | None, name: str, minutes: int, *, follow: bool) -> None:
    server = client.find_server(data_dir)
    try:
        function = client.aws_client(server, "lambda", region).get_function_configuration(FunctionName=name)
    except ClientError as error:
        raise click.ClickException(error.response["Error"]["Message"]) from error
    logs = client.aws_client(server, "logs", region)
    group = function["LoggingConfig"]["LogGroup"]
    since_ms = int(time.time() * 1000) - minutes * 60_000
    seen: deque[str] = deque(maxlen=REMEMBERED)
    with _until_interrupted():
        while True:
            for event in _events(logs, group, since_ms):
                if event["eventId"] not in seen:
                    seen.append(event["eventId"])
                    since_ms = max(since_ms, event["timestamp"] - LATE_MS)
                    click.echo(f"{_time(event['timestamp'])} {event['message'].rstrip()}")
            if not follow:
                break
            time.sleep(LOOK_EVERY_S)


def _events(logs: Any, group: str, since_ms: int) -> Iterator[dict[str, Any]]:
    """None where nothing was ever logged."""
    try:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_ms):
            yield from page["events"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise click.ClickException(error.response["Error"]["Message"]) from error


def _time(ms: int) -> str:
    return f"{time.strftime('%H:%M:%S', time.localtime(ms / 1000))}.{ms % 1000:03d}"
