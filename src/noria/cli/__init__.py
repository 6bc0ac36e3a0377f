"""The `noria` command."""

from __future__ import annotations

import time

STARTED_S = time.perf_counter()  # before the imports, which are most of what a start takes


def main() -> None:
    from noria.cli.commands import cli

    cli(prog_name="noria")
