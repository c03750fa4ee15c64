"""What models may cost in a day, all instances together, kept in a table so that nobody overdraws it.

A call reserves the most that it can cost before it is made and gives back what it did not use. What a provider bills
for a call that broke off nobody knows, so all of its reservation counts as spent.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

from app.ask.settings import MILLION
from app.ask.table import Table

_KEPT: Final = 40 * 24 * 3600


class Budget:
    """The budget of a service; amounts are micro-dollars."""

    def __init__(self, table: Table, usd: float) -> None:
        self._table = table
        self.limit = round(usd * MILLION)

    async def reserve(self, amount: int, now: datetime) -> bool:
        """Take an amount out of a day's budget; tell whether there was as much."""
        if amount > self.limit:
            return False
        return await self._table.update(
            _key(now),
            "ADD #spent :amount SET #expires = :expires",
            "attribute_not_exists(#spent) OR #spent <= :room",
            amount=amount,
            room=self.limit - amount,
            expires=int(time.time()) + _KEPT,
        )

    async def give_back(self, amount: int, now: datetime) -> None:
        """Return what a reservation of that day did not use."""
        if amount:
            await self._table.update(_key(now), "ADD #spent :amount", amount=-amount)

    async def spent(self, now: datetime) -> int:
        """Return what a day has cost so far, reservations included."""
        item = await self._table.get(_key(now))
        return int(item["spent"]) if item else 0


def _key(now: datetime) -> dict[str, str]:
    return {"id": f"spent#{now:%Y-%m-%d}"}
