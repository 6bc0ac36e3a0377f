"""What is bounded: bodies, connections, time; and how the server stops."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.http import GET, LIMIT, Client, Run, age, served, until

from noria.http import connection
from noria.http.server import HttpServer
from noria.http.types import Request, Response


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
