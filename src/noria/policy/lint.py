"""What is legal in a policy and yet not meant: actions that do not exist, what cannot match."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import Any

from noria.policy.actions import services
from noria.policy.match import Match, Pattern, Style
from noria.policy.statement import condition_block, strings

Json = dict[str, Any]

FINDINGS_KEPT = 20  # of a document; who has more has read enough
LOOKED_AT = 50  # actions, resources, and keys of conditions, of a statement: what a bomb may cost
NARROW = 10  # resources that a policy can as well name
WILDCARDS = frozenset("*?")


def findings(document: Json, own: str = "") -> list[str]:
    """document: valid. own: the ARN of what a resource-based policy is of. One sentence each."""
    found: dict[str, None] = {}
    for fields in statements_of(document)[:LOOKED_AT]:
        found |= dict.fromkeys(_of_statement(fields))
        if own:
            found |= dict.fromkeys(_elsewhere(fields, own))
        if len(found) >= FINDINGS_KEPT:
            break
    return list(found)[:FINDINGS_KEPT]


def statements_of(document: Json) -> list[Json]:
    statements = document["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _of_statement(fields: Json) -> Iterator[str]:
    element = "NotAction" if "NotAction" in fields else "Action"
    patterns = list(dict.fromkeys(strings(fields[element])))[:LOOKED_AT]
    for pattern in patterns:
        if (finding := _unknown(pattern)) is not None:
            yield f"{element} {pattern}: {finding}"
    if element == "Action" and "Resource" in fields:
        possible = _possible(patterns)
        for resource in strings(fields["Resource"])[:LOOKED_AT]:
            if possible and resource != "*" and not _any_meets(resource, possible):
                yield f"Resource {resource}: no action of the statement can be about it"
    yield from _unfulfillable(fields)


def _unfulfillable(fields: Json) -> Iterator[str]:
    """Conditions without a value that a request's could be."""
    block = condition_block(fields)
    keys = [(name, key, values) for name, of in block.items() for key, values in of.items()]
    for operator, key, values in keys[:LOOKED_AT]:
        if not values:
            yield f"Condition {operator} {key}: no value to compare with"
        elif operator.rpartition(":")[2].removesuffix("IfExists") in ("Bool", "Null"):
            for value in values[:LOOKED_AT]:
                if value.lower() not in ("true", "false") and "${" not in value:
                    yield f"Condition {operator} {key}: {value} is neither true nor false"


def _elsewhere(fields: Json, own: str) -> Iterator[str]:
    for resource in strings(fields.get("Resource"))[:LOOKED_AT]:
        if not meets(resource, own):
            yield f"Resource {resource}: the policy is asked about {own} only"


def _is_pattern(text: str) -> bool:
    return not WILDCARDS.isdisjoint(text)


@lru_cache(1024)
def actions_of(pattern: str) -> frozenset[str]:
    """The actions (``sqs:SendMessage``) that a policy's pattern for one service covers (``sqs:Send*``)."""
    prefix, _, name = pattern.partition(":")
    service = prefix.lower()
    found = services().get(service)
    match = _matching(name.lower(), "text")
    return (
        frozenset(f"{service}:{action}" for action in found.actions if match(action.lower()))
        if found
        else frozenset()
    )


def _unknown(pattern: str) -> str | None:
    prefix, _, name = pattern.partition(":")
    if _is_pattern(prefix) or actions_of(pattern):
        return None
    known = services().get(prefix.lower())
    if known is None:
        return f"there is no service {prefix}"
    names = {action.lower(): action for action in known.actions}
    near = difflib.get_close_matches(name.lower(), names, 1)
    return f"there is no such action of {prefix}" + (f", but {prefix}:{names[near[0]]}" if near else "")


