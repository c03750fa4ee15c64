"""A load balancer with many clients, and targets that go away under them."""

from __future__ import annotations

import asyncio
import collections

import aiohttp
import psutil

from sandbox.workloads.http.messages import Response
from tests.sandbox.workloads.balancers.balancer_account import balancer, group, group_arn, listener, rule, until, world

PLAIN = (balancer(), listener(), group(), rule())


def sockets():
    return len(psutil.Process().net_connections("tcp"))


async def statuses(here, count):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one():
            async with session.get(here.url) as answer:
                await answer.read()
                return answer.status

        return collections.Counter(await asyncio.gather(*(one() for _ in range(count))))


def test_hundreds_of_requests_at_once_reach_the_targets(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, speed=1) as here:
            arrived, everybody = [], asyncio.Event()

            async def hold(request):
                arrived.append(request)
                if len(arrived) == 400:
                    everybody.set()
                await everybody.wait()
                return Response(200, [], b"fine")

            for number in range(4):
                await here.target(hold, ip=f"10.20.0.{number}")
            assert await statuses(here, 400) == {200: 400}
            assert [one["requests"] for one in here.manager.describe()["groups"][0]["targets"]] == [100] * 4

    asyncio.run(run())


def test_targets_that_die_under_requests_leave_nothing_behind(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, speed=1) as here:
            before = sockets()
            arrived = []

            async def hold(request):
                arrived.append(request)
                await asyncio.sleep(3600)

            dying = await here.target(hold, ip="10.20.0.1")
            asked = asyncio.create_task(statuses(here, 200))
            await until(lambda: len(arrived) == 200)
            await dying.close(0)
            assert await asked == {502: 200}
            await here.target(ip="10.20.0.2")
            await here.manager.deregister(group_arn("dev-users"), "10.20.0.1")
            assert await statuses(here, 50) == {200: 50}
            await here.manager.deregister(group_arn("dev-users"), "10.20.0.2")
            assert await statuses(here, 5) == {503: 5}
            for server in here.servers:
                await server.close(0)
            here.servers.clear()
            await until(lambda: sockets() <= before)

    asyncio.run(run())


def test_clients_that_leave_in_the_middle_leave_nothing_behind(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, speed=1) as here:

            async def endless(request):
                async def zeros():
                    while True:
                        yield bytes(65_536)

                return Response(200, [], zeros())

            await here.target(endless)
            before = sockets()
            for _ in range(20):
                reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url.rpartition(":")[2]))
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                await reader.read(1000)
                writer.transport.abort()
            (target,) = here.manager.describe()["groups"][0]["targets"]
            assert target["requests"] == 20
            await until(lambda: here.manager.describe()["groups"][0]["targets"][0]["under_way"] == 0)
            await until(lambda: sockets() <= before)

    asyncio.run(run())
