"""Releases under load, through the load balancer that really checks the tasks and hands requests on."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from sandbox.workloads.balancers.manager import BalancerManager
from sandbox.workloads.context import Context
from sandbox.workloads.snapshot import Snapshot
from tests.sandbox.workloads.balancers.balancer_account import (
    BALANCER,
    Functions,
    balancer,
    group,
    group_arn,
    listener,
    rule,
)
from tests.sandbox.workloads.ecs.services import BROKEN, SERVE, World, run, until

pytestmark = pytest.mark.e2e


async def _load(url: str, seen: Counter[int | str], done: asyncio.Event) -> None:
    async with aiohttp.ClientSession() as session:
        while not done.is_set():
            try:
                async with session.get(url) as response:
                    await response.read()
                    seen[response.status] += 1
            except aiohttp.ClientError as error:
                seen[type(error).__name__] += 1
            await asyncio.sleep(0.005)


def test_releases_good_and_broken_cost_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def targets(context: Context) -> BalancerManager:
        return BalancerManager(context, Functions())

    async def test(world: World) -> None:
        await world.targets.apply(
            Snapshot([balancer(), listener(), group("dev-it", deregistrationDelay=30), rule("dev-it")])
        )
        one = {"targetGroupArn": group_arn("dev-it"), "containerName": "app", "containerPort": 8080}
        seen: Counter[int | str] = Counter()
        done = asyncio.Event()
        try:
            await world.release(SERVE, loadBalancers=[one], healthCheckGracePeriodSeconds=2)
            assert (await world.settled()).ok
            load = [asyncio.create_task(_load(world.targets.url(BALANCER), seen, done)) for _ in range(4)]
            await until(lambda: seen[200] > 20)
            await world.release(SERVE)
            assert (await world.settled()).ok
            before = {task["id"] for task in world.tasks()}
            await world.release(BROKEN)
            outcome = await world.settled()
            assert outcome.reason.startswith("ECS deployment circuit breaker: tasks failed to start.")
            assert {task["id"] for task in world.tasks()} == before
            served = seen[200]
            await until(lambda: seen[200] > served + 20)
            done.set()
            await asyncio.gather(*load)
            assert set(seen) == {200}
        finally:
            await world.targets.close()

    run(tmp_path, monkeypatch, test, targets=targets)
