"""The HTTP server of all fronts, against clients that mean well and others that do not."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import tracemalloc

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.data import ports
from sandbox.workloads.http.messages import Response, TooLargeError
from sandbox.workloads.http.server import Limits, serve

PATIENCE = 60
HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"


@contextlib.asynccontextmanager
async def serving(handler=None, **more):
    async def plain(request):
        return Response(200, [("X-Said", "yes")], b"fine")

    before = asyncio.all_tasks()
    server = await serve(handler or plain, **more)
    try:
        yield server
    finally:
        await server.close(1)
    async with asyncio.timeout(PATIENCE):
        while asyncio.all_tasks() - before or server.connections:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def say(port, *pieces, pause=0.0):
    """Send bytes, and return all that comes until the connection ends."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer else None


def ask(request, **more):
    async def run():
        async with serving(**more) as server:
            return await say(server.port, request)

    return asyncio.run(run())


def test_a_request_arrives_as_it_was_sent():
    seen = []

    async def handler(request):
        seen.append(request)
        return Response(201, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], b"made", "Made")

    head = b"PUT /a%2Fb//c?x=%zz&y=1+2 HTTP/1.1\r\nhost: here\r\nX-One: 1\r\nx-one: 2\r\nConnection: close\r\n"
    answer = ask(head + b"Content-Length: 4\r\n\r\nbody", handler=handler)
    (request,) = seen
    assert (request.method, request.target, request.body) == ("PUT", "/a%2Fb//c?x=%zz&y=1+2", b"body")
    assert (request.path, request.query, request.client) == ("/a%2Fb//c", "x=%zz&y=1+2", "127.0.0.1")
    assert request.headers[1:3] == [("X-One", "1"), ("x-one", "2")]
    assert request.values("X-ONE") == ["1", "2"]
    assert answer.startswith(b"HTTP/1.1 201 Made\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n")
    assert answer.endswith(b"\r\n\r\nmade")
    assert answer.count(b"Content-Length: 4") == 1


