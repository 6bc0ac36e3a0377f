"""`noria up`: one server in the foreground, from its start to its graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import msgspec
import uvloop

from noria import __version__
from noria.app import App, StartError
from noria.cli import STARTED_S
from noria.clock import SystemClock
from noria.config import Settings, default_data_dir
from noria.data_dir import RunningServer, publish_server, published_server, running_server

OPEN_FILES = 65_536  # 10,000 connections, and six for each of 1,000 execution environments, several times
EXIT_CANNOT_START = 2
EXIT_AT_ONCE = 130  # what shells report for a process that Ctrl-C ended


def serve(settings: Settings) -> int:
    """Run until SIGINT or SIGTERM. The exit code: 0, or 2 where the server cannot start."""
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    _warn(settings)
    _raise_file_limit()
    found_at = settings.data_dir
    with contextlib.ExitStack() as stack:
        if settings.ephemeral:
            settings = msgspec.structs.replace(settings, data_dir=stack.enter_context(_temporary_dir()))

        def ready(url: str) -> None:
            if settings.ephemeral:
                server = RunningServer(url, settings.region, os.getpid(), str(settings.data_dir))
                stack.enter_context(_findable(found_at, server))
            click.echo(readiness(settings, found_at, url, time.perf_counter() - STARTED_S))

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(settings, ready, stack.close))
        except StartError as error:
            click.secho(f"noria: {error}", fg="red", err=True)
            return EXIT_CANNOT_START
    return 0


async def _serve(settings: Settings, ready: Callable[[str], None], tidy: Callable[[], None]) -> None:
    stopping = asyncio.Event()

    def on_signal() -> None:
        if stopping.is_set():
            tidy()
            os._exit(EXIT_AT_ONCE)
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    app = App(settings, clock=SystemClock())
    await app.start()
    try:
        ready(app.url)
        # What a server is made of stays as long as it does: without it, a full collection takes microseconds
        # instead of the 6 ms that a request would have to wait now and then.
        gc.collect()
        gc.freeze()
        await stopping.wait()
        click.echo("Stopping: running invocations finish first. Once more stops at once.", err=True)
    finally:
        await app.stop()


@contextlib.contextmanager
def _temporary_dir() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="noria-"))
    try:
        yield path
    finally:
        # What is left behind by an environment that is just being killed must not fail the exit.
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _findable(directory: Path, server: RunningServer) -> Iterator[None]:
    """An ephemeral server leaves word where clients look, unless another server is found there already."""
    if running_server(directory) is not None:
        yield
        return
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        publish_server(directory, server)
    except OSError as error:
        logging.getLogger(__name__).warning("cannot leave word in %s: %s", directory, error.strerror)
    try:
        yield
    finally:
        if published_server(directory) == server:
            (directory / "server.json").unlink(missing_ok=True)


def readiness(settings: Settings, found_at: Path, url: str, took_s: float) -> str:
    """What `noria up` says when it is ready. found_at: the directory where other commands look for it."""
    found = running_server(found_at)
    if found is None or found.url != url:
        found_at = settings.data_dir
    option = "" if found_at == default_data_dir() else f" --data-dir {found_at}"
    data = "in memory, gone when the server stops" if settings.ephemeral else str(settings.data_dir)
    if settings.durability == "relaxed" and not settings.ephemeral:
        data += " (relaxed: a power loss may cost the last second)"
    auth = (
        "every signature is verified and every policy evaluated"
        if settings.auth == "enforce"
        else "ANY key is accepted and NO policy is evaluated"
    )
    env = f'eval "$(noria env{option})"'
    return "\n".join(
        [
            f"Noria {__version__} is ready on {url} ({took_s:.2f} s)",
            f"  data     {data}",
            f"  account  {settings.account}, region {settings.region}",
            f"  auth     {settings.auth}: {auth}",
            "Next, in another terminal:",
            f"  {env}",
            "  aws sqs list-queues",
            f"  noria activity25{option}",
        ]
    )


def _warn(settings: Settings) -> None:
    if not is_loopback(settings.host):
        what = "run code on this machine" if settings.auth == "permissive" else "try its keys"
        click.secho(
            f"Warning: {settings.host} is not a loopback address: whoever reaches this machine can {what}, "
            "and traffic is not encrypted.",
            fg="yellow",
            err=True,
        )
    if settings.auth == "permissive":
        click.secho(
            "Warning: --auth permissive: any key is accepted (a 12-digit key id is the account), "
            "no policy is evaluated.",
            fg="yellow",
            err=True,
        )


def _raise_file_limit() -> None:
    """As far as the system lets us: every connection and every execution environment needs open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Not fatal: systems with a lower ceiling than they say refuse it.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
