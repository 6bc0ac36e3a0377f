"""From every round's figures to tables: medians with their spread, ratios, and the marks to reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.contenders import EPHEMERAL, EVERYBODY, NORIA
from benchmarks.measures import MEASURES, TABLES, Mark, Measure

# Contender → measure → one figure a round.
Results = Mapping[str, Mapping[str, Sequence[float]]]

OURS = (NORIA.name, EPHEMERAL.name)


def tables(results: Results, *, verdicts: bool = True) -> str:
    """Markdown; tables and rows without any figure are left out. verdicts: on the marks."""
    measured = {key for figures in results.values() for key in figures}
    return "\n\n".join(
        f"### {title}\n\n{table(measures, results, verdicts=verdicts)}"
        for title, measures in TABLES.items()
        if any(measure.key in measured for measure in measures)
    )


def table(measures: Sequence[Measure], results: Results, *, verdicts: bool = True) -> str:
    """Rows and columns without any figure are left out."""
    rows = [m for m in measures if any(figures.get(m.key) for figures in results.values())]
    contenders = [c.name for c in EVERYBODY if any(results.get(c.name, {}).get(m.key) for m in rows)]
    lines = [
        _line(["", *contenders, "mark"]),
        _line(["---", *(["---:"] * (len(contenders) + 1))]),
    ]
    for measure in rows:
        cells = [_cell(measure, name, results) for name in contenders]
        lines.append(_line([measure.title, *cells, _mark_cell(measure, results, verdicts)]))
    return "\n".join(lines)


def meanings(results: Results) -> str:
    measured = {key for figures in results.values() for key in figures}
    return "\n".join(f"- **{m.title}** ({m.unit}): {m.meaning}." for m in MEASURES if m.key in measured)


def figure(value: float) -> str:
    """Three significant digits, and no more of them than a figure of this size has."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(measure: Measure, results: Results, than: str, ours: str = NORIA.name) -> float | None:
    """How many times better the median of `ours` is; None where not both were measured."""
    mine = results.get(ours, {}).get(measure.key)
    theirs = results.get(than, {}).get(measure.key)
    if not mine or not theirs:
        return None
    quotient = median(mine) / median(theirs)
    return quotient if measure.better == "higher" else 1 / quotient


def reached(measure: Measure, mark: Mark, results: Results) -> bool | None:
    """None: there is nothing to hold against it."""
    if mark.than is not None:
        times = ratio(measure, results, mark.than, mark.ours)
        return None if times is None else times >= mark.figure
    ours = results.get(mark.ours, {}).get(measure.key)
    if not ours:
        return None
    return median(ours) >= mark.figure if measure.better == "higher" else median(ours) < mark.figure


def _cell(measure: Measure, contender: str, results: Results) -> str:
    figures = results.get(contender, {}).get(measure.key)
    if not figures:
        return ""
    cell = f"{figure(median(figures))} {measure.unit}"
    if len(figures) > 1:
        cell += f" ({figure(min(figures))}–{figure(max(figures))})"
    times = None if contender in OURS else ratio(measure, results, contender)
    return cell if times is None else f"{cell} **{figure(times)} ×**"


def _mark_cell(measure: Measure, results: Results, verdicts: bool) -> str:
    cells = []
    for mark in measure.marks:
        wanted = _wanted(measure, mark)
        if verdicts:
            verdict = reached(measure, mark, results)
            wanted += {True: ": reached", False: ": **missed**", None: ": not measured"}[verdict]
        cells.append(wanted)
    return "; ".join(cells)


def _wanted(measure: Measure, mark: Mark) -> str:
    if mark.than is None:
        return f"{'≥' if measure.better == 'higher' else '<'} {mark.figure:,g} {measure.unit}"
    whose = "" if mark.ours == NORIA.name else f"{mark.ours} "
    return f"{whose}≥ {mark.figure:g} × {mark.than}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