@pytest.mark.parametrize(
    ("target", "seen"),
    [("http://else.where/x?y=1", "/x?y=1"), ("http://else.where", "/"), ("http://else.where?q", "/?q"), ("/", "/")],
)
def test_a_target_is_path_and_query(target, seen):
    async def handler(request):
        return Response(200, [], request.target.encode())

    answer = ask(f"GET {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode(), handler=handler)
    assert answer.endswith(b"\r\n\r\n" + seen.encode())


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (HEAD + b"No colon\r\n\r\n", 400),
        (HEAD + b"Bad name: 1\r\n\r\n", 400),
        (HEAD + b"Null: a\x00b\r\n\r\n", 400),
        (HEAD + b"Content-Length: x\r\n\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"CONNECT here:80 HTTP/1.1\r\nHost: here\r\n\r\n", 400),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414),
        (b"GET /" + b"a" * 300_000, 414),
        (HEAD + b"X: " + b"a" * 17_000 + b"\r\n\r\n", 431),
        (HEAD + b"X: " + b"a" * 300_000, 431),
        (HEAD + b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 1500 + b"\r\n", 431),
        (HEAD + b"Content-Length: 101\r\n\r\n", 413),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b"a" * 101 + b"\r\n0\r\n\r\n", 413),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_ends(request_bytes, expected):
    async def run():
        async with serving(limits=Limits(body=100)) as server:
            answer = await say(server.port, request_bytes)
            assert status(answer) == expected
            assert b"Connection: close" in answer
            # The front stays up.
            assert status(await say(server.port, HEAD + b"Connection: close\r\n\r\n")) == 200

    asyncio.run(run())


def test_a_front_says_faults_in_its_own_words():
    def refuse(fault):
        return Response(418, [("Content-Type", "application/json")], f'{{"fault": "{fault}"}}'.encode())

    assert ask(b"nonsense\r\n\r\n", refuse=refuse).endswith(b'{"fault": "malformed"}')
    assert ask(HEAD + b"X: " + b"a" * 70_000 + b"\r\n\r\n", refuse=refuse).endswith(b'{"fault": "headers-too-large"}')


def test_a_failing_handler_is_a_status_and_leaves_the_connection(caplog):
    async def run():
        async def handler(request):
            if request.path == "/large":
                raise TooLargeError
            message = "broken"
            raise ConnectionResetError(message)

        async with serving(handler) as server, aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.get(f"http://127.0.0.1:{server.port}/") as answer:
                    assert (answer.status, await answer.read()) == (500, b"")
            async with session.get(f"http://127.0.0.1:{server.port}/large") as answer:
                assert answer.status == 413

    asyncio.run(run())
    assert "ConnectionResetError: broken" in caplog.text


def test_whoever_waits_to_be_told_to_go_on_is_told():
    async def run():
        async def handler(request):
            return Response(200, [("Connection", "close")], request.body)

        async with serving(handler) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(HEAD + b"Content-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
                writer.write(b"body")
                assert (await reader.read()).endswith(b"body")
            writer.close()
            await writer.wait_closed()

    asyncio.run(run())


@pytest.mark.parametrize("beginning", [b"G", HEAD, HEAD + b"Content-Length: 10\r\n\r\nhalf"])
def test_who_does_not_go_on_is_told_and_let_go(beginning):
    assert status(ask(beginning, limits=Limits(idle=0.2))) == 408


def test_a_head_that_drips_in_is_cut_off():
    async def run():
        async with serving(limits=Limits(idle=0.5)) as server:
            drops = [HEAD, *[b"X: a\r\n"] * 500]
            answer = await say(server.port, *drops, pause=0.01)
            # By then the client writes to a closed connection, and may not get to read.
            assert status(answer) in {408, None}

    asyncio.run(run())


def test_who_says_nothing_is_let_go_without_a_word():
    assert ask(b"", limits=Limits(idle=0.2)) == b""


def test_half_a_request_and_gone_leaves_nothing():
    async def run():
        async with serving() as server:
            for beginning in (b"", b"GE", HEAD, HEAD + b"Content-Length: 10\r\n\r\nhalf"):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(beginning)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            assert status(await say(server.port, HEAD + b"Connection: close\r\n\r\n")) == 200
            async with asyncio.timeout(PATIENCE):
                while server.connections:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.01)

    asyncio.run(run())


@pytest.mark.parametrize("abandon", [True, False])
def test_a_handler_ends_with_its_client_only_if_it_shall(abandon):
    async def run():
        began, ended = asyncio.Event(), []
        go_on = asyncio.Event()

        async def handler(request):
            began.set()
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise
            ended.append("done")
            return Response(200)

        async with serving(handler, abandon=abandon) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(HEAD + b"\r\n")
            await began.wait()
            writer.close()
            await writer.wait_closed()
            async with asyncio.timeout(PATIENCE):
                while abandon and not ended:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.01)
            go_on.set()
        assert ended == ["cancelled" if abandon else "done"]

    asyncio.run(run())


def test_closing_ends_what_takes_too_long():
    async def run():
        began, ended = asyncio.Event(), asyncio.Event()

        async def handler(request):
            began.set()
            try:
                await asyncio.sleep(3600)
            finally:
                ended.set()

        async with serving(handler) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(HEAD + b"\r\n")
            await began.wait()
            writer.close()
            await writer.wait_closed()
        assert ended.is_set()

    asyncio.run(run())


def test_who_does_not_read_an_answer_is_let_go():
    async def run():
        closed = asyncio.Event()

        async def endless():
            try:
                while True:
                    yield b"x" * 65_536
            finally:
                closed.set()

        async def handler(request):
            return Response(200, [], endless())

        async with serving(handler, limits=Limits(idle=0.2)) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
            writer.write(HEAD + b"\r\n")
            async with asyncio.timeout(PATIENCE):
                await closed.wait()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    asyncio.run(run())


