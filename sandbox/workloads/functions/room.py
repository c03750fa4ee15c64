"""How many workers there may be: of the account, as AWS counts calls, and of this machine."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.workloads.functions.pool import Pool

ACCOUNT_LIMIT = 1000
"""Calls at once in an account, unless AWS was asked for more."""

_CORES = os.cpu_count() or 1
MOST_WORKERS = max(16, 8 * _CORES)
"""Workers on this machine; what exceeds them waits for one, which AWS would not make it."""


class Room:
    """Counts calls and workers, and lets as many start at once as there are processors."""

    def __init__(self, most: int = MOST_WORKERS) -> None:
        self.most = most
        self.pools: list[Pool] = []
        self.starting = asyncio.Semaphore(_CORES)
        self.calls: Counter[str] = Counter()
        """Calls under way by the ARN of the function."""
        self.reserved: dict[str, int] = {}
        """Calls at once that only these functions may have, and no more of them."""

    @property
    def unreserved(self) -> int:
        """How many calls of functions that have no calls reserved are under way."""
        return sum(count for name, count in self.calls.items() if name not in self.reserved)

    def refusal(self, arn: str) -> str:
        """Return why a function may not be called now, empty when it may."""
        limit = self.reserved.get(arn)
        if limit is not None:
            return "ReservedFunctionConcurrentInvocationLimitExceeded" if self.calls[arn] >= limit else ""
        left = ACCOUNT_LIMIT - sum(self.reserved.values())
        return "ConcurrentInvocationLimitExceeded" if self.unreserved >= left else ""

    def has_place(self) -> bool:
        """Whether another worker may be started; the one that was idle for longest makes place for it."""
        if sum(pool.size for pool in self.pools) < self.most:
            return True
        oldest = min((pool for pool in self.pools if pool.idle_since() is not None), key=_idle_since, default=None)
        if oldest is None:
            return False
        oldest.end_oldest()
        return True

    def left(self) -> None:
        """Let whoever waits for a worker try again: one has gone or has nothing to do."""
        for pool in self.pools:
            pool.grow()


def _idle_since(pool: Pool) -> float:
    return pool.idle_since() or 0.0
