"""What Lambda itself writes into a function's log: lines of text, or events in JSON with levels.

The events, their members and levels are AWS's ("Lambda Telemetry API event schema reference", "Log-level
filtering" in docs.aws.amazon.com/lambda/latest/dg). Text has no levels: everything is written.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

from noria.clock import Clock
from noria.services.lambda_ import log_lines
from noria.services.lambda_.invocation import Failure
from noria.services.lambda_.models import Function, runtime_version_arn
from noria.services.lambda_.output import FunctionLog

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


class PlatformLog:
    """LogFormat Text. environment: the name of its log stream. initialization: AWS's initialization type.

    is_restored: it comes of a snapshot, so that what would be its initialisation is a restoration.
    """

    def __init__(
        self,
        function: Function,
        log: FunctionLog,
        clock: Clock,
        environment: str,
        initialization: str,
        *,
        is_restored: bool,
    ) -> None:
        self._function = function
        self._log = log
        self._clock = clock
        self._environment = environment
        self._initialization = initialization
        self._is_restored = is_restored

    def init_start(self, interpreter: str) -> None:
        function = self._function
        if self._is_restored:
            arn = runtime_version_arn(function.region, function.runtime)
            self._log.write(log_lines.restore_start(function.runtime, interpreter, arn))
        else:
            self._log.write(log_lines.init_start(function.runtime, interpreter))

    def nearest_runtime(self, title: str, why: str) -> None:
        self._log.write(log_lines.nearest_runtime(self._function.runtime, title, why))

    def init_report(self, duration_ms: float, phase: str, failure: Failure | None) -> None:
        """An initialisation that ended well is in the first invocation's report."""
        status, error_type = (failure.status, failure.error_type) if failure else ("", "")
        if self._is_restored:
            self._log.write(log_lines.restore_report(duration_ms, status, error_type))
        elif failure is not None:
            self._log.write(log_lines.init_report(duration_ms, phase, status, error_type))

    def start(self, request_id: str) -> None:
        self._log.write(log_lines.start(request_id, self._function.version))

    def timed_out(self, request_id: str) -> str:
        """What the log says of it before its end."""
        return log_lines.timed_out(self._clock.now_ms(), request_id, self._function.timeout_s)

    def end(
        self,
        request_id: str,
        duration_ms: float,
        max_memory_mb: int,
        init_ms: float | None,
        failure: Failure | None,
        *,
        is_error: bool,
    ) -> None:
        """is_error: the function failed, by itself or by `failure`."""
        if failure is not None and failure.log_text:
            self._log.write(failure.log_text)
        self._log.write(log_lines.end(request_id))
        line = log_lines.report(
            request_id,
            duration_ms,
            self._function.memory_size_mb,
            max_memory_mb,
            init_ms,
            failure.status if failure else "",
            failure.error_type if failure else "",
            is_restored=self._is_restored,
        )
        self._log.write(line)


class JsonPlatformLog(PlatformLog):
    """LogFormat JSON: an event of a level is written where SystemLogLevel is no higher."""

    def init_start(self, interpreter: str) -> None:
        function = self._function
        record = {
            **self._phase("init"),
            "runtimeVersion": log_lines.runtime_version(function.runtime, interpreter),
            "runtimeVersionArn": runtime_version_arn(function.region, function.runtime),
            "functionName": function.name,
            "functionVersion": function.version,
            "instanceId": self._environment,
            "instanceMaxMemory": function.memory_size_mb << 20,
        }
        self._write("INFO", "restoreStart" if self._is_restored else "initStart", record)

    def _phase(self, phase: str) -> dict[str, Any]:
        return {"initializationType": self._initialization, "phase": phase}

    def nearest_runtime(self, title: str, why: str) -> None:
        line = log_lines.nearest_runtime(self._function.runtime, title, why)
        self._write("WARN", "noriaRuntime", {"message": line.removeprefix("NORIA ").rstrip()})

    def init_report(self, duration_ms: float, phase: str, failure: Failure | None) -> None:
        ended = self._phase(phase) | _status(failure, is_error=False)
        done = "WARN" if failure else "DEBUG"
        reported = done if failure or self._initialization == "on-demand" else "INFO"
        step = "restore" if self._is_restored else "init"
        self._write(done, f"{step}RuntimeDone", ended)
        self._write(reported, f"{step}Report", ended | {"metrics": {"durationMs": round(duration_ms, 3)}})

    def start(self, request_id: str) -> None:
        self._write("INFO", "start", {"requestId": request_id, "version": self._function.version})

    def timed_out(self, request_id: str) -> str:
        return ""  # runtimeDone and report have the status

    def end(
        self,
        request_id: str,
        duration_ms: float,
        max_memory_mb: int,
        init_ms: float | None,
        failure: Failure | None,
        *,
        is_error: bool,
    ) -> None:
        status = _status(failure, is_error=is_error)
        duration = {"durationMs": round(duration_ms, 3)}
        failed = failure is not None or is_error
        done = {"requestId": request_id, **status, "metrics": duration}
        self._write("WARN" if failed else "DEBUG", "runtimeDone", done)
        metrics: dict[str, Any] = {
            **duration,
            "billedDurationMs": log_lines.billed_ms(duration_ms, init_ms),
            "memorySizeMB": self._function.memory_size_mb,
            "maxMemoryUsedMB": max_memory_mb,
        }
        if init_ms is not None and self._is_restored:
            metrics["restoreDurationMs"] = round(init_ms, 3)
            metrics["billedRestoreDurationMs"] = math.ceil(init_ms)
        elif init_ms is not None:
            metrics["initDurationMs"] = round(init_ms, 3)
        report = {"requestId": request_id, "metrics": metrics, **status}
        self._write("WARN" if failed else "INFO", "report", report)

    def _write(self, level: str, kind: str, record: dict[str, Any]) -> None:
        if LEVELS.index(level) < LEVELS.index(self._function.logging.system_level):
            return
        now_ms = self._clock.now_ms()
        at = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now_ms // 1000))}.{now_ms % 1000:03d}Z"
        event = {"time": at, "type": f"platform.{kind}", "record": record}
        self._log.write(json.dumps(event, separators=(",", ":")) + "\n")


def _status(failure: Failure | None, *, is_error: bool) -> dict[str, Any]:
    """error: the function's own. failure: its process ended without an answer. timeout: neither came."""
    if failure is None:
        return {"status": "error" if is_error else "success"}
    status = "failure" if failure.log_text and failure.status == "error" else failure.status
    return {"status": status} | ({"errorType": failure.error_type} if failure.error_type else {})


def platform_log(
    function: Function,
    log: FunctionLog,
    clock: Clock,
    environment: str,
    initialization: str,
    *,
    is_restored: bool,
) -> PlatformLog:
    kind = JsonPlatformLog if function.logging.format == "JSON" else PlatformLog
    return kind(function, log, clock, environment, initialization, is_restored=is_restored)
