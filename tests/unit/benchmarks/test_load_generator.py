from __future__ import annotations

import pytest
from benchmarks.load import generate

from noria.http.server import HttpServer
from noria.http.types import Request, Response

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("status", [200, 400])
async def test_the_generator_counts_every_answer_and_those_that_are_no_success(status: int) -> None:
    answered = 0

    async def handler(request: Request) -> Response:
        nonlocal answered
        assert request.body == b"{}"
        answered += 1
        return Response(status, b"{}")

    server = HttpServer(handler, max_body_bytes=10)
    port = await server.start("127.0.0.1", 0)
    try:
        load = await generate(port, REQUEST, connections=4, seconds=0.05)
    finally:
        await server.stop(1)
    assert load.requests > 4
    assert answered - 4 <= load.requests <= answered  # the last ones are cut off
    assert load.errors == (0 if status == 200 else load.requests)
    assert 0 < load.p50_ms <= load.p99_ms
