"""CPU by memory size, where functions compete for it."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import pytest
from tests.unit.lambda_.conftest import Lambda

from noria.services.lambda_.cpu_share import niceness

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="by Linux's scheduler")

BURN = """
import os, time
def handler(event, context):
    os.sched_setaffinity(0, {event["cpu"]})
    until = time.monotonic() + 0.3
    while time.monotonic() < until: pass  # the first part of it has full priority
    began, until = time.process_time(), event["until"]
    while time.time() < until: pass
    return [time.process_time() - began, os.getpriority(os.PRIO_PROCESS, 0)]
"""


@linux_only
async def test_functions_that_compete_share_the_cpu_by_their_memory_size(service: Lambda) -> None:
    cpu = min(os.sched_getaffinity(0))
    own = os.getpriority(os.PRIO_PROCESS, 0)
    await service.create(BURN, name="small", memory_size=128, timeout=10)
    await service.create(BURN, name="large", memory_size=1769, timeout=10)
    event = {"cpu": cpu, "until": time.time() + 1.5}
    small, large = await asyncio.gather(service.call(event, name="small"), service.call(event, name="large"))
    assert (small[1], large[1]) == (min(19, own + 5), own)
    assert large[0] > 1.5 * small[0]


def test_the_smallest_has_a_third_of_the_largests_weight() -> None:
    assert [niceness(mb) for mb in (128, 512, 1024, 1769, 10_240)] == [5, 2, 1, 0, 0]


async def test_what_answers_at_once_keeps_its_priority(service: Lambda) -> None:
    await service.create(
        "import os\ndef handler(e, c):\n    return os.getpriority(os.PRIO_PROCESS, 0)\n", memory_size=128
    )
    for _ in range(3):
        assert await service.call() == os.getpriority(os.PRIO_PROCESS, 0)