def _possible(patterns: Iterable[str]) -> set[str]:
    """The ARNs that the actions can be about; none where that is not known of all of them."""
    possible: set[str] = set()
    for pattern in patterns:
        if _is_pattern(pattern.partition(":")[0]):
            return set()
        for action in actions_of(pattern):
            service, _, name = action.partition(":")
            found = services()[service]
            possible |= {found.resources[number] for number in found.actions[name]}
    return possible


def _any_meets(resource: str, possible: Collection[str]) -> bool:
    """Part by part where the resource has all six: a star then stays in its part."""
    parts = _without_variables(resource).split(":", 5)
    if len(parts) < 6:
        return any(meets(resource, arn) for arn in possible)
    return any(all(map(meets, parts, arn.split(":", 5))) for arn in possible)


def meets(pattern: str, other: str) -> bool:
    """Whether some text matches both patterns of ``*`` and ``?``. Time: the one's length by a step each.

    Variables (``${aws:username}``) may become anything.
    """
    pattern = _without_variables(pattern)
    size = len(pattern)
    accepts: dict[str, int] = {}
    many = single = 0
    for place, char in enumerate(pattern):
        if char == "*":
            many |= 1 << place
        elif char == "?":
            single |= 1 << place
        else:
            accepts[char] = accepts.get(char, 0) | 1 << place
    everything = (1 << size + 1) - 1
    states = _past_stars(1, many)  # bit i: the first i characters of the pattern are used up
    for char in _without_variables(other):
        if char == "*":
            states = everything & ~((states & -states) - 1)
        elif char == "?":
            states = (states & ~many) << 1 & everything | states & many
        else:
            states = (states & (accepts.get(char, 0) | single)) << 1 | states & many
        states = _past_stars(states, many)
        if not states:
            return False
    return bool(states >> size & 1)


def _past_stars(states: int, many: int) -> int:
    """A star may stand for nothing."""
    while more := (states & many) << 1 & ~states:
        states |= more
    return states


def _without_variables(text: str) -> str:
    while (start := text.find("${")) >= 0 and (end := text.find("}", start)) >= 0:
        text = f"{text[:start]}*{text[end + 1 :]}"
    return text


def resources_too_wide(document: Json, calls: Collection[tuple[str, str]]) -> dict[str, list[str]]:
    """Allowed patterns of resources that cover more than the calls were about: pattern → those.

    calls: (action, resource) of an identity that the document is for. A pattern of many of them is right.
    """
    wide: dict[str, list[str]] = {}
    for fields in statements_of(document)[:LOOKED_AT]:
        if fields["Effect"] != "Allow" or "Action" not in fields or "Resource" not in fields:
            continue
        actions = [_matching(action.lower(), "text") for action in strings(fields["Action"])[:LOOKED_AT]]
        made = {resource for action, resource in calls if any(match(action.lower()) for match in actions)}
        for text in strings(fields["Resource"])[:LOOKED_AT]:
            if not _is_pattern(text) or "${" in text or text in made:
                continue
            used = sorted(filter(_matching(text, "resource"), made))
            if 0 < len(used) <= NARROW:
                wide[text] = used
    return wide


def _matching(pattern: str, style: Style) -> Match:
    match = Pattern(pattern, style, variables=False).fixed
    assert match is not None  # compiled without variables
    return match


def too_wide(document: Json, called: Collection[str]) -> dict[str, list[str]]:
    """Allowed patterns of actions that cover more than what was called: pattern → the actions called.

    called: the actions (``sqs:SendMessage``) of an identity that the document is for.
    """
    wide: dict[str, list[str]] = {}
    for fields in statements_of(document):
        if fields["Effect"] != "Allow" or "Action" not in fields:
            continue
        for pattern in strings(fields["Action"]):
            if not _is_pattern(pattern):
                continue
            if _is_pattern(pattern.partition(":")[0]):
                wide[pattern] = sorted(called)
                continue
            used = sorted(actions_of(pattern) & set(called))
            if len(used) < len(actions_of(pattern)):
                wide[pattern] = used
    return wide
