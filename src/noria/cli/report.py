"""`noria status` and `noria runtimes list` as a person reads them."""

from __future__ import annotations

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
    triggers = [
        {**trigger, "queue": _name(trigger["queue"]), "function": _name(trigger["function"])}
        for trigger in answer["triggers"]
    ]
    lines += _table("Triggers", triggers, ("queue", "function", "state", "last_processing_result"), answer)
    return "\n".join([*lines, "", runtimes(answer["runtimes"])])


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
