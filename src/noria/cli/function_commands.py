"""Commands for a function that is being worked on."""

from __future__ import annotations

from pathlib import Path

import click

from noria.cli.commands import cli, expanded, of_the_server, region_of


def _some_region(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    return None if value is None else region_of(ctx, parameter, value)


of_the_region = click.option(
    "--region", callback=_some_region, help="The function's region.  [default: the server's own]"
)


@cli.command()
@of_the_server
@of_the_region
@click.option("--function", "name", required=True, help="The function that runs from the folder.")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), callback=expanded)
def dev(data_dir: Path, region: str | None, name: str, directory: Path) -> None:
    """Run a function from DIRECTORY instead of the code that was deployed; what is saved there is in force
    with the next invocation. Ctrl-C ends it, and the deployed code is in force again.
    """
    from noria.cli.development import follow_folder

    follow_folder(data_dir, region, name, directory)


@cli.command()
@of_the_server
@of_the_region
@click.option(
    "--port", type=click.IntRange(0, 65535), default=5678, show_default=True,
    help="Port for the debugger on this machine; 0 takes a free one.",
)  # fmt: skip
@click.argument("name")
def debug(data_dir: Path, region: str | None, port: int, name: str) -> None:
    """Let the next invocation of the function NAME wait for a debugger, without a timeout."""
    from noria.cli.development import wait_for_debugger

    wait_for_debugger(data_dir, region, name, port)


@cli.command()
@of_the_server
@of_the_region
@click.option("-f", "--follow", is_flag=True, help="Go on with what is logged from now on; Ctrl-C ends it.")
@click.option(
    "--minutes", type=click.IntRange(0, 1_000_000), default=10, show_default=True,
    help="How far back to begin.",
)  # fmt: skip
@click.argument("name")
def logs(data_dir: Path, region: str | None, follow: bool, minutes: int, name: str) -> None:
    """Print what the function NAME has logged."""
    from noria.cli.development import print_logs

    print_logs(data_dir, region, name, minutes, follow=follow)
