"""The HTTP server, byte by byte, on both event loops."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvloop

from noria.clock import ManualClock
from noria.http import answering, connection
from noria.http.server import HttpServer
from noria.http.types import Handler, Request, Response

Run = Callable[[Coroutine[Any, Any, None]], None]
GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
LIMIT = 1000


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    loop_run: Run = request.param
    return loop_run


async def echo(request: Request) -> Response:
    headers = [("X-Seen", ",".join(sorted(request.headers)))]
    text = f"{request.method} {request.path}|{request.query}|".encode()
    return Response(200, text + request.body, headers)


class Client:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:-2])
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
            return int(head[0].split()[1]), headers, body

    async def ask(self, data: bytes) -> tuple[int, bytes]:
        self.send(data)
        status, _, body = await self.answer()
        return status, body

    async def closed(self) -> bool:
        """Whether the server closes without another byte."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    async def close(self) -> None:
        self.writer.transport.abort()
        with suppress(OSError):
            await self.writer.wait_closed()


@asynccontextmanager
async def served(
    handler: Handler = echo, **options: Any
) -> AsyncIterator[tuple[HttpServer, Callable[[], Awaitable[Client]]]]:
    server = HttpServer(handler, max_body_bytes=LIMIT, **options)
    port = await server.start("127.0.0.1", 0)
    clients: list[Client] = []

    async def connect() -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", port)))
        return clients[-1]

    try:
        yield server, connect
    finally:
        for client in clients:
            await client.close()
        await server.stop(5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.001)


async def age(server: HttpServer, seconds: int) -> None:
    """Let the server's sweep run, as if so many seconds had passed."""
    for _ in range(seconds):
        sweep = server._sweep
        server._tick()
        if sweep is not None:
            sweep.cancel()


def post(body: bytes, *headers: str, path: str = "/p") -> bytes:
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def test_a_request_is_answered_and_the_connection_kept(run: Run) -> None:
    async def scenario() -> None:
        async with served(clock=ManualClock(784_111_777.0)) as (_, connect):
            client = await connect()
            for _ in range(2):
                client.send(post(b"body", "X-A: 1", path="/p%20q?x=%41&y"))
                status, headers, body = await client.answer()
                assert (status, body) == (200, b"POST /p%20q|x=%41&y|body")
                assert headers == {
                    "date": "sun, 06 nov 1994 08:49:37 gmt",
                    "x-seen": "content-length,host,x-a",
                    "content-length": "24",
                }

    run(scenario())


def test_a_request_may_arrive_byte_by_byte(run: Run) -> None:
    async def scenario() -> None:
        async with served() as (_, connect):
            client = await connect()
            for byte in post(b"abc", path="http://host:1/x?y"):
                client.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await client.answer())[2] == b"POST /x|y|abc"

    run(scenario())


def test_pipelined_requests_are_answered_in_order_and_reading_is_bounded(run: Run) -> None:
    async def scenario() -> None:
        turns: list[asyncio.Future[None]] = []

        async def slow(request: Request) -> Response:
            turns.append(asyncio.get_running_loop().create_future())
            await turns[-1]
            return Response(200, request.path.encode())

        async with served(slow) as (server, connect):
            client = await connect()
            count = 200
            for n in range(count):
                client.send(f"GET /{n} HTTP/1.1\r\nHost: h\r\nX: {'x' * 2000}\r\n\r\n".encode())
            for n in range(count):
                await until(lambda n=n: len(turns) > n)  # type: ignore[misc]
                assert len(turns) == n + 1  # one at a time
                (one,) = server.connections
                assert len(one._pending) <= answering.MAX_PIPELINED + 2 * 131_072 // 2000
                turns[n].set_result(None)
                assert (await client.answer())[2] == f"/{n}".encode()

    run(scenario())


def test_a_vanished_client_cancels_its_poll_and_the_requests_behind_it(run: Run) -> None:
    async def scenario() -> None:
        seen: list[str] = []

        async def poll(request: Request) -> Response:
            request.abandonable = True
            seen.append(request.path)
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            raise AssertionError

        async with served(poll) as (server, connect):
            client = await connect()
            client.send(GET + GET)
            await until(lambda: bool(seen))
            client.writer.close()  # a polite end
            await until(lambda: not server.connections)
            other = await connect()
            other.send(GET)
            await until(lambda: len(seen) == 3)
            await other.close()  # a reset
            await until(lambda: not server.connections)
            assert seen == ["/a", "cancelled", "/a", "cancelled"]

    run(scenario())


