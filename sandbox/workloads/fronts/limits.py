"""How many requests an API lets through: a bucket of tokens for rates, a count for quotas.

Source: "Throttle requests to your REST APIs for better throughput in API Gateway": the rate is how many tokens a bucket
gets a second, the burst how many it holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

ACCOUNT_RATE = 10_000.0
ACCOUNT_BURST = 5_000
"""What an account has in a region unless it asked for more (API Gateway quotas)."""


class Bucket:
    """Tokens, one for each request. Rates are a real second's, whatever the speed of the sandbox."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._now = now
        self._tokens = float(burst)
        self._at = now()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Bucket:
        """Return the bucket of throttling settings, by the account's limits where they have none; -1 says none."""
        rate, burst = settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")
        return cls(
            ACCOUNT_RATE if rate is None or rate < 0 else float(rate),
            ACCOUNT_BURST if burst is None or burst < 0 else float(burst),
        )

    def same(self, other: Bucket) -> bool:
        """Whether another has the same limits."""
        return (self.rate, self.burst) == (other.rate, other.burst)

    def take(self) -> bool:
        """Take a token, if there is one."""
        now = self._now()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Quota:
    """How many requests a key has in a day, a week or a month, which begin at midnight UTC."""

    def __init__(self, limit: int, period: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.limit = limit
        self.period = period
        self._now = now
        self._in: tuple[int, ...] = ()
        self.used = 0

    def take(self) -> bool:
        """Count a request, if it is one of those that are left."""
        now = self._now()
        current = {
            "DAY": (now.year, now.month, now.day),
            "WEEK": now.isocalendar()[:2],
            "MONTH": (now.year, now.month),
        }[self.period]
        if current != self._in:
            self._in, self.used = current, 0
        if self.used >= self.limit:
            return False
        self.used += 1
        return True
