"""Which isolation functions get: the strongest that this machine allows, or the one that was asked for."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import msgspec

from noria.config import IsolationMode
from noria.services.lambda_.sandbox.confine import LANDLOCK, MODES, NONE

log = logging.getLogger(__name__)

SCRIPT = Path(__file__).with_name("sandbox") / "probe.py"
TIMEOUT_S = 20.0


class IsolationError(Exception):
    """The isolation that was asked for is not to be had; the text is for the user."""


class Isolation(msgspec.Struct, frozen=True):
    """mode: see `sandbox.confine`. why_not: of each stronger mode, what the machine said to it."""

    mode: str
    why_not: dict[str, str] = {}


async def find_isolation(wanted: IsolationMode) -> Isolation:
    """Raises IsolationError where `wanted` is neither "auto" nor possible."""
    if wanted == NONE:
        return Isolation(NONE)
    said = await probe()
    if wanted != "auto":
        if said[wanted]:
            raise IsolationError(f"isolation {wanted} is not possible on this machine: {said[wanted]}")
        return Isolation(wanted)
    mode = next((mode for mode in MODES if not said.get(mode)), NONE)
    why_not = {stronger: said[stronger] for stronger in MODES[: MODES.index(mode)]}
    if mode == LANDLOCK:
        log.info("functions are isolated by Landlock only; namespaces: %s", why_not)
    elif mode == NONE:
        log.warning(
            "functions are NOT ISOLATED on this machine: they can do what you can do. Run only code that you "
            "would run yourself. (%s)",
            "; ".join(f"{mode}: {why}" for mode, why in why_not.items()),
        )
    return Isolation(mode, why_not)


async def probe() -> dict[str, str]:
    """Each mode that can isolate, and why it is not to be had here; "" where it is."""
    return await asyncio.to_thread(_probe)


def _probe() -> dict[str, str]:
    command = [sys.executable, "-S", "-B", str(SCRIPT)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=TIMEOUT_S, check=True, cwd="/", env={"LANG": "C.UTF-8"}
        )
        return msgspec.json.decode(done.stdout, type=dict[str, str])
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
        return dict.fromkeys(MODES[:-1], f"trying it failed: {error}")
