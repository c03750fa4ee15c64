"""Health checks: one look at a target, and what many looks make of it.

A new target needs one pass; later it takes as many in a row as the thresholds say (ELB user guide: target group health
checks).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from sandbox.workloads.balancers.model import Check
from sandbox.workloads.http.client import ConnectTimeoutError, IdleTimeoutError

Probe = Callable[[], Awaitable[int]]
"""Asks a target for its health and returns the status."""

AGENT = ("User-Agent", "ELB-HealthChecker/2.0")


class CheckFailedError(Exception):
    """A target did not pass; the message and the reason code are AWS's."""

    def __init__(self, reason: str, description: str) -> None:
        super().__init__(description)
        self.reason = reason


class Watch:
    """Counts the passes and failures of one target in a row.

    A new target is not called unhealthy in its first `starts` seconds: a program starts no faster than in AWS.
    """

    def __init__(self, check: Check, *, new: bool, healthy: bool, starts: float = 0) -> None:
        self._check = check
        self._started = time.monotonic() + starts
        self._new = new
        self._healthy = healthy
        self._row = 0

    async def judge(self, probe: Probe) -> None:
        """Look once. The timeout is real, whatever the speed of the clock: programs answer no faster.

        Raises:
            CheckFailedError: It did not pass.

        """
        try:
            async with asyncio.timeout(self._check.timeout):
                status = await probe()
        except (TimeoutError, ConnectTimeoutError, IdleTimeoutError):
            raise CheckFailedError("Target.Timeout", "Request timed out") from None
        except Exception:  # noqa: BLE001 - what cannot be asked does not pass, and is asked again
            raise CheckFailedError("Target.FailedHealthChecks", "Health checks failed") from None
        if not self._check.passes(status):
            raise CheckFailedError("Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]")

    def passed(self) -> Literal["healthy"] | None:
        """Return what a target has become by one more pass."""
        return "healthy" if self._counted(good=True, needed=1 if self._new else self._check.healthy) else None

    def failed(self) -> Literal["unhealthy"] | None:
        """Return what a target has become, or still is, by one more failure."""
        return "unhealthy" if self._counted(good=False, needed=self._check.unhealthy) else None

    def _counted(self, *, good: bool, needed: int) -> bool:
        if good == self._healthy and not self._new:
            self._row = 0
            return True
        self._row += 1
        if self._new and good:
            self._row = needed
        if self._row < needed or (self._new and not good and time.monotonic() < self._started):
            return False
        self._healthy, self._new, self._row = good, False, 0
        return True
