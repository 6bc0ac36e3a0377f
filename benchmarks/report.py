"""From every round's figures to tables: medians with their spread, ratios, and the marks to reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal

import msgspec

# Contender → measure → one figure a round.
Results = Mapping[str, Mapping[str, Sequence[float]]]

OURS, PEER = "Noria", "MiniStack"
ORDER = (OURS, "Noria --ephemeral", PEER, "limit")


class Measure(msgspec.Struct, frozen=True):
    """mark: what Noria's median has to reach: an absolute figure, or with `against_peer` a ratio.

    peer_mark: a ratio that it has to reach beside an absolute mark.
    """

    key: str
    title: str
    unit: str
    meaning: str
    better: Literal["lower", "higher"] = "lower"
    mark: float | None = None
    against_peer: bool = False
    peer_mark: float | None = None


MEASURES = (
    Measure(
        "ready", "start: ready", "s", "from the process's start to the first 200 of its health path", mark=0.5
    ),
    Measure(
        "first_answer",
        "start: first answer",
        "s",
        "from the process's start until it has answered a CreateQueue that was sent as soon as it was ready"
        " (MiniStack is ready before it has loaded any service)",
    ),
    Measure(
        "idle",
        "memory: idle",
        "MB",
        "proportional set size (PSS) of the server and every process below it, 2 s after its start",
        mark=80,
    ),
    Measure(
        "one_function",
        "memory: one warm function",
        "MB",
        "the same once a queue has a message and one function has run; the function's own process included",
    ),
    Measure(
        "sends",
        "SendMessage, 32 connections",
        "/s",
        "acknowledged sends of 200 bytes; a single failure fails the run",
        better="higher",
        mark=8,
        against_peer=True,
    ),
    Measure(
        "send_cpu",
        "SendMessage, CPU",
        "µs",
        "CPU time of the server's processes for one of them; of all figures the least moved by other load",
    ),
    Measure("send_p50", "SendMessage, p50", "ms", "its latency, of those 32 at once"),
    Measure("send_p99", "SendMessage, p99", "ms", "its latency, of those 32 at once"),
    Measure(
        "warm_p50", "warm invoke, p50", "ms", "boto3's `invoke` of an echo function that has run", mark=2.5
    ),
    Measure("warm_p99", "warm invoke, p99", "ms", "the same", mark=8),
    Measure(
        "cold_p50",
        "cold invoke, p50",
        "ms",
        "boto3's first `invoke` of a new echo function that is Active; it says itself that it is cold",
        mark=25,
        peer_mark=8,
    ),
    Measure("cold_max", "cold invoke, slowest", "ms", "the same"),
    Measure(
        "deploy",
        "create a function from 15 MB",
        "ms",
        "from before boto3's `create_function`, with a zip of 2,000 files (a boto3 of its own), until it is"
        " Active",
        mark=400,
    ),
    Measure(
        "crowd",
        "100 environments at once",
        "s",
        "until a hundred simultaneous invocations that take 5 s each are answered, no environment being warm",
    ),
    Measure(
        "environment",
        "memory: an idle environment",
        "MB",
        "proportional set size of one of those hundred, all its processes",
        mark=12,
    ),
    Measure(
        "trigger_p50",
        "send to handler, p50",
        "ms",
        "from before boto3's `send_message` to the first line of the triggered handler, one message at a"
        " time on an idle queue, its environment warm",
        mark=5,
    ),
    Measure("trigger_p99", "send to handler, p99", "ms", "the same", mark=20),
    Measure(
        "drained",
        "trigger: batches of 10",
        "/s",
        "messages of 100 bytes that wait, through a consumer that only counts them, from the making of the"
        " mapping until the queue is empty; that each was handled once is checked (MiniStack gets a"
        " tenth of the messages)",
        better="higher",
        mark=8_000,
        peer_mark=5,
    ),
    Measure(
        "drained_large",
        "trigger: batches of 1,000",
        "/s",
        "the same with a window of 1 s, which the last batches wait for",
        better="higher",
        mark=20_000,
    ),
    Measure(
        "fifo",
        "trigger: FIFO, 1,000 groups",
        "/s",
        "messages that wait in a FIFO queue, in batches of 10; that each group's were handled in order, once"
        " each, is checked",
        better="higher",
        mark=3_000,
    ),
    Measure(
        "beside_idle",
        "trigger: beside 49 idle ones",
        "%",
        "how fast messages that are sent are handled, with 49 idle mappings beside, of the rate without them",
        better="higher",
        mark=95,
    ),
    Measure(
        "evaluations",
        "policy: 1,000,000 decisions",
        "s",
        "decisions of the evaluator about the exercise's role and queue, from its documents, nothing cached",
        mark=3,
    ),
)


def table(results: Results, *, verdicts: bool = True) -> str:
    """Markdown; measures without any figure are left out, as are contenders. verdicts: on the marks."""
    contenders = [name for name in ORDER if results.get(name)]
    ratio = [f"{OURS} : {PEER}"] if PEER in contenders else []
    lines = [
        _line(["", *contenders, *ratio, "mark"]),
        _line(["---", *(["---:"] * (len(contenders) + len(ratio) + 1))]),
    ]
    for measure in MEASURES:
        cells = [_cell(results[name].get(measure.key, ()), measure.unit) for name in contenders]
        if any(cells):
            ratios = [_ratio_cell(measure, results)] if ratio else []
            lines.append(_line([measure.title, *cells, *ratios, _mark_cell(measure, results, verdicts)]))
    return "\n".join(lines)


def meanings(results: Results) -> str:
    measured = {key for figures in results.values() for key in figures}
    return "\n".join(f"- **{m.title}** ({m.unit}): {m.meaning}." for m in MEASURES if m.key in measured)


def figure(value: float) -> str:
    """Three significant digits, and no more of them than a figure of this size has."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio_to_peer(measure: Measure, results: Results) -> float | None:
    """How many times better Noria's median is than the peer's; None where not both were measured."""
    ours = results.get(OURS, {}).get(measure.key)
    peers = results.get(PEER, {}).get(measure.key)
    if not ours or not peers:
        return None
    quotient = median(ours) / median(peers)
    return quotient if measure.better == "higher" else 1 / quotient


