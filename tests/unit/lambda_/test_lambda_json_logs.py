"""LoggingConfig's LogFormat JSON: Lambda's own events and the function's, each with a level of its own."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.unit.lambda_.conftest import RUNTIME, Lambda, until
from tests.unit.lambda_.support import active, invalid, refused

from noria.services.lambda_.log_levels import keeps

SOURCE = """\
import json, logging, os, sys
logger = logging.getLogger()
def handler(event, context):
    if event == "fail":
        raise ValueError("no good")
    if event == "exit":
        os._exit(3)
    logger.debug("of debug")
    logger.info("of info", extra={"order": 7})
    logger.warning("of warning")
    print("plain text")
    print(json.dumps({"level": "error", "timestamp": "2026-01-01T00:00:00Z", "message": "own"}))
    print(json.dumps({"level": "trace", "timestamp": "2026-01-01T00:00:00Z", "message": "traced"}))
    return os.environ["AWS_LAMBDA_LOG_LEVEL"]
"""


async def logged(service: Lambda, event: object = None, **logging: str) -> list[Any]:
    """The events of the first invocation of a function, as its log has them; a line of text as it is."""
    await service.create(SOURCE, logging_config={"LogFormat": "JSON", **logging})
    answer = await service.invoke(event, log_type="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    return [json.loads(line) if line.startswith("{") else line for line in lines]


def kinds(events: list[Any]) -> list[str]:
    """Of Lambda's events their type, of the function's their message."""
    return [event if isinstance(event, str) else event.get("type") or event["message"] for event in events]


async def test_the_default_levels_are_info(service: Lambda) -> None:
    events = await logged(service)
    expected = ["platform.start", "of info", "of warning", "plain text", "own", "platform.report"]
    assert kinds(events) == expected
    start, info, *_, report = events
    assert set(start) == {"time", "type", "record"}
    request_id = start["record"]["requestId"]
    assert start["record"] == {"requestId": request_id, "version": "$LATEST"}
    assert (info["level"], info["requestId"], info["order"]) == ("INFO", request_id, 7)
    record = report["record"]
    metrics = record.pop("metrics")
    assert record == {"requestId": request_id, "status": "success"}
    assert set(metrics) == {
        "durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs",
    }  # fmt: skip
    assert metrics["memorySizeMB"] == 128
    assert metrics["billedDurationMs"] >= metrics["durationMs"]


async def test_the_environment_announces_itself(service: Lambda) -> None:
    await logged(service)
    await until(lambda: service.logs.lines("f"), "its log is written")
    first = json.loads(service.logs.lines("f")[0])
    record = first["record"]
    assert first["type"] == "platform.initStart"
    assert record.pop("runtimeVersion").startswith("python:3.")
    assert record.pop("runtimeVersionArn").startswith("arn:aws:lambda:us-west-1::runtime:")
    assert "[$LATEST]" in record.pop("instanceId")
    assert record == {
        "initializationType": "on-demand",
        "phase": "init",
        "functionName": "f",
        "functionVersion": "$LATEST",
        "instanceMaxMemory": 128 << 20,
    }


async def test_debug_shows_everything(service: Lambda) -> None:
    events = await logged(service, ApplicationLogLevel="TRACE", SystemLogLevel="DEBUG")
    assert kinds(events)[:3] == ["platform.initRuntimeDone", "platform.initReport", "platform.start"]
    assert "traced" in kinds(events)
    assert kinds(events)[-2:] == ["platform.runtimeDone", "platform.report"]
    assert events[0]["record"] == {"initializationType": "on-demand", "phase": "init", "status": "success"}


async def test_warn_shows_what_needs_attention(service: Lambda) -> None:
    """What has no level is INFO, so plain text is not shown."""
    events = await logged(service, ApplicationLogLevel="WARN", SystemLogLevel="WARN")
    assert kinds(events) == ["of warning", "own"]


async def test_the_functions_error_is_an_event(service: Lambda) -> None:
    _, error, done, report = await logged(service, "fail", SystemLogLevel="INFO")
    assert (error["level"], error["errorType"], error["errorMessage"]) == ("ERROR", "ValueError", "no good")
    assert [done["type"], report["type"]] == ["platform.runtimeDone", "platform.report"]
    assert (done["record"]["status"], report["record"]["status"]) == ("error", "error")


async def test_an_end_without_an_answer_has_its_status(service: Lambda) -> None:
    _, done, report = await logged(service, "exit")
    for event in (done, report):
        assert (event["record"]["status"], event["record"]["errorType"]) == ("failure", "Runtime.ExitError")


async def test_a_timeout_has_its_status(service: Lambda) -> None:
    await service.create(
        "import time\ndef handler(event, context):\n    time.sleep(9)\n",
        timeout=1,
        logging_config={"LogFormat": "JSON"},
    )
    answer = await service.invoke(log_type="Tail")
    _, done, report = map(json.loads, base64.b64decode(answer["LogResult"]).decode().splitlines())
    assert (done["record"]["status"], report["record"]["status"]) == ("timeout", "timeout")


async def test_levels_and_format_change_as_recorded(service: Lambda) -> None:
    await active(service)
    for given, expected in [
        ({"LogFormat": "JSON"}, {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}),
        ({"ApplicationLogLevel": "DEBUG"}, {"ApplicationLogLevel": "DEBUG", "SystemLogLevel": "INFO"}),
        ({"SystemLogLevel": "DEBUG"}, {"ApplicationLogLevel": "DEBUG", "SystemLogLevel": "DEBUG"}),
        ({"LogGroup": "cool_lambda"}, {"ApplicationLogLevel": "DEBUG", "LogGroup": "cool_lambda"}),
        ({"LogFormat": "Text"}, {"LogFormat": "Text", "LogGroup": "cool_lambda"}),
    ]:
        answer = await service.api.update_function_configuration(
            service.ctx(), function_name="f", logging_config=given
        )
        await service.active()
        assert answer["LoggingConfig"].items() >= expected.items()
    assert "ApplicationLogLevel" not in answer["LoggingConfig"]


async def test_text_has_no_levels(service: Lambda) -> None:
    await active(service)
    update = service.api.update_function_configuration(
        service.ctx(), function_name="f", logging_config={"ApplicationLogLevel": "DEBUG"}
    )
    text = "ApplicationLogLevel and SystemLogLevel can only be set with the LogFormat JSON."
    assert await refused(update) == invalid(text)


async def test_a_log_group_that_functions_share_has_their_names_in_its_streams(service: Lambda) -> None:
    await service.create(SOURCE, logging_config={"LogFormat": "JSON", "LogGroup": "shared"}, runtime=RUNTIME)
    await service.call()
    await until(lambda: service.logs.streams, "its log is written")
    ((group, stream),) = service.logs.streams
    assert group == "shared"
    assert stream.split("/")[3].startswith("f[$LATEST]")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"level": "warn", "timestamp": "2026-01-01T00:00:00.5Z"}', True),
        ('{"level": "WARNING", "time": "2026-01-01T00:00:00+01:00"}', True),
        ('{"level": "Critical", "@timestamp": "2026-01-01T00:00:00Z"}', True),
        ('{"level": "info", "timestamp": "2026-01-01T00:00:00Z"}', False),
        ('{"level": "error"}', False),
        ('{"level": "error", "timestamp": "yesterday"}', False),
        ('{"level": 5, "timestamp": "2026-01-01T00:00:00Z"}', False),
        ('{"level": "error", ', False),
        ("[1, 2]", False),
        ("ERROR", False),
    ],
)
def test_a_level_counts_with_a_valid_time_only(text: str, kept: bool) -> None:
    assert keeps(text, "WARN") is kept
    assert keeps(text, "INFO")
