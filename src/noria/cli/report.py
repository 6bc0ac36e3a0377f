"""What the server answers about itself, as a person reads it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def status(answer: Mapping[str, Any]) -> str:
    """answer: the document of ``GET /_noria/status``."""
    data = answer["data_dir"] or "in memory"
    lines = [
        f"Noria {answer['version']} on {answer['url']}, up for {_duration(answer['uptime_s'])}",
        f"  auth {answer['auth']}, account {answer['account']}, region {answer['region']}, data {data}",
    ]
    lines += _table("Queues", answer["queues"], ("name", "visible", "in_flight", "delayed"), answer)
    lines += _table("Functions", answer["functions"], ("name", "runtime", "state", "environments"), answer)
    lines += [f"  {row['name']} runs from {row['folder']}" for row in answer["functions"] if row["folder"]]
    triggers = [
        {**trigger, "queue": _name(trigger["queue"]), "function": _name(trigger["function"])}
        for trigger in answer["triggers"]
    ]
    lines += _table("Triggers", triggers, ("queue", "function", "state", "last_processing_result"), answer)
    lines += ["", runtimes(answer["runtimes"]), "", *_isolation(answer["isolation"])]
    if answer["warnings"]:
        lines += ["", "Warnings", *(f"  {row['where']}: {row['text']}" for row in answer["warnings"])]
    return "\n".join(lines)


def _isolation(found: Row) -> list[str]:
    return [f"Isolation: {found['mode']}", *(f"  no {mode}: {why}" for mode, why in found["why_not"].items())]


def denials(answer: Mapping[str, Any]) -> str:
    """answer: the document of ``GET /_noria/explain``."""
    rows = [{**row, "denied": _time(row["time_ms"])} for row in answer["denials"]]
    return "\n".join(_aligned("Denials", rows, ("denied", "request_id", "action", "resource", "principal")))


def explanation(answer: Mapping[str, Any]) -> str:
    """answer: the document of ``GET /_noria/explain/REQUEST_ID``."""
    lines = [
        answer["principal"],
        f"  {'may' if answer['allowed'] else 'may not'} {answer['action']} on {answer['resource']}",
        f"  {answer['because']}",
        "",
        "What was considered" if answer["statements"] else "There was no statement to consider.",
    ]
    for row in answer["statements"]:
        verdict = f"{row['effect']} {'applies' if row['applies'] else 'does not apply'}"
        lines.append(f"  {row['policy_type']}, {row['policy']}, {row['statement']}: {verdict}")
        lines += [f"    {reason}" for reason in row["why"]]
    lines += ["", "What the request had"]
    lines += [f"  {key} = {value}" for key, value in answer["context"].items()]
    return "\n".join(lines)


def _time(ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ms / 1000))


def runtimes(rows: Sequence[Row]) -> str:
    return "\n".join(_aligned("Runtimes", rows, tuple(rows[0]) if rows else ()))


def _table(title: str, rows: Sequence[Row], columns: tuple[str, ...], answer: Row) -> list[str]:
    """Account and region only where they differ from the server's own."""
    home = (answer["account"], answer["region"])
    if any((row["account"], row["region"]) != home for row in rows):
        columns = ("account", "region", *columns)
    return ["", *_aligned(title, rows, columns)]


def _aligned(title: str, rows: Sequence[Row], columns: tuple[str, ...]) -> list[str]:
    if not rows:
        return [f"{title}: none"]
    cells = [[column.replace("_", " ") for column in columns]]
    cells += [[_text(row[column]) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = ["  " + "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) for line in cells]
    return [title, *(line.rstrip() for line in lines)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None or value == "" else str(value)


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]


def _duration(seconds: int) -> str:
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    return f"{hours} h {m} min" if hours else f"{m} min {s} s" if m else f"{s} s"
