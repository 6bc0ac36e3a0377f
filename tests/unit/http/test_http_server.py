"""The HTTP server, byte by byte, on both event loops."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest
from tests.support.http import GET, LIMIT, Client, Run, echo, post, served, until

from noria.clock import ManualClock
from noria.http import answering
from noria.http.server import HttpServer
from noria.http.types import Request, Response


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
