"""Scaling by itself, in real time on a clock sixty times as fast: a minute of AWS is a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.workloads.context import Context
from sandbox.workloads.scaling.manager import Scaling
from sandbox.workloads.snapshot import Snapshot
from tests.sandbox.workloads.scaling.scaled import SERVICE, TASKS, Service, cpu, target

pytestmark = pytest.mark.e2e

_PATIENCE = 120


def test_a_service_scales_out_and_in_by_itself(tmp_path: Path) -> None:
    async def story() -> None:
        context = Context.of(tmp_path, tmp_path, speed=60)
        service = Service(1)
        scaling = Scaling(context, {"ecs": service})
        load = 350.0

        async def work() -> None:
            while True:
                for _ in range(service.wanted or 0):
                    context.metrics.add("AWS/ECS", "CPUUtilization", TASKS, min(100.0, load / (service.wanted or 1)))
                # Several times a second, so that each has values however busy the machine is.
                await asyncio.sleep(0.2)

        working = asyncio.create_task(work())
        try:
            await scaling.apply(Snapshot([target(1, 10), cpu(70)]))
            await _until(lambda: (service.wanted or 0) >= 5)
            load = 100.0
            await _until(lambda: service.wanted == 2)
        finally:
            working.cancel()
            await scaling.close()
            context.logs.close()
        wanted = [capacity for _, capacity, _ in service.told]
        # Tasks that do all they can are too few, by what brings 100 % to 70 %; a load of 100 % is too much for one.
        assert wanted[:3] == [2, 3, 5]
        assert wanted[-1] == 2
        assert all(where == SERVICE for where, _, _ in service.told)

    asyncio.run(story())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)
