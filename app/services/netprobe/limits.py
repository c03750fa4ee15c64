"""How much one client may ask of us, and how much all of them together may ask of one target.

Every instance counts for itself; what holds for all of them together belongs to the gateway.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.core.rate_limit import Buckets, Rate
from app.services.netprobe.addresses import Address, site

_PATIENCE = 1
_SOON = 1


class LimitError(Exception):
    """Too much was asked; the text says of what, `retry_after` when to come back, in seconds."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass
class _Turns:
    places: asyncio.Semaphore
    users: int = 0


@dataclass
class Queues:
    """Places for each key, taken in turn; a key that nobody uses is forgotten."""

    places: int
    patience: float = _PATIENCE
    _turns: dict[str, _Turns] = field(default_factory=dict[str, _Turns])

    def __len__(self) -> int:
        return len(self._turns)

    @asynccontextmanager
    async def place(self, key: str) -> AsyncGenerator[None]:
        """Hold a place while the body runs, after a short wait if need be."""
        turns = self._turns.setdefault(key, _Turns(asyncio.Semaphore(self.places)))
        turns.users += 1
        try:
            await self._acquire(turns.places)
            try:
                yield
            finally:
                turns.places.release()
        finally:
            turns.users -= 1
            if not turns.users:
                del self._turns[key]

    async def _acquire(self, places: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self.patience):
                await places.acquire()
        except TimeoutError:
            reason = f"{self.places} probes of this host are under way, as many as this instance runs at once."
            raise LimitError(reason, _SOON) from None


class Limits:
    """Lets a probe begin, or raises `LimitError`.

    Args:
        at_once: Probes that may be under way.
        client_at_once: How many of them may be one client's.
        target_at_once: How many may go to one host; the next waits its turn for a moment.
        client_rate: Probes that one client may send over time.
        target_rate: Attempts to reach one address over time, by whatever name and for whomever.

    """

    def __init__(
        self, *, at_once: int, client_at_once: int, target_at_once: int, client_rate: Rate, target_rate: Rate
    ) -> None:
        self._at_once = at_once
        self._client_at_once = client_at_once
        self._hosts = Queues(target_at_once)
        self._client_rate = client_rate
        self._clients = Buckets(client_rate)
        self._target_rate = target_rate
        self._targets = Buckets(target_rate)
        self._under_way: Counter[str] = Counter()

    @asynccontextmanager
    async def admit(self, client: str, host: str, cost: int = 1) -> AsyncGenerator[None]:
        """Hold a place for a probe of `cost` attempts while the body runs."""
        self._check(client, cost)
        self._under_way[client] += 1
        try:
            async with self._hosts.place(host):
                yield
        finally:
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]

    def spend(self, address: Address) -> None:
        """Count one attempt to reach an address."""
        if self._target_rate.requests:
            _, wait = self._targets.take(site(address))
            if wait:
                reason = f"This target has had its {_words(self._target_rate)} from this instance, whoever asked."
                raise LimitError(reason, wait)

    def _check(self, client: str, cost: int) -> None:
        if self._under_way.total() >= self._at_once:
            raise LimitError(f"{self._at_once} probes are under way, as many as this instance runs at once.", _SOON)
        if self._under_way[client] >= self._client_at_once:
            raise LimitError(f"You have {self._client_at_once} probes under way, as many as one client may.", _SOON)
        if self._client_rate.requests:
            _, wait = self._clients.take(client, cost)
            if wait:
                raise LimitError(f"You have used up your {_words(self._client_rate)} on this instance.", wait)


def _words(rate: Rate) -> str:
    return f"{rate.requests} probes in {rate.seconds} s"
