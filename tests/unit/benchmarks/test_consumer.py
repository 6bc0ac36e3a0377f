from __future__ import annotations

import json
import time
from datetime import datetime

import pytest
from benchmarks.consumer import Job, run, signer
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from noria.http.server import HttpServer
from noria.http.types import Request, Response

JOB = Job(1234, "http://127.0.0.1:1234/1/q", "AKIDEXAMPLE", "secret", 2, 30, 5)


def test_a_request_is_signed_as_botocore_signs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.gmtime()
    sent = signer(JOB, "DeleteMessageBatch", now)(b'{"a": 1}')
    head = dict(line.split(": ", 1) for line in sent.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:])
    names = ("Content-Type", "X-Amz-Target", "Host")
    request = AWSRequest(
        "POST", "http://127.0.0.1:1234/", data=b'{"a": 1}', headers={name: head[name] for name in names}
    )
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime(*now[:6]))
    SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), "sqs", "us-east-1").add_auth(request)
    assert head["Authorization"] == request.headers["Authorization"]


async def test_what_is_received_is_deleted_until_it_is_enough() -> None:
    deleted: list[str] = []

    async def handler(request: Request) -> Response:
        body = json.loads(request.body)
        if "Entries" not in body:
            assert body["MaxNumberOfMessages"] == 10
            return Response(200, json.dumps({"Messages": [{"ReceiptHandle": "r"}] * 10}).encode())
        deleted.extend(entry["ReceiptHandle"] for entry in body["Entries"])
        return Response(200, json.dumps({"Successful": body["Entries"], "Failed": []}).encode())

    server = HttpServer(handler, max_body_bytes=10_000)
    port = await server.start("127.0.0.1", 0)
    try:
        job = Job(port, "q", "a", "s", 2, 30, 5)
        consumed = await run(job, lambda: None)
    finally:
        await server.stop(1)
    assert (consumed.messages, consumed.error) == (30, "")
    assert deleted == ["r"] * 30


async def test_an_empty_queue_ends_it_and_a_failure_is_told() -> None:
    answers = [Response(200, b"{}"), Response(400, b"why")]

    async def handler(request: Request) -> Response:
        return answers.pop(0)

    server = HttpServer(handler, max_body_bytes=10_000)
    port = await server.start("127.0.0.1", 0)
    try:
        job = Job(port, "q", "a", "s", 1, 30, 5)
        assert (await run(job, lambda: None)).error == ""
        assert (await run(job, lambda: None)).error == "why"
    finally:
        await server.stop(1)
