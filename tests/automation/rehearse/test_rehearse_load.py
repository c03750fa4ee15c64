"""The load: requests at a rate whatever the server does, and figures that its stalls cannot hide from."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import psutil
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import UserError
from automation.rehearse.generator import Generator, Schedule
from automation.rehearse.load import sending, warm_up
from automation.rehearse.samples import Sample

PATIENCE = 60


@asynccontextmanager
async def server(handler: object) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)  # pyright: ignore[reportArgumentType]
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def run(url: str, rate: float, seconds: float, connections: int = 8, patience: float = 10) -> list[Sample]:
    now = time.monotonic()
    generator = Generator(url, Schedule(rate, now, now + seconds), patience, 0.0)
    await generator.run(connections)
    return [Sample(*row) for row in generator.ended]


@given(st.floats(1, 1000), st.floats(1, 1000), st.integers(0, 50))
def test_a_schedule_keeps_its_rate_and_what_is_late_stays_late(first: float, second: float, taken: int) -> None:
    schedule = Schedule(first, 100.0)
    dues = [schedule.take() for _ in range(taken + 1)]
    assert dues == pytest.approx([100.0 + number / first for number in range(taken + 1)])
    now = dues[-1]
    schedule.change(second, now)
    assert schedule.take() == pytest.approx(now + 1 / max(first, second))
    schedule.change(second, schedule.due + 1000)
    late = schedule.due
    assert schedule.take() == late


def test_every_request_is_sent_and_told_of_once() -> None:
    seen: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        seen.append(str(request.remote))
        return web.Response(text="ok")

    async def test() -> list[Sample]:
        async with server(answer) as url:
            return await run(url, 100, 1.0)

    samples = asyncio.run(test())
    assert len(samples) == len(seen)
    assert 60 <= len(samples) <= 101
    assert {one.failure for one in samples} == {""}
    assert all(one.latency >= one.waited >= 0 for one in samples)


def test_clients_have_addresses_of_their_own_where_a_machine_has_many() -> None:
    seen: set[str] = set()

    async def answer(request: web.BaseRequest) -> web.Response:
        seen.add(str(request.remote))
        return web.Response()

    async def test() -> None:
        async with server(answer) as url:
            await run(url, 100, 0.5, connections=4)

    asyncio.run(test())
    assert seen <= {"127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4", "127.0.0.1"}


def test_a_server_that_stalls_cannot_hide_the_requests_behind_the_stall() -> None:
    began: list[float] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        began.append(time.monotonic())
        # All that came in the first second is held until it is over.
        await asyncio.sleep(max(0.0, began[0] + 1.0 - time.monotonic()))
        return web.Response()

    async def test() -> list[Sample]:
        async with server(answer) as url:
            return await run(url, 50, 1.5, connections=2)

    samples = sorted(asyncio.run(test()), key=lambda one: one.due)
    # Two connections saw the stall; some fifty people did.
    slow = [one for one in samples if one.latency > 0.3]
    assert len(slow) >= 25
    assert max(one.waited for one in samples) > 0.5


def test_what_goes_wrong_is_told_apart() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/502":
            return web.Response(status=502)
        if request.path == "/slow":
            await asyncio.sleep(30)
        if request.path == "/cut":
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b"half")
            request.transport.abort()  # pyright: ignore[reportOptionalMemberAccess]
            return response
        if request.path == "/closed":
            request.transport.abort()  # pyright: ignore[reportOptionalMemberAccess]
        return web.Response()

    async def test() -> dict[str, set[str]]:
        async with server(answer) as url:
            return {
                path: {one.failure for one in await run(url + path, 10, 0.3, patience=1)}
                for path in ("502", "slow", "cut", "closed")
            }

    found = asyncio.run(test())
    assert found["502"] == {"status 502"}
    assert found["slow"] == {"no answer in time"}
    assert found["cut"] == {"answer cut short"}
    assert found["closed"] <= {"connection closed without an answer", "connection reset"}


def test_a_port_without_a_server_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert {one.failure for one in asyncio.run(run(f"http://127.0.0.1:{port}/", 20, 0.3))} == {"connection refused"}


def test_a_request_that_never_gets_a_connection_is_one_that_failed() -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async def test() -> list[Sample]:
        async with server(answer) as url:
            return await run(url, 20, 0.5, connections=1, patience=0.6)

    found = {one.failure for one in asyncio.run(test())}
    assert found <= {"no answer in time", "no free connection in time"}
    assert "no free connection in time" in found


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def waited(condition: object, seconds: float = PATIENCE) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # pyright: ignore[reportCallIssue]
            return True
        time.sleep(0.05)
    return False


@pytest.mark.e2e
def test_a_load_is_steered_and_ends_with_its_block() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    with sending(f"http://127.0.0.1:{free}/", 5) as load:
        assert waited(lambda: len(load.samples) > 2)
        load.change(200)
        before = len(load.samples)
        assert waited(lambda: len(load.samples) > before + 40)
        load.stop()
        assert load.process.returncode == 0
        assert {one.failure for one in load.samples} == {"connection refused"}
        assert abs(load.samples[-1].due - time.time()) < PATIENCE
    assert not psutil.pid_exists(load.process.pid)


@pytest.mark.e2e
def test_a_load_ends_with_who_started_it(port: int) -> None:
    with sending(f"http://127.0.0.1:{port}/", 5) as load:
        assert load.process.stdin is not None
        load.process.stdin.close()
        assert load.process.wait(PATIENCE) != 0
        with pytest.raises(UserError, match="ended"):
            load.check()


class Machine:
    """A load on a machine that answers so many requests a second at most."""

    def __init__(self, most: float) -> None:
        self.most = most
        self.rates: list[float] = []
        self.samples: list[Sample] = [Sample(0, 0, 0.1, 200)]

    def change(self, rate: float) -> None:
        self.rates.append(rate)

    def go_on(self, seconds: float) -> None: ...

    def between(self, start: float, end: float) -> list[Sample]:
        rate = self.rates[-1]
        answered = int(min(rate, self.most) * (end - start))
        slow = 3.0 if rate > self.most else 0.01
        return [Sample(start, 0, slow, 200)] * answered


def test_the_rate_rises_to_what_is_wanted_or_what_the_machine_carries() -> None:
    said: list[str] = []
    strong, weak = Machine(1000), Machine(90)
    assert warm_up(strong, 200, said.append) == 200  # pyright: ignore[reportArgumentType]
    assert said == []
    assert warm_up(weak, 200, said.append) == 80  # pyright: ignore[reportArgumentType]
    assert said == ["140 requests a second are more than is answered steadily; going on with 80."]
    assert weak.rates[-1] == 80


class Throttled(Machine):
    """A load on a stack that lets a burst through, and refuses what is more than its rate afterwards."""

    def __init__(self, most: float, burst: float) -> None:
        super().__init__(most)
        self.tokens = self.burst = burst

    def between(self, start: float, end: float) -> list[Sample]:
        asked = int(self.rates[-1] * (end - start))
        self.tokens = min(self.burst, self.tokens + self.most * (end - start))
        passed = int(min(asked, self.tokens))
        self.tokens -= passed
        return [Sample(start, 0, 0.01, 200)] * passed + [Sample(start, 0, 0.01, 429)] * (asked - passed)


class Underway(Machine):
    """A load of which one request is always on its way still."""

    def between(self, start: float, end: float) -> list[Sample]:
        return super().between(start, end)[1:]


def test_what_is_on_its_way_is_not_behind() -> None:
    said: list[str] = []
    assert warm_up(Underway(1000), 20, said.append) == 20  # pyright: ignore[reportArgumentType]
    assert said == []


def test_a_burst_that_is_let_through_is_no_steady_rate() -> None:
    said: list[str] = []
    assert warm_up(Throttled(100, 200), 140, said.append) == 98  # pyright: ignore[reportArgumentType]
    assert said == ["140 requests a second are more than is answered steadily; going on with 98."]
