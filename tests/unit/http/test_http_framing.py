"""Where a request begins and ends, and what is no request."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.http import GET, LIMIT, Run, served, until

from noria.http import connection
from noria.http.types import Request, Response


@pytest.mark.parametrize(
    "request_",
    [
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: h\r\n\r\n",
        b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET ftp://h/x HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_not_plain_http_is_a_400_and_the_end(run: Run, request_: bytes) -> None:
    async def scenario() -> None:
        async with served() as (_, connect):
            client = await connect()
            client.send(GET + request_ + GET)
            assert (await client.answer())[0] == 200  # the one before it had its answer
            status, headers, _ = await client.answer()
            assert (status, headers["connection"]) == (400, "close")
            assert await client.closed()

    run(scenario())


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * connection.MAX_HEAD_BYTES,
        b"GET /" + b"x" * connection.MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(connection.MAX_HEADERS)),
    ],
)
def test_headers_are_bounded_in_number_and_size(run: Run, head: bytes) -> None:
    async def scenario() -> None:
        async with served() as (_, connect):
            client = await connect()
            client.send(head + b"Y: y\r\nZ: z\r\n")
            assert (await client.answer())[0] == 431
            assert await client.closed()

    run(scenario())


def test_a_declared_body_over_the_limit_is_refused_before_it_is_read(run: Run) -> None:
    async def scenario() -> None:
        async with served() as (_, connect):
            client = await connect()
            head = f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {LIMIT + 1}\r\n\r\n".encode()
            client.send(head)
            status, headers, body = await client.answer()
            assert (status, headers["connection"]) == (413, "close")
            assert headers["x-amzn-errortype"] == "requestentitytoolargeexception"
            assert body == (
                b'{"__type":"RequestEntityTooLargeException",'
                b'"message":"The request\'s body must be smaller than 1000 bytes."}'
            )
            client.send(b"x" * LIMIT)  # is read and thrown away: no reset before the client has its answer
            assert await client.closed()

    run(scenario())


def test_a_chunked_body_is_put_together_and_bounded(run: Run) -> None:
    async def scenario() -> None:
        async with served() as (_, connect):
            client = await connect()
            head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            status, body = await client.ask(head + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n")
            assert (status, body) == (200, b"POST /||abcde")
            client.send(head + b"3e8\r\n" + b"x" * LIMIT + b"\r\n1\r\n")
            client.send(b"x\r\n")
            assert (await client.answer())[0] == 413
            assert await client.closed()

    run(scenario())


def test_trailers_add_no_headers(run: Run) -> None:
    async def scenario() -> None:
        async with served() as (_, connect):
            client = await connect()
            client.send(
                b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"0\r\nAuthorization: forged\r\n\r\n"
            )
            assert (await client.answer())[1]["x-seen"] == "host,transfer-encoding"

    run(scenario())


def test_framing_that_outweighs_the_body_is_refused(run: Run) -> None:
    async def scenario() -> None:
        async with served() as (_, connect):
            client = await connect()
            client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send(b"1;" + b"x" * 3 * connection.MAX_HEAD_BYTES)
            assert (await client.answer())[0] == 400

    run(scenario())


def test_expect_100_continue_gets_its_go_ahead_or_the_refusal_itself(run: Run) -> None:
    async def scenario() -> None:
        async with served() as (_, connect):
            client = await connect()
            head = "POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n"
            client.send(head.format(3).encode())
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert await client.ask(b"abc") == (200, b"POST /p||abc")
            client.send(head.format(LIMIT + 1).encode())
            assert (await client.answer())[0] == 413
            other = await connect()
            assert (await other.ask(b"GET / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n"))[0] == 417

    run(scenario())


def test_the_go_ahead_waits_for_the_answers_before_it(run: Run) -> None:
    async def scenario() -> None:
        gate = asyncio.get_running_loop().create_future()

        async def gated(request: Request) -> Response:
            if request.path == "/first":
                await gate
            return Response(200, request.body)

        async with served(gated) as (server, connect):
            client = await connect()
            client.send(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
            client.send(b"POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            await until(lambda: any(c._continue_due for c in server.connections))
            gate.set_result(None)
            assert (await client.answer())[0] == 200
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert await client.ask(b"ok") == (200, b"ok")

    run(scenario())


@pytest.mark.parametrize(
    "framing", ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
def test_offers_of_other_protocols_are_ignored_and_no_body_is_lost(run: Run, framing: str) -> None:
    async def scenario() -> None:
        async with served() as (_, connect):
            client = await connect()
            for protocol in ("h2c", "TLS/1.2", "websocket"):
                head = f"POST /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
                get = f"GET /g HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
                client.send((head + framing + get).encode() + GET)
                assert (await client.answer())[2] == b"POST /u||abc"
                assert (await client.answer())[2] == b"GET /g||"
                assert (await client.answer())[2] == b"GET /a||"

    run(scenario())


def test_head_and_204_have_no_body(run: Run) -> None:
    async def scenario() -> None:
        async def handler(request: Request) -> Response:
            return Response(204 if request.path == "/204" else 200, b"" if request.path == "/204" else b"xyz")

        async with served(handler) as (_, connect):
            client = await connect()
            client.send(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET /204 HTTP/1.1\r\nHost: h\r\n\r\n")
            head = await client.reader.readuntil(b"\r\n\r\n")
            assert b"Content-Length: 3\r\n" in head
            status, headers, _ = await client.answer()
            assert status == 204
            assert "content-length" not in headers
            assert await client.ask(GET) == (200, b"xyz")

    run(scenario())
