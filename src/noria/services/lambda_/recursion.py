"""Loops between functions and queues: how often an event has been through a function is in its trace header.

A function's SDK sends the header of its invocation (``_X_AMZN_TRACE_ID``) with every request; Lambda and SQS
pass it on. Its ``Lineage`` counts, as AWS's does, the invocations of each function on the way.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

import hashlib
import re
import secrets

from noria.services.lambda_.limits import RECURSIONS
from noria.services.lambda_.models import Function

ROOT = re.compile(r"(?:^|;)\s*Root=(1-[0-9a-f]{8}-[0-9a-f]{24})")
LINEAGE = re.compile(r"(?:^|;)\s*Lineage=([0-9a-f:|]{1,1024})")
ENTRY = re.compile(r"([0-9a-f]{8}):(\d{1,5})")
FUNCTIONS_COUNTED = 32  # of one way; a longer one forgets the first


def lineage(header: str) -> dict[str, int]:
    """Invocations on the way so far, by the functions' marks."""
    found = LINEAGE.search(header)
    entries = ENTRY.findall(found[1]) if found else []
    return {mark: int(count) for mark, count in entries}


def mark_of(function: Function) -> str:
    return hashlib.sha256(function.arn.encode()).hexdigest()[:8]


def is_loop(header: str, function: Function) -> bool:
    """Whether the function has had its share of invocations on this way."""
    return "Lineage=" in header and lineage(header).get(mark_of(function), 0) >= RECURSIONS


def next_header(header: str, function: Function, now_ms: int) -> str:
    """The header of an invocation that `header` led to, or of one that begins a trace."""
    counts = lineage(header) if "Lineage=" in header else {}
    mark = mark_of(function)
    counts[mark] = counts.pop(mark, 0) + 1
    last = list(counts.items())[-FUNCTIONS_COUNTED:]
    root = ROOT.search(header)
    trace = root[1] if root else f"1-{now_ms // 1000:08x}-{secrets.token_hex(12)}"
    sampled = int(function.tracing_mode == "Active")
    way = "|".join(f"{each}:{count}" for each, count in last)
    return f"Root={trace};Parent={secrets.token_hex(8)};Sampled={sampled};Lineage={way}"
