"""Asynchronous invocation: accepted means tried, retried as AWS does, and through crashes."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.lambda_.conftest import ACCOUNT, REGION, RUNTIME, Lambda, until

from noria.clock import ManualClock
from noria.errors import AwsError
from noria.services.lambda_.async_invoke import KIND
from noria.services.lambda_.payload import check_payload, parse_client_context

# Writes each attempt into a file; fails as often as the event says.
COUNTING = """
def handler(event, context):
    with open(event["file"], "a") as file:
        file.write(context.aws_request_id + "\\n")
    with open(event["file"]) as file:
        if len(file.readlines()) <= event["failures"]:
            raise ValueError("not yet")
"""


@pytest.fixture
async def timed(tmp_path: Path) -> AsyncIterator[tuple[Lambda, ManualClock]]:
    clock = ManualClock()
    service = Lambda(tmp_path, clock, isolation="none")  # its functions leave marks in a file
    service.roles.lifetime_s = 10**9
    await service.start()
    await service.create(COUNTING)
    yield service, clock
    await service.stop()


async def waiting(service: Lambda) -> int:
    return len(await service.store.records.list(KIND, ACCOUNT, REGION))


def attempts(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


async def settled(service: Lambda) -> None:
    await until(lambda: not service.api._events._running, "nothing runs")


async def test_an_event_is_accepted_and_run(timed: tuple[Lambda, ManualClock], tmp_path: Path) -> None:
    service, _ = timed
    event = {"file": str(tmp_path / "log"), "failures": 0}
    answer = await service.invoke(event, invocation_type="Event")
    assert answer == {"StatusCode": 202, "Payload": b""}
    assert await waiting(service) == 1
    await until(lambda: len(attempts(tmp_path / "log")) == 1, "one attempt")
    await settled(service)
    assert await waiting(service) == 0


async def test_a_failed_event_is_tried_twice_more_after_one_and_two_minutes(
    timed: tuple[Lambda, ManualClock], tmp_path: Path
) -> None:
    service, clock = timed
    file = tmp_path / "log"
    await service.invoke({"file": str(file), "failures": 9}, invocation_type="Event")
    await until(lambda: len(attempts(file)) == 1, "the first attempt")
    await settled(service)
    clock.advance(59)
    await settled(service)
    assert len(attempts(file)) == 1
    clock.advance(1)
    await until(lambda: len(attempts(file)) == 2, "the second attempt")
    await settled(service)
    clock.advance(119)
    await settled(service)
    assert len(attempts(file)) == 2
    clock.advance(1)
    await until(lambda: len(attempts(file)) == 3, "the third attempt")
    await settled(service)
    assert await waiting(service) == 0
    assert len(set(attempts(file))) == 1  # all with the request's id


async def test_an_accepted_event_survives_the_server(
    timed: tuple[Lambda, ManualClock], tmp_path: Path
) -> None:
    service, _ = timed
    file = tmp_path / "log"
    service.api._events.stop_taking()  # as if it crashed before it came to it
    await service.invoke({"file": str(file), "failures": 0}, invocation_type="Event")
    await service.stop()
    assert attempts(file) == []
    again = Lambda(tmp_path, ManualClock(), isolation="none")
    again.roles.lifetime_s = 10**9
    await again.start()
    await until(lambda: len(attempts(file)) == 1, "it ran after the restart")
    await settled(again)
    assert await waiting(again) == 0
    await again.stop()


async def test_a_throttled_event_is_tried_again_and_does_not_count(
    timed: tuple[Lambda, ManualClock], tmp_path: Path
) -> None:
    service, clock = timed
    file = tmp_path / "log"
    service.api._pool._machine_environments = 0
    await service.invoke({"file": str(file), "failures": 2}, invocation_type="Event")
    await settled(service)
    assert await waiting(service) == 1
    service.api._pool._machine_environments = 10
    for n, pause_s in enumerate((1, 60, 120), 1):
        clock.advance(pause_s)
        await until(lambda n=n: len(attempts(file)) == n, f"attempt {n}")
        await settled(service)
    assert await waiting(service) == 0


async def test_events_of_a_deleted_function_are_dropped(
    timed: tuple[Lambda, ManualClock], tmp_path: Path
) -> None:
    service, clock = timed
    await service.invoke({"file": str(tmp_path / "log"), "failures": 9}, invocation_type="Event")
    await settled(service)
    await service.api.delete_function(service.ctx(), function_name="f")
    clock.advance(60)
    await settled(service)
    assert await waiting(service) == 0


async def test_reset_forgets_an_accounts_events(timed: tuple[Lambda, ManualClock], tmp_path: Path) -> None:
    service, clock = timed
    for _ in range(25):
        await service.invoke({"file": str(tmp_path / "log"), "failures": 99}, invocation_type="Event")
    await settled(service)
    await service.api.reset("999999999999")
    assert await waiting(service) == 25
    await service.api.reset(ACCOUNT)
    assert await waiting(service) == 0
    clock.advance(60)
    await settled(service)
    assert len(attempts(tmp_path / "log")) == 25


async def test_payloads_have_their_limits(timed: tuple[Lambda, ManualClock]) -> None:
    service, _ = timed
    too_large = "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    for kind, size, text in (
        ("Event", 6_291_457, too_large),
        (
            "Event",
            1_048_577,
            "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
        ),
        ("RequestResponse", 6_291_457, too_large),
    ):
        payload = b'"' + b"x" * (size - 2) + b'"'
        with pytest.raises(AwsError) as caught:
            await service.api.invoke(service.ctx(), function_name="f", payload=payload, invocation_type=kind)
        assert (caught.value.code, caught.value.status) == ("RequestEntityTooLargeException", 413)
        assert caught.value.message == text


SOURCE = " at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: "


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"n\x87r\x9e", f"Invalid UTF-8 start byte 0x87\n{SOURCE}3]"),
        (
            b"\x99\xeb,j",
            "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value "
            f"(JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n{SOURCE}1]",
        ),
    ],
)
def test_a_payload_that_is_not_json_is_refused_in_awss_words(payload: bytes, reason: str) -> None:
    with pytest.raises(AwsError) as caught:
        check_payload(payload, is_event=False)
    assert (caught.value.code, caught.value.status) == ("InvalidRequestContentException", 400)
    assert caught.value.message == (
        f"Could not parse request body into json: Could not parse payload into json: {reason}"
    )


@pytest.mark.parametrize(
    "payload",
    [b"{", b"[1,]", b"hello", b"'x'", b"NaN", b"{} x", b"[" * 100_000, b'"\xed\xa0\x80"', b" ", b"\x00"],
)
def test_nothing_but_json_reaches_a_function(payload: bytes) -> None:
    with pytest.raises(AwsError, match="Could not parse payload into json"):
        check_payload(payload, is_event=False)


def test_a_client_context_is_one_line_of_json() -> None:
    encoded = base64.b64encode('{"custom":\n {"ü": "a\\r\\nb"}}'.encode()).decode()
    line = parse_client_context(encoded)
    assert json.loads(line) == {"custom": {"ü": "a\r\nb"}}
    assert line.isascii()
    assert "\n" not in line
    for bad in ("%%%", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{").decode()):
        with pytest.raises(AwsError, match="Client context must be a valid Base64-encoded JSON object"):
            parse_client_context(bad)


async def test_an_event_whose_environment_is_killed_is_tried_again(
    timed: tuple[Lambda, ManualClock], tmp_path: Path
) -> None:
    service, clock = timed
    await service.create(
        "import time\n"
        "def handler(event, context):\n"
        "    with open(event, 'a') as file:\n        file.write('x\\n')\n"
        "    with open(event) as file:\n        time.sleep(60 if len(file.readlines()) == 1 else 0)\n",
        name="slow",
        timeout=100,
    )
    file = tmp_path / "slow"
    await service.invoke(str(file), name="slow", invocation_type="Event")
    await until(lambda: attempts(file), "the first attempt")
    template = service.api._core.runtimes.template(RUNTIME)._process
    assert template is not None
    template.kill()
    await settled(service)
    clock.advance(60)
    await until(lambda: len(attempts(file)) == 2, "the second attempt")
    await settled(service)
    assert await waiting(service) == 0
