"""What is under way: leases, so that no two do the same at once, and jobs that wait for a worker."""

from __future__ import annotations

import gzip
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from app.ask.table import Table

_SKEW: Final = 10
"""Seconds that clocks of instances may differ by."""
_JOB_KEPT: Final = 24 * 3600
_JOB_SENT: Final = 15 * 60
"""Seconds after which a job that nobody did may be sent again."""


class Work:
    """The leases and jobs of a service.

    Args:
        table: Where they are kept.
        seconds: How long the holder of a lease may work.

    """

    def __init__(self, table: Table, seconds: float) -> None:
        self._table = table
        self.seconds = seconds

    @asynccontextmanager
    async def lease(self, key: str) -> AsyncGenerator[bool]:
        """Hold the lease of a key while the body runs, unless somebody else has it; yields whether it is ours."""
        now, owner, item = int(time.time()), secrets.token_hex(8), {"id": f"lease#{key}"}
        until = now + int(self.seconds) + _SKEW
        ours = await self._table.put(
            {**item, "owner": owner, "until": until, "expires": until + 3600},
            "attribute_not_exists(#id) OR #until < :now",
            now=now,
        )
        try:
            yield ours
        finally:
            if ours:
                await self._table.delete(item, "#owner = :owner", owner=owner)

    async def add_job(self, key: str, source: str) -> bool:
        """Keep a source for the worker; tell whether it has to be told, because it was not yet or long ago."""
        now = int(time.time())
        return await self._table.put(
            {
                "id": f"job#{key}",
                "source": gzip.compress(source.encode(), mtime=0),
                "sent": now,
                "expires": now + _JOB_KEPT,
            },
            "attribute_not_exists(#id) OR #sent < :stale",
            stale=now - _JOB_SENT,
        )

    async def job(self, key: str) -> str | None:
        """Return the source that a job is about."""
        item = await self._table.get({"id": f"job#{key}"})
        return gzip.decompress(bytes(item["source"])).decode() if item else None

    async def drop_job(self, key: str) -> None:
        """Forget a job, and its source."""
        await self._table.delete({"id": f"job#{key}"})

    async def is_under_way(self, key: str) -> bool:
        """Tell whether somebody works on it, or will."""
        if await self._table.get({"id": f"job#{key}"}):
            return True
        lease = await self._table.get({"id": f"lease#{key}"})
        return lease is not None and int(lease["until"]) >= int(time.time())