def test_what_a_vanished_client_has_begun_is_finished(run: Run) -> None:
    async def scenario() -> None:
        seen: list[str] = []
        going_on = asyncio.Event()

        async def create(request: Request) -> Response:
            seen.append("begun")
            await going_on.wait()
            seen.append("finished")
            return Response(200)

        async with served(create) as (server, connect):
            client = await connect()
            client.send(GET)
            await until(lambda: bool(seen))
            await client.close()
            going_on.set()
            await until(lambda: not server.connections)
            assert seen == ["begun", "finished"]

    run(scenario())


def test_bodies_together_are_bounded_and_their_room_is_given_back(run: Run) -> None:
    async def scenario() -> None:
        post = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 600\r\n\r\n"
        async with served(max_held_bytes=1000) as (server, connect):
            slow = await connect()
            slow.send(post + b"x" * 500)
            await until(lambda: server.held_bytes == 500)
            other = await connect()
            assert (await other.ask(post + b"y" * 600))[0] == 503
            await slow.close()
            await until(lambda: server.held_bytes == 0)
            third = await connect()
            assert (await third.ask(post + b"z" * 600))[0] == 200
            assert server.held_bytes == 0

    run(scenario())


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


def test_connections_are_kept_as_the_client_says(run: Run) -> None:
    async def scenario() -> None:
        async with served() as (_, connect):
            old = await connect()
            old.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (await old.answer())[1]["connection"] == "keep-alive"
            old.send(b"GET / HTTP/1.0\r\n\r\n")
            assert (await old.answer())[1]["connection"] == "close"
            assert await old.closed()
            new = await connect()
            new.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + GET)
            assert (await new.answer())[1]["connection"] == "close"
            assert await new.closed()

    run(scenario())


def test_a_bug_is_an_empty_500_and_the_connection_lives(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async def handler(request: Request) -> Response:
            if request.path == "/bug":
                raise RuntimeError("the bug")
            return Response(200, b"", [("X", "a\r\nSet-Cookie: forged")] if request.path == "/split" else [])

        async with served(handler) as (_, connect):
            client = await connect()
            assert await client.ask(b"GET /bug HTTP/1.1\r\nHost: h\r\n\r\n") == (500, b"")
            client.send(b"GET /split HTTP/1.1\r\nHost: h\r\n\r\n")
            status, headers, _ = await client.answer()
            assert status == 500
            assert "set-cookie" not in headers
            assert (await client.ask(GET))[0] == 200

    run(scenario())
    assert "the bug" in caplog.text


def test_slow_senders_are_told_and_closed(run: Run) -> None:
    async def scenario() -> None:
        async with served() as (server, connect):
            head = await connect()
            head.send(b"GET / HTTP/1.1\r\nHost: h\r\n")
            body = await connect()
            body.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
            await until(lambda: sorted(c._phase for c in server.connections) == ["body", "head"])
            await age(server, connection.HEAD_TIMEOUT_S)
            assert sorted(c._phase for c in server.connections) == ["body", "head"]
            await age(server, 1)
            assert (await head.answer())[0] == 408
            assert await head.closed()
            await age(server, connection.BODY_TIMEOUT_S - connection.HEAD_TIMEOUT_S)
            assert (await body.answer())[0] == 408

    run(scenario())


def test_idle_connections_are_closed_but_never_while_a_request_runs(run: Run) -> None:
    async def scenario() -> None:
        gate = asyncio.get_running_loop().create_future()

        async def gated(request: Request) -> Response:
            await gate
            return Response(200)

        async with served(gated) as (server, connect):
            client = await connect()
            client.send(GET)
            await until(lambda: any(c._task is not None for c in server.connections))
            await age(server, 10 * connection.IDLE_TIMEOUT_S)
            gate.set_result(None)
            assert (await client.answer())[0] == 200
            await age(server, connection.IDLE_TIMEOUT_S)
            assert len(server.connections) == 1
            await age(server, 1)
            assert await client.closed()

    run(scenario())


def test_a_client_that_does_not_read_stops_being_served(run: Run) -> None:
    async def scenario() -> None:
        calls = 0

        async def big(request: Request) -> Response:
            nonlocal calls
            calls += 1
            return Response(200, b"x" * 4_000_000)

        async with served(big) as (server, connect):
            client = await connect()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.send(GET * 5)
            await until(lambda: any(c._blocked_since >= 0 for c in server.connections))
            served_before = calls
            await asyncio.sleep(0.02)
            assert calls == served_before < 5
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]
            for _ in range(5):
                assert len((await client.answer())[2]) == 4_000_000
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.send(GET * 5)
            await until(lambda: any(c._blocked_since >= 0 for c in server.connections))
            await age(server, connection.WRITE_TIMEOUT_S + 1)
            await until(lambda: not server.connections)

    run(scenario())


