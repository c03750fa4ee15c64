"""Where a host is, and the first of its addresses that takes us."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from app.services.netprobe.addresses import Address
from app.services.netprobe.guard import Guard
from app.services.netprobe.models.base import Reaching
from app.services.netprobe.probes.trace import Trace
from app.services.netprobe.resolver import asker

T = TypeVar("T")


@dataclass
class Reach:
    """The checked addresses of a host; once one has answered, it alone is asked again."""

    guard: Guard
    addresses: list[Address] = field(default_factory=list[Address])

    async def resolve(self, host: str, request: Reaching) -> None:
        """Look a host up."""
        found = await self.guard.resolve(host, asker(request.resolver, request.family, self.guard))
        self.addresses = [*found]

    async def connect(self, trace: Trace, port: int) -> socket.socket:
        """Connect over TCP."""
        trace.phase = "connect"
        return await self.first(trace, lambda address: self._connected(trace, address, port))

    async def first(self, trace: Trace, open_one: Callable[[Address], Awaitable[T]]) -> T:
        """Open the first address that can be; none may use up the time of those after it."""
        errors: list[tuple[Address, OSError]] = []
        for left, address in zip(range(len(self.addresses), 0, -1), self.addresses, strict=True):
            trace.address = address
            try:
                async with asyncio.timeout(trace.left / left):
                    opened = await open_one(address)
            except OSError as error:
                errors.append((address, error))
            else:
                self.addresses = [address]
                return opened
        # A family that we do not have ourselves says less than what the other one met.
        told = [each for each in errors if each[1].errno != errno.ENETUNREACH] or errors
        trace.address, error = told[0]
        raise error

    async def _connected(self, trace: Trace, address: Address, port: int) -> socket.socket:
        with trace.timed("connect"):
            return await self.guard.connect(address, port)
