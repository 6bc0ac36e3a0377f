"""The smallest policy that allows what was called, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from noria.policy.document import VERSION


def suggestion(calls: Iterable[tuple[str, str]]) -> dict[str, Any] | None:
    """calls: (action, resource). A policy document: actions on the same resources share a statement.

    None where there is nothing to allow.
    """
    resources: dict[str, set[str]] = defaultdict(set)
    for action, resource in calls:
        resources[action].add(resource)
    actions: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for action, named in resources.items():
        actions[action.partition(":")[0], tuple(sorted(named))].append(action)
    if not actions:
        return None
    return {
        "Version": VERSION,
        "Statement": [
            {"Effect": "Allow", "Action": _one_or_all(sorted(together)), "Resource": _one_or_all(list(named))}
            for (_, named), together in sorted(actions.items())
        ],
    }


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
