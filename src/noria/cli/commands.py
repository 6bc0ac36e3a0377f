"""Commands and their options. What a command needs beyond click is imported when it runs."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from noria import __version__
from noria.config import (
    DEFAULT_ACCOUNT,
    DEFAULT_HOST,
    DEFAULT_LOG_STORAGE_MB,
    DEFAULT_PORT,
    DEFAULT_REGION,
    AuthMode,
    Durability,
    IsolationMode,
    Settings,
    default_data_dir,
)

COMMAND_NOT_FOUND = 127  # what shells say
COMMAND_NOT_EXECUTABLE = 126

# Everything after the first argument is the command's own.
PASS_THROUGH = {"ignore_unknown_options": True, "allow_interspersed_args": False}

Command = TypeVar("Command", bound=Callable[..., Any])


def expanded(_ctx: click.Context, _parameter: click.Parameter, value: Path) -> Path:
    return value.expanduser().absolute()


def _account(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"\d{12}", value, re.ASCII):
        raise click.BadParameter(f"{value!r} is not an account: 12 digits")
    return value


def region_of(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d{1,2}", value, re.ASCII):
        raise click.BadParameter(f"{value!r} is not a region, such as {DEFAULT_REGION}")
    return value


def data_dir_option(text: str) -> Callable[[Command], Command]:
    return click.option(
        "--data-dir",
        envvar="NORIA_DATA_DIR",
        show_envvar=True,
        type=click.Path(file_okay=False, path_type=Path),
        default=default_data_dir,
        show_default="~/.local/share/noria",
        callback=expanded,
        help=text,
    )


of_the_server = data_dir_option("The data directory of the server to talk to.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="noria %(version)s")
def cli() -> None:
    """AWS queues, functions, permissions and logs, for real, on your own machine."""


@cli.command()
@click.option(
    "--port", envvar="NORIA_PORT", show_envvar=True, type=click.IntRange(0, 65535), default=DEFAULT_PORT,
    show_default=True, help="Port to listen on; 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--host", envvar="NORIA_HOST", show_envvar=True, default=DEFAULT_HOST, show_default=True,
    help="Address to listen on.",
)  # fmt: skip
@data_dir_option("Where everything is kept. One server at a time.")
@click.option(
    "--ephemeral", envvar="NORIA_EPHEMERAL", show_envvar=True, is_flag=True,
    help="Keep nothing: all in memory and a temporary directory, gone when the server stops.",
)  # fmt: skip
@click.option(
    "--durability", envvar="NORIA_DURABILITY", show_envvar=True, type=click.Choice(["full", "relaxed"]),
    default="full", show_default=True,
    help="full: what is acknowledged is on disk. relaxed: it survives the server's death, and a power loss "
    "from a second on.",
)  # fmt: skip
@click.option(
    "--account", envvar="NORIA_ACCOUNT", show_envvar=True, default=DEFAULT_ACCOUNT, show_default=True,
    callback=_account, help="Account of the root credentials.",
)  # fmt: skip
@click.option(
    "--region", envvar="NORIA_REGION", show_envvar=True, default=DEFAULT_REGION, show_default=True,
    callback=region_of, help="Region that `noria env` sets. Requests choose theirs.",
)  # fmt: skip
@click.option(
    "--auth", envvar="NORIA_AUTH", show_envvar=True, type=click.Choice(["enforce", "permissive"]),
    default="enforce", show_default=True,
    help="enforce: verify every signature, evaluate every policy. permissive: accept any key, skip policies.",
)  # fmt: skip
@click.option(
    "--log-level", envvar="NORIA_LOG_LEVEL", show_envvar=True,
    type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True,
    help="How much of the server's own log goes to standard error.",
)  # fmt: skip
@click.option(
    "--strict-runtimes", envvar="NORIA_STRICT_RUNTIMES", show_envvar=True, is_flag=True,
    help="Refuse a function whose exact interpreter is missing, instead of running the nearest.",
)  # fmt: skip
@click.option(
    "--eventual-rules/--no-eventual-rules", envvar="NORIA_EVENTUAL_RULES", show_envvar=True, default=True,
    show_default=True,
    help="Make clients wait as AWS does: 60 s between purges of a queue, and before "
    "the name of a deleted one can be used again.",
)  # fmt: skip
@click.option(
    "--open-metrics", envvar="NORIA_OPEN_METRICS", show_envvar=True, is_flag=True,
    help="Let whoever reaches the server read /metrics (Prometheus) without a signature.",
)  # fmt: skip
@click.option(
    "--isolation", envvar="NORIA_ISOLATION", show_envvar=True,
    type=click.Choice(["auto", "namespaces", "landlock", "none"]), default="auto", show_default=True,
    help="What keeps functions from each other and from you. auto: the strongest that this machine allows.",
)  # fmt: skip
@click.option(
    "--log-storage-mb", envvar="NORIA_LOG_STORAGE_MB", show_envvar=True, type=click.IntRange(16),
    default=DEFAULT_LOG_STORAGE_MB, show_default=True,
    help="Log events kept, in MB: beyond it the largest group loses its oldest.",
)  # fmt: skip
def up(
    port: int,
    host: str,
    data_dir: Path,
    ephemeral: bool,
    durability: Durability,
    account: str,
    region: str,
    auth: AuthMode,
    log_level: str,
    strict_runtimes: bool,
    eventual_rules: bool,
    open_metrics: bool,
    isolation: IsolationMode,
    log_storage_mb: int,
) -> None:
    """Start the server, in the foreground. Ctrl-C stops it gracefully."""
    from noria.cli.up import serve

    settings = Settings(
        data_dir=data_dir,
        host=host,
        port=port,
        ephemeral=ephemeral,
        durability=durability,
        account=account,
        region=region,
        auth=auth,
        log_level=log_level,
        strict_runtimes=strict_runtimes,
        eventual_rules=eventual_rules,
        open_metrics=open_metrics,
        isolation=isolation,
        log_storage_mb=log_storage_mb,
    )
    sys.exit(serve(settings))


@cli.command()
@of_the_server
@click.option(
    "--format", "shell", type=click.Choice(["bash", "fish", "json"]), default="bash", show_default=True,
    help="bash is right for every shell of the Bourne family.",
)  # fmt: skip
def env(data_dir: Path, shell: str) -> None:
    """Print what makes AWS's tools talk to the server.

    \b
    bash, zsh, sh:  eval "$(noria env)"
    fish:           noria env --format fish | source
    """
    from noria.cli import client, environment

    server = client.find_server(data_dir)
    variables = environment.additions(server, client.root_credentials(server), os.environ)
    render = {"bash": environment.as_bash, "fish": environment.as_fish, "json": environment.as_json}[shell]
    click.echo(render(variables, environment.removals(os.environ)))


@cli.command("exec", context_settings=PASS_THROUGH)
@of_the_server
@click.argument(
    "command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND [ARGUMENT]..."
)
def exec_(data_dir: Path, command: tuple[str, ...]) -> None:
    """Run a command against the server; its exit code is passed on."""
    _exec(data_dir, command)


@cli.command(context_settings=PASS_THROUGH)
@of_the_server
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def aws(data_dir: Path, arguments: tuple[str, ...]) -> None:
    """Run the `aws` command against the server: noria aws sqs list-queues."""
    beside_us = Path(sys.executable).with_name("aws")
    found = shutil.which("aws") or (str(beside_us) if beside_us.is_file() else None)
    if found is None:
        click.echo(
            "noria: there is no `aws` command here. Install it with: pip install 'noria[aws]'", err=True
        )
        sys.exit(COMMAND_NOT_FOUND)
    _exec(data_dir, (found, *arguments))


@cli.command()
@of_the_server
@click.option("--json", "as_json", is_flag=True, help="Print the server's answer as it is.")
def status(data_dir: Path, as_json: bool) -> None:
    """Show the server's health, queues with depths, functions and triggers."""
    import json

    from noria.cli import client, report

    answer = client.call(client.find_server(data_dir), "GET", "/_noria/status")
    click.echo(json.dumps(answer, indent=2) if as_json else report.status(answer))