def reached(measure: Measure, results: Results) -> bool | None:
    """None: there is no mark, or nothing to hold against it."""
    ours = results.get(OURS, {}).get(measure.key)
    if measure.mark is None or not ours:
        return None
    ratio = ratio_to_peer(measure, results)
    if measure.against_peer:
        return None if ratio is None else ratio >= measure.mark
    if measure.peer_mark is not None and ratio is not None and ratio < measure.peer_mark:
        return False
    return median(ours) >= measure.mark if measure.better == "higher" else median(ours) < measure.mark


def _cell(figures: Sequence[float], unit: str) -> str:
    if not figures:
        return ""
    middle = f"{figure(median(figures))} {unit}"
    if len(figures) == 1:
        return middle
    return f"{middle} ({figure(min(figures))}–{figure(max(figures))})"


def _ratio_cell(measure: Measure, results: Results) -> str:
    ratio = ratio_to_peer(measure, results)
    return "" if ratio is None else f"{figure(ratio)} ×"


def _mark_cell(measure: Measure, results: Results, verdicts: bool) -> str:
    if measure.mark is None:
        return ""
    sign = "≥" if measure.better == "higher" else "<"
    wanted = f"≥ {measure.mark:g} ×" if measure.against_peer else f"{sign} {measure.mark:,g} {measure.unit}"
    if measure.peer_mark is not None:
        wanted += f", ≥ {measure.peer_mark:g} ×"
    if not verdicts:
        return wanted
    verdict = {True: "reached", False: "**missed**", None: "not measured"}[reached(measure, results)]
    return f"{wanted}: {verdict}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
