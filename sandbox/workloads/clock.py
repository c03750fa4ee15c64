"""How fast time goes for what AWS would wait for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """Shortens waiting: intervals, cooldowns, bake times, delays, back-off and schedules are divided by a speed.

    Deadlines of requests and functions, stop timeouts, rates and the times of records are real, whatever the speed.
    """

    def __init__(self, speed: float = 1) -> None:
        if speed <= 0:
            message = f"The speed of the sandbox's clock must be above 0, not {speed}."
            raise ValueError(message)
        self.speed = speed
        self._began = datetime.now(UTC)

    def real(self, seconds: float) -> float:
        """Return how many seconds of this machine some seconds of AWS take."""
        return seconds / self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait for some seconds of AWS."""
        await asyncio.sleep(self.real(seconds))

    def now(self) -> datetime:
        """Return the time by which schedules go: it began with this clock, and runs at its speed."""
        passed: timedelta = datetime.now(UTC) - self._began
        return self._began + passed * self.speed