@cli.command()
@of_the_server
@click.option("--json", "as_json", is_flag=True, help="Print the server's answer as it is.")
@click.argument("request_id", required=False, default="")
def explain(data_dir: Path, as_json: bool, request_id: str) -> None:
    """Show why a request was denied, or allowed: every statement that had a say, and what did not match.

    Without REQUEST_ID: the last denials, the newest first.
    """
    import json
    from urllib.parse import quote

    from noria.cli import client, report

    path = f"/_noria/explain/{quote(request_id, safe='')}".rstrip("/")
    answer = client.call(client.find_server(data_dir), "GET", path)
    render = report.explanation if request_id else report.denials
    click.echo(json.dumps(answer, indent=2) if as_json else render(answer))


@cli.command("suggest-policy")
@of_the_server
@click.option("--role", help="The role whose calls count.")
@click.option("--user", help="The user whose calls count.")
def suggest_policy(data_dir: Path, role: str | None, user: str | None) -> None:
    """Print the smallest policy that covers what a role or a user really called."""
    import json
    from urllib.parse import quote

    from noria.cli import client

    if (role is None) == (user is None):
        raise click.UsageError("Give --role or --user.")
    identity = f"role/{role}" if role is not None else f"user/{user}"
    answer = client.call(client.find_server(data_dir), "GET", f"/_noria/suggest-policy/{quote(identity)}")
    for call in answer["denied"]:
        click.echo(f"left out, since it was denied: {call['action']} on {call['resource']}", err=True)
    if answer["policy"] is None:
        raise click.ClickException(f"no call of {identity} is known that was allowed")
    click.echo(json.dumps(answer["policy"], indent=4))


