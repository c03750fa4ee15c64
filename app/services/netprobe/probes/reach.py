"""Where a host is, and the first of its addresses that takes us."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from app.services.netprobe.addresses import Address
from app.services.netprobe.guard import Ask, Guard, ask_system
from app.services.netprobe.models.base import Reaching
from app.services.netprobe.probes.trace import Trace

T = TypeVar("T")

_FAMILIES = {"any": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


@dataclass
class Reach:
    """The checked addresses of a host; once one has answered, it alone is asked again."""

    guard: Guard
    addresses: list[Address] = field(default_factory=list[Address])
    resolve_ms: float = 0

    async def resolve(self, trace: Trace, host: str, request: Reaching) -> None:
        """Look a host up."""
        ask = _asker(request, self.guard)
        with trace.timed("resolve"):
            self.addresses = [*await self.guard.resolve(host, ask)]

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


def _asker(request: Reaching, guard: Guard) -> Ask:
    if request.resolver is None:
        return partial(ask_system, family=_FAMILIES[request.family])
    from app.services.netprobe.resolver import ask, named  # noqa: PLC0415 dnspython is for those who name a resolver

    return partial(ask, connect=named(request.resolver, guard), family=request.family)