def test_a_body_that_breaks_off_does_not_look_whole():
    async def broken():
        yield b"half"
        message = "gone"
        raise ConnectionResetError(message)

    async def handler(request):
        length = [("Content-Length", "8")] if request.path == "/length" else []
        return Response(200, length, broken())

    chunked = ask(HEAD + b"\r\n", handler=handler)
    assert chunked.endswith(b"half\r\n")
    assert not chunked.endswith(b"0\r\n\r\n")
    assert ask(b"GET /length HTTP/1.1\r\nHost: here\r\n\r\n", handler=handler).endswith(b"\r\n\r\nhalf")


@pytest.mark.parametrize(
    ("head", "answer", "end"),
    [
        (b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", (200, b"body"), b"Content-Length: 4"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", (204, b""), b"Connection: close"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", (304, b""), b"Connection: close"),
        (b"GET / HTTP/1.0\r\n\r\n", (200, b"body"), b"body"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", (999, b"odd"), b"odd"),
    ],
)
def test_bodies_are_where_http_has_them(head, answer, end):
    async def handler(request):
        return Response(answer[0], [], answer[1])

    said = ask(head, handler=handler)
    assert status(said) == answer[0]
    head, _, body = said.partition(b"\r\n\r\n")
    assert end in head or end == body
    assert (b"Content-Length" in head) == (answer[0] not in {204, 304})


def test_headers_of_a_connection_and_line_breaks_are_not_passed_on():
    async def handler(request):
        if request.path == "/inject":
            return Response(200, [("X-A", "a\r\nX-B: b")])
        return Response(
            200, [("Keep-Alive", "5"), ("Connection", "x-own"), ("X-Own", "1"), ("Content-Length", "99")], b"1"
        )

    answer = ask(HEAD + b"Connection: close\r\n\r\n", handler=handler)
    assert b"Keep-Alive" not in answer
    assert b"X-Own" not in answer
    assert b"Content-Length: 1\r\n" in answer
    assert b"\r\nX-B: b" not in ask(b"GET /inject HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", handler=handler)


def test_large_bodies_stream_both_ways():
    size = 32 * 1024 * 1024

    async def run():
        async def handler(request):
            assert request.body == b""

            async def back():
                async for piece in request.stream:
                    yield piece

            return Response(200, [], back())

        async with serving(handler, streaming=True) as server, aiohttp.ClientSession() as session:
            tracemalloc.start()
            data = io.BytesIO(b"a" * size)
            async with session.post(f"http://127.0.0.1:{server.port}/", data=data) as answer:
                assert sum([len(piece) async for piece in answer.content.iter_any()]) == size
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < size + 8 * 1024 * 1024

    asyncio.run(run())


def test_a_taken_port_is_replaced_by_a_free_one():
    async def run():
        with ports.listen() as taken:
            wanted = taken.getsockname()[1]
            async with serving(port=wanted) as server:
                assert server.port != wanted
                assert status(await say(server.port, HEAD + b"Connection: close\r\n\r\n")) == 200

    asyncio.run(run())


def test_a_thousand_clients_at_once_are_all_answered():
    async def run():
        arrived, everybody = [], asyncio.Event()

        async def handler(request):
            arrived.append(request)
            if len(arrived) == 1000:
                everybody.set()
            await everybody.wait()
            return Response(200, [], b"fine")

        async with serving(handler) as server:
            answers = await asyncio.gather(
                *(say(server.port, HEAD + b"Connection: close\r\n\r\n") for _ in range(1000))
            )
            assert {status(answer) for answer in answers} == {200}

    asyncio.run(run())


def test_many_requests_leave_no_memory_behind():
    async def run():
        async with serving() as server:

            async def many(count):
                for _ in range(count):
                    await say(server.port, HEAD + b"Connection: close\r\n\r\n")
                    await say(server.port, b"nonsense\r\n\r\n")
                gc.collect()
                return len(gc.get_objects())

            await many(30)
            before = await many(30)
            assert await many(100) - before < 1000

    asyncio.run(run())


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_bytes_come_the_front_answers_or_lets_go(pieces):
    async def run():
        async with serving(limits=Limits(idle=0.05)) as server:
            answer = await say(server.port, *pieces)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
            assert status(await say(server.port, HEAD + b"Connection: close\r\n\r\n")) == 200

    asyncio.run(run())
