"""Whether a container says of itself that it works, by the command that its definition has for that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sandbox.workloads.containers.spec import CannotStartError, HealthCheck

if TYPE_CHECKING:
    from sandbox.workloads.clock import Clock
    from sandbox.workloads.containers.process import Container

_FIRST = 1.0
_SELDOM = 5.0
"""Real seconds between tries at the least, before and after the first that passed: each is a program that starts."""
_START = 20.0
"""Real seconds that a container has to start, unless AWS would give it less: programs start no faster here."""


def grace(clock: Clock, seconds: float) -> float:
    """Return how many real seconds failures do not count where AWS would not count them for some."""
    return max(clock.real(seconds), min(seconds, _START))


async def watch(container: Container, check: HealthCheck, clock: Clock) -> None:
    """Check a container until it ends, and keep its health what the checks say."""
    failed = 0
    start = asyncio.get_running_loop().time()
    command = ("/bin/sh", "-c", *check.command) if check.shell else check.command
    while container.ended is None:
        await asyncio.sleep(max(clock.real(check.interval), _SELDOM if container.health == "HEALTHY" else _FIRST))
        if await _passes(container, command, check.timeout):
            failed, container.health = 0, "HEALTHY"
            continue
        starting = asyncio.get_running_loop().time() - start < grace(clock, check.start_period)
        if container.health != "UNKNOWN" or not starting:
            failed += 1
        if failed >= check.retries:
            container.health = "UNHEALTHY"


async def _passes(container: Container, command: tuple[str, ...], timeout: float) -> bool:  # noqa: ASYNC109 - the command's
    try:
        return (await container.execute(command, timeout)).exit_code == 0
    except CannotStartError:
        return False
