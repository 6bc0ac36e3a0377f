"""The lines that Lambda itself writes into a function's log, as AWS writes them."""

from __future__ import annotations

import math
import time


def init_start(runtime: str, interpreter: str) -> str:
    return f"INIT_START Runtime Version: {runtime_version(runtime, interpreter)}\n"


def runtime_version(runtime: str, interpreter: str) -> str:
    """Where AWS has the number of its build (``python:3.12.v60``), ours is the interpreter's, if any."""
    name, _, version = runtime.partition(".")
    return f"{name.rstrip('0123456789')}:{interpreter or version}"


def nearest_runtime(runtime: str, interpreter: str, why: str) -> str:
    return f"NORIA {interpreter} runs {runtime}: {why}\n"


def init_report(duration_ms: float, phase: str, status: str, error_type: str) -> str:
    error = f"\tError Type: {error_type}" if error_type else ""
    return f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\tStatus: {status}{error}\n"


def restore_start(runtime: str, interpreter: str, arn: str) -> str:
    """arn: of the runtime's version."""
    version = runtime_version(runtime, interpreter)
    return f"RESTORE_START Runtime Version: {version}\tRuntime Version ARN: {arn}\n"


def restore_report(duration_ms: float, status: str = "", error_type: str = "") -> str:
    line = f"RESTORE_REPORT Restore Duration: {duration_ms:.2f} ms"
    line += f"\tStatus: {status}" if status else ""
    line += f"\tError Type: {error_type}" if error_type else ""
    return line + "\n"


def start(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}\n"


def end(request_id: str) -> str:
    return f"END RequestId: {request_id}\n"


def timed_out(now_ms: int, request_id: str, timeout_s: int) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ms // 1000))
    return f"{at}.{now_ms % 1000:03d}Z {request_id} Task timed out after {timeout_s}.00 seconds\n\n"


def billed_ms(duration_ms: float, init_duration_ms: float | None) -> int:
    return max(1, math.ceil(duration_ms + (init_duration_ms or 0.0)))


def report(
    request_id: str,
    duration_ms: float,
    memory_size_mb: int,
    max_memory_mb: int,
    init_duration_ms: float | None,
    status: str = "",
    error_type: str = "",
    *,
    is_restored: bool = False,
) -> str:
    """is_restored: what took `init_duration_ms` was no initialisation.

    status: ``timeout`` or ``error`` where the environment, not the handler, ended the invocation.
    """
    billed = billed_ms(duration_ms, init_duration_ms)
    line = (
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tBilled Duration: {billed} ms\t"
        f"Memory Size: {memory_size_mb} MB\tMax Memory Used: {max_memory_mb} MB\t"
    )
    if init_duration_ms is not None and is_restored:
        billed = math.ceil(init_duration_ms)
        line += f"Restore Duration: {init_duration_ms:.2f} ms\tBilled Restore Duration: {billed} ms\t"
    elif init_duration_ms is not None:
        line += f"Init Duration: {init_duration_ms:.2f} ms\t"
    if status:
        line += f"Status: {status}\t"
    if error_type:
        line += f"Error Type: {error_type}"
    return line.rstrip("\t") + "\n" if status else line + "\n"