@cli.command()
@of_the_server
@click.option("--account", callback=_account, help="The account to empty.  [default: the server's own]")
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def reset(data_dir: Path, account: str | None, yes: bool) -> None:
    """Empty an account, for the next test: queues, functions, triggers, roles, policies, logs."""
    from noria.cli import client

    server = client.find_server(data_dir)
    target = account or client.root_credentials(server).account
    if not yes and sys.stdin.isatty():
        click.confirm(f"Delete everything in account {target} on {server.url}?", abort=True)
    answer = client.call(server, "POST", "/_noria/reset", {"account": target})
    click.echo(f"Account {answer['account']} is empty.")


@cli.command()
@of_the_server
@click.option(
    "--messages", type=click.IntRange(1, 10_000), default=10, show_default=True,
    help="How often the producer is invoked.",
)  # fmt: skip
@click.option("--cleanup", is_flag=True, help="Delete everything that the walk made, at its end.")
def activity25(data_dir: Path, messages: int, cleanup: bool) -> None:
    """Walk through Activity 25, the producer/consumer exercise, in its eight steps.

    An ordinary client of the public AWS APIs: against the running server, or against one of its own,
    which is gone afterwards, if none runs. At the end it proves that every message was consumed.
    """
    from noria.cli.exercise import run

    run(data_dir, messages, cleanup)


@cli.group()
def runtimes() -> None:
    """Interpreters that functions run on."""


@runtimes.command("list")
def list_runtimes() -> None:
    """Show which interpreter runs which runtime."""
    import asyncio

    import msgspec

    from noria.cli import report
    from noria.services.lambda_.runtimes import Runtimes

    async def look() -> list[dict[str, Any]]:
        found = Runtimes()
        await found.start()
        return [msgspec.to_builtins(row) for row in await found.report()]

    click.echo(report.runtimes(asyncio.run(look())))


@runtimes.command("install")
@click.argument("version", metavar="VERSION")
def install_runtime(version: str) -> None:
    """Install a runtime's libraries for the machine's own Python VERSION, such as 3.12, or for nodejs."""
    import asyncio

    from noria.services.lambda_.libraries import InstallError, install, install_node_modules

    name = version if version == "nodejs" else f"python{version.removeprefix('python')}"
    try:
        path = asyncio.run(
            install_node_modules() if name == "nodejs" else install(name.removeprefix("python"))
        )
    except InstallError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{name} is ready: {path}")


def _exec(data_dir: Path, command: tuple[str, ...]) -> None:
    from noria.cli import client, environment

    server = client.find_server(data_dir)
    added = environment.additions(server, client.root_credentials(server), os.environ)
    command = environment.with_endpoint(command, server)
    try:
        os.execvpe(command[0], command, environment.applied(added, os.environ))
    except FileNotFoundError:
        click.echo(f"noria: {command[0]}: command not found", err=True)
        sys.exit(COMMAND_NOT_FOUND)
    except OSError as error:
        click.echo(f"noria: {command[0]}: {error.strerror}", err=True)
        sys.exit(COMMAND_NOT_EXECUTABLE)
