"""The `noria` command."""

from __future__ import annotations


def main() -> None:
    from noria.cli.commands import cli

    cli(prog_name="noria")
