"""The `noria` command."""

from __future__ import annotations

import time

STARTED_S = time.perf_counter()  # before the imports, which are most of what a start takes


def main() -> None:
    import noria.cli.function_commands  # noqa: F401  its commands become cli's
    from noria.cli.commands import cli

    cli(prog_name="noria")
