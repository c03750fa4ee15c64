"""The probes of one container, each in its turn, and what they report."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Protocol

from sandbox.workloads.kubernetes.probes import Tally, ask

if TYPE_CHECKING:
    import aiohttp

    from sandbox.workloads.clock import Clock
    from sandbox.workloads.containers.process import Container
    from sandbox.workloads.kubernetes.objects import Probe, Template

_LEAST_SECONDS = 0.1
_PROGRAM_SECONDS = 5.0
_FIRST_PROGRAM_SECONDS = 1.0
"""Real seconds between two programs that probe a container, at the least: each costs this machine a start. It is asked
more often whether it has started, as somebody waits for that."""


class Reports(Protocol):
    """Who wants to know what probes say."""

    def started(self) -> None:
        """Take note that the container has started."""
        ...

    def readiness(self, *, passing: bool, message: str) -> None:
        """Take note that the container got ready, or ceased to be."""
        ...

    def failed(self, kind: str, message: str) -> None:
        """Take note that the container will not do."""
        ...


class Prober:
    """Asks a container until it is cancelled.

    Intervals go by at the clock's speed. How long a container may take to start does not: programs start no faster
    here, so a startup probe asks more often instead.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        container: Container,
        template: Template,
        clock: Clock,
        reports: Reports,
    ) -> None:
        self._session = session
        self._container = container
        self._template = template
        self._clock = clock
        self._reports = reports

    async def run(self) -> None:
        """Ask: first whether it has started, then whether it lives and is ready."""
        if self._template.startup is not None and not await self._starts(self._template.startup):
            return
        self._reports.started()
        async with asyncio.TaskGroup() as group:
            if self._template.liveness is not None:
                group.create_task(self._lives(self._template.liveness))
            if self._template.readiness is not None:
                group.create_task(self._is_ready(self._template.readiness))

    async def _starts(self, probe: Probe) -> bool:
        loop = asyncio.get_running_loop()
        end = loop.time() + probe.delay + probe.failures * probe.period
        tally = Tally(probe.failures, probe.successes, passing=False)
        while True:
            message = await ask(self._session, self._container, probe)
            full = tally.count(passed=not message)
            if full and tally.passing:
                return True
            if full and loop.time() >= end:
                self._reports.failed("Startup", message)
                return False
            await asyncio.sleep(self._interval(probe, _FIRST_PROGRAM_SECONDS))

    async def _lives(self, probe: Probe) -> None:
        await self._clock.sleep(probe.delay)
        tally = Tally(probe.failures, probe.successes, passing=True)
        while True:
            message = await ask(self._session, self._container, probe)
            if tally.count(passed=not message) and not tally.passing:
                self._reports.failed("Liveness", message)
                return
            await asyncio.sleep(self._interval(probe))

    async def _is_ready(self, probe: Probe) -> None:
        await self._clock.sleep(probe.delay)
        tally = Tally(probe.failures, probe.successes, passing=False)
        was: bool | None = None
        while True:
            message = await ask(self._session, self._container, probe)
            if tally.count(passed=not message) and tally.passing != was:
                was = tally.passing
                self._reports.readiness(passing=was, message=message)
            await asyncio.sleep(self._interval(probe))

    def _interval(self, probe: Probe, program: float = _PROGRAM_SECONDS) -> float:
        """Return how long to wait before asking again, in seconds of this machine."""
        wanted = max(self._clock.real(probe.period), program if probe.command else _LEAST_SECONDS)
        # Not all probes of a cluster at once.
        return wanted * random.uniform(0.9, 1.0)  # noqa: S311 - no secret
