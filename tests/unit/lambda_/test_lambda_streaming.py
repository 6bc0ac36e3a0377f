"""Answers that are streamed: passed on while the function still writes, by Invoke and by function URLs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.lambda_.conftest import Lambda, until
from tests.unit.lambda_.test_lambda_urls import fetch, url_of

from noria.clock import SystemClock
from noria.http.types import StreamedResponse
from noria.services.lambda_ import response_stream
from noria.services.lambda_.response_stream import ResponseStream

SOURCE = """\
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

const { streamifyResponse, HttpResponseStream } = awslambda;

// Writes, and goes on once the file is there that the event names.
export const slow = streamifyResponse(async (event, stream) => {
  stream.setContentType("text/plain");
  stream.write("first ");
  while (!existsSync(event.path)) await setTimeout(10);
  stream.end("second");
});
export const torn = streamifyResponse(async (event, stream) => {
  stream.write("first ");
  throw new Error("torn");
});
export const http = streamifyResponse(async (event, stream) => {
  const answer = HttpResponseStream.from(stream, {
    statusCode: 201, headers: { "x-kind": "streamed", "content-type": "text/plain" }, cookies: ["a=1"],
  });
  answer.write("one ");
  answer.end("two");
});
export const large = streamifyResponse(async (event, stream) => {
  for (let i = 0; i < event.parts; i++) {
    if (!stream.write(Buffer.alloc(1 << 16, "x"))) await new Promise((go) => stream.once("drain", go));
  }
  stream.end();
});
export const plain = async (event) => ({ statusCode: 418, body: "plain" });
"""


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Lambda]:
    """Not isolated, so that functions can look for a file of a test's."""
    lambda_service = Lambda(tmp_path / "data", SystemClock(), isolation="none")
    await lambda_service.start()
    yield lambda_service
    await lambda_service.stop()


async def create(service: Lambda, handler: str, **members: Any) -> None:
    await service.create({"index.mjs": SOURCE}, handler=f"index.{handler}", runtime="nodejs22.x", **members)


async def invoke(service: Lambda, event: object = None, **members: Any) -> tuple[dict[str, Any], Any]:
    """(the answer, its events)."""
    payload = json.dumps(event).encode()
    answer = await service.api.invoke_with_response_stream(
        service.ctx(), function_name="f", payload=payload, **members
    )
    return answer, answer["EventStream"]


async def test_what_is_written_arrives_before_the_end(service: Lambda, tmp_path: Path) -> None:
    await create(service, "slow", timeout=30)
    told = tmp_path / "told"
    answer, events = await invoke(service, {"path": str(told)}, log_type="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert await anext(events) == {"PayloadChunk": {"Payload": b"first "}}
    await asyncio.to_thread(told.touch)  # only now can it go on
    assert await anext(events) == {"PayloadChunk": {"Payload": b"second"}}
    complete = (await anext(events))["InvokeComplete"]
    assert complete.keys() == {"LogResult"}
    assert [event async for event in events] == []


async def test_a_stream_that_tears_says_why(service: Lambda) -> None:
    await create(service, "torn")
    _, events = await invoke(service)
    first, last = [event async for event in events]
    assert first == {"PayloadChunk": {"Payload": b"first "}}
    complete = last["InvokeComplete"]
    assert complete["ErrorCode"] == "Unhandled"
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "torn"


async def test_an_environment_that_times_out_ends_its_stream(service: Lambda) -> None:
    await create(service, "slow", timeout=1)
    _, events = await invoke(service, {"path": "/nowhere"})
    first, last = [event async for event in events]
    assert first == {"PayloadChunk": {"Payload": b"first "}}
    assert "Task timed out after 1.00 seconds" in last["InvokeComplete"]["ErrorDetails"]


async def test_a_function_outlives_its_client(service: Lambda, tmp_path: Path) -> None:
    await create(service, "slow", timeout=30)
    told = tmp_path / "told"
    _, events = await invoke(service, {"path": str(told)})
    await anext(events)
    await events.aclose()
    await asyncio.to_thread(told.touch)
    await until(lambda: any(line.startswith("REPORT") for line in service.logs.lines("f")), "it ends")
    assert "Status: " not in service.logs.lines("f")[-1]  # well
    assert (await service.invoke({"path": str(told)}))["Payload"] == b"first second"


async def test_a_slow_client_holds_the_function_up(service: Lambda) -> None:
    """Of 20 MB no more than a part is held; and all arrives."""
    await create(service, "large", timeout=30)
    _, events = await invoke(service, {"parts": 320})
    size = 0
    async for event in events:
        size += len(event["PayloadChunk"]["Payload"]) if "PayloadChunk" in event else 0
    assert size == 320 << 16


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_stream, "HELD_BYTES", 4)
    stream, resumed = ResponseStream(), []
    assert stream.write(b"abc", lambda: resumed.append(1))
    assert not stream.write(b"de", lambda: resumed.append(1))
    stream.drop()
    assert resumed == [1]
    assert stream.write(b"dropped", lambda: resumed.append(2))


async def test_what_is_too_much_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_stream, "LARGEST_BYTES", 4)
    stream = ResponseStream()
    for part in (b"abc", b"def", b"ghi"):
        stream.write(part, lambda: None)
    stream.end()
    assert [part async for part in stream.parts()] == [b"abc", b"d"]


async def streamed(service: Lambda, url: str) -> tuple[StreamedResponse, bytes]:
    response = await fetch(service, url)
    assert isinstance(response, StreamedResponse)
    return response, b"".join([part async for part in response.parts])


async def test_a_url_streams_with_the_status_that_the_function_gives(service: Lambda) -> None:
    await create(service, "http")
    url = await url_of(service, invoke_mode="RESPONSE_STREAM")
    config = await service.api.get_function_url_config(service.ctx(), function_name="f")
    assert config["InvokeMode"] == "RESPONSE_STREAM"
    response, body = await streamed(service, url)
    assert (response.status, body) == (201, b"one two")
    headers = dict(response.headers)
    assert (headers["x-kind"], headers["content-type"], headers["Set-Cookie"]) == (
        "streamed", "text/plain", "a=1",
    )  # fmt: skip


async def test_a_url_streams_what_has_no_status_as_it_is(service: Lambda) -> None:
    await create(service, "torn")
    response, body = await streamed(service, await url_of(service, invoke_mode="RESPONSE_STREAM"))
    assert (response.status, body) == (200, b"first ")
    assert dict(response.headers)["Content-Type"] == "application/octet-stream"


async def test_a_function_that_does_not_stream_is_answered_raw(service: Lambda) -> None:
    await create(service, "plain")
    url = await url_of(service, invoke_mode="RESPONSE_STREAM")
    response = await fetch(service, url)
    assert (response.status, json.loads(response.body)) == (200, {"statusCode": 418, "body": "plain"})
    await service.api.update_function_url_config(service.ctx(), function_name="f", invoke_mode="BUFFERED")
    response = await fetch(service, url)
    assert (response.status, response.body) == (418, b"plain")