def test_more_connections_than_allowed_are_turned_away(run: Run) -> None:
    async def scenario() -> None:
        async with served(max_connections=1) as (_, connect):
            first = await connect()
            assert (await first.ask(GET))[0] == 200
            second = await connect()
            assert (await second.answer())[0] == 503
            assert await second.closed()
            assert (await first.ask(GET))[0] == 200

    run(scenario())


def test_stopping_closes_the_idle_finishes_the_running_and_accepts_no_more(run: Run) -> None:
    async def scenario() -> None:
        gate = asyncio.get_running_loop().create_future()

        async def gated(request: Request) -> Response:
            await gate
            return Response(200, b"done")

        server = HttpServer(gated, max_body_bytes=LIMIT)
        port = await server.start("127.0.0.1", 0)
        idle = Client(*await asyncio.open_connection("127.0.0.1", port))
        busy = Client(*await asyncio.open_connection("127.0.0.1", port))
        busy.send(GET)
        await until(lambda: any(c._task is not None for c in server.connections))
        stopping = asyncio.create_task(server.stop(30))
        assert await idle.closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        assert not stopping.done()
        gate.set_result(None)
        status, headers, body = await busy.answer()
        assert (status, headers["connection"], body) == (200, "close", b"done")
        await asyncio.wait_for(stopping, 5)
        await idle.close()
        await busy.close()

    run(scenario())


def test_stopping_cancels_what_outlives_the_grace_and_waits_for_it_to_end(run: Run) -> None:
    async def scenario() -> None:
        ended: list[str] = []

        async def stuck(request: Request) -> Response:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.sleep(0)
                ended.append(request.path)
            raise AssertionError

        server = HttpServer(stuck, max_body_bytes=LIMIT)
        port = await server.start("127.0.0.1", 0)
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        client.send(GET)
        await until(lambda: any(c._task is not None for c in server.connections))
        await server.stop(0)
        assert ended == ["/a"]
        await client.close()

    run(scenario())


def test_a_port_in_use_is_an_oserror(run: Run) -> None:
    async def scenario() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(OSError, match=re.compile("in use", re.IGNORECASE)):
                await HttpServer(echo, max_body_bytes=1).start("127.0.0.1", taken.getsockname()[1])

    run(scenario())


def test_a_name_is_served_on_all_its_addresses(run: Run) -> None:
    async def scenario() -> None:
        server = HttpServer(echo, max_body_bytes=LIMIT)
        port = await server.start("localhost", 0)
        for info in await asyncio.get_running_loop().getaddrinfo("localhost", port, type=socket.SOCK_STREAM):
            if info[0] == socket.AF_INET6 and not _has_ipv6():
                continue
            client = Client(*await asyncio.open_connection(str(info[4][0]), port))
            assert (await client.ask(GET))[0] == 200
            await client.close()
        await server.stop(5)

    run(scenario())


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6(run: Run, host: str) -> None:
    if not _has_ipv6():
        pytest.skip("no IPv6 here")

    async def scenario() -> None:
        peers: list[str] = []

        async def handler(request: Request) -> Response:
            peers.append(request.peer)
            return Response(200)

        server = HttpServer(handler, max_body_bytes=LIMIT)
        port = await server.start(host, 0)
        client = Client(*await asyncio.open_connection("::1", port))
        assert (await client.ask(GET))[0] == 200
        assert peers == ["::1"]
        await client.close()
        await server.stop(5)

    run(scenario())


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
