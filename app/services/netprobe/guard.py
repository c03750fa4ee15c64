"""Who may be probed: public addresses on listed ports, nothing else.

A probe that anyone may send is a way into the network it runs in. So a host is resolved once, every address it has
must be public, the connection goes to a checked address and never to the name, and what answers must be that
address. Every socket of a probe is opened here, so every rule about where a probe may go is kept here.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NoReturn

from app import __version__
from app.services.netprobe.addresses import CLOUD, Address, Network, belongs, refusal

AGENT = f"modeshift-netprobe/{__version__}"
"""What requests of probes say about who sent them."""

_MOST_ADDRESSES = 4
_LONGEST_NAME = 253
_LAST_PORT = 65535
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)


# Names that mean something inside only: RFC 6761 and 6762, ICANN's .internal, and where clouds keep their metadata.
_INSIDE = (
    "home.arpa",
    "instance-data",
    "internal",
    "invalid",
    "local",
    "localdomain",
    "metadata",
    "metadata.goog",
    "metadata.tencentyun.com",
    "onion",
)

# Refusals end on this grid of seconds. A name of the inside and one that nobody has are found out in a few
# milliseconds each, and the difference would tell which is which.
_STEP = 0.1

# The system's resolver holds a thread until it gives up; where a name server is silent, long after the probe's end.
# Threads of its own keep such names from holding up everything else.
_LOOKUPS = ThreadPoolExecutor(128, "lookup")

Ask = Callable[[str], Awaitable[Iterable[Address]]]
"""Looks a name up; no address means that there is none."""


class ForbiddenError(Exception):
    """A probe may not go there; the text tells a person why."""


class NotPublicError(ForbiddenError):
    """The host has no address that may be probed; says nothing more, so that nobody maps a network by asking."""

    def __init__(self) -> None:
        super().__init__("The host has no public address.")


class PortError(ForbiddenError):
    """The port is not among those that may be probed."""

    def __init__(self, port: int, ports: Ports) -> None:
        super().__init__(f"port {port} may not be probed; these may: {ports}")


# Whoever watches a host asks for it again and again. Only hosts are kept, never what is refused.
@lru_cache(maxsize=1024)
def parse_host(text: str) -> str:
    """Return a host name or address in its one plain form; raises ValueError for every other way to write one."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        if "%" in bare:
            raise ValueError("an address with a zone cannot be probed")
        return str(IPv6Address(bare))
    if not text.isascii():
        raise ValueError("write an international name in its ASCII form (xn--…)")
    labels = text.split(".")
    if len(text) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("this is neither a host name nor an address")
    if _NUMBER.fullmatch(labels[-1]):
        # Shorthand such as 127.1, 0x7f000001 or 2130706433 means an address to some resolvers and a name to others.
        return str(IPv4Address(text))
    return text.lower()


@dataclass(frozen=True)
class Ports:
    """Port ranges, both ends included."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> Ports:
        """Read `80,443,8000-8999`."""
        ranges: list[tuple[int, int]] = []
        for part in text.split(","):
            matched = re.fullmatch(r"\s*(\d{1,5})(?:-(\d{1,5}))?\s*", part)
            first, last = (int(matched[1]), int(matched[2] or matched[1])) if matched else (0, 0)
            if not 1 <= first <= last <= _LAST_PORT:
                raise ValueError(f"{part.strip()!r} is no port or range; write them as in 80,443,8000-8999")
            ranges.append((first, last))
        return cls(tuple(ranges))

    def without(self, closed: int) -> Ports:
        """Return the same ports but one."""
        parts = [
            part
            for first, last in self.ranges
            for part in ((first, min(last, closed - 1)), (max(first, closed + 1), last))
            if part[0] <= part[1]
        ]
        return Ports(tuple(dict.fromkeys(parts)))

    def __contains__(self, port: int) -> bool:
        """Return whether a port is in one of the ranges."""
        return any(first <= port <= last for first, last in self.ranges)

    def __str__(self) -> str:
        """Return the ranges as they are written."""
        return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges)


@dataclass(frozen=True)
class Guard:
    """Resolves hosts to addresses that may be probed and connects to exactly those.

    `allowed` are networks that may be probed although they are not public, `denied` such as may not although they are.
    `spend` counts each attempt to reach an address, and raises when there have been enough. `agent` is as whom it goes.
    """

    ports: Ports
    allowed: Sequence[Network] = ()
    denied: Sequence[Network] = ()
    spend: Callable[[Address], None] = lambda _: None
    agent: str = AGENT

    def permits(self, address: Address) -> bool:
        """Return whether an address may be probed."""
        if belongs(address, CLOUD) or belongs(address, self.denied):
            return False
        return self._is_allowed(address) or refusal(address) is None

    def check_port(self, port: int) -> None:
        """Raise `PortError` when a port may not be probed."""
        if port not in self.ports:
            raise PortError(port, self.ports)

    async def resolve(self, host: str, ask: Ask | None = None) -> tuple[Address, ...]:
        """Return the addresses of a host, all of them fit to be probed; one that is not spoils the name.

        `ask` looks names up instead of the system's resolver.
        """
        begun = time.monotonic()
        addresses = await self._look_up(host, ask or ask_system)
        if addresses and all(self.permits(address) for address in addresses):
            return addresses[:_MOST_ADDRESSES]
        return await refuse(begun)

    async def connect(self, address: Address, port: int) -> socket.socket:
        """Connect to a checked address over TCP and make sure that it is the one that answered."""
        self.check_port(port)
        return await self._open(address, port, socket.SOCK_STREAM)

    async def connect_udp(self, address: Address, port: int) -> socket.socket:
        """Return a UDP socket that sends to a checked address and hears nobody else."""
        self.check_port(port)
        return await self._open(address, port, socket.SOCK_DGRAM)

    async def connect_icmp(self, address: Address) -> socket.socket:
        """Return a socket for echo requests to a checked address; raises PermissionError where the system has none."""
        protocol = socket.IPPROTO_ICMP if isinstance(address, IPv4Address) else socket.IPPROTO_ICMPV6
        # The port means nothing to ICMP, but at 0 the system takes the socket for one that has no peer.
        return await self._open(address, 1, socket.SOCK_DGRAM, protocol)

    async def _open(self, address: Address, port: int, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
        if not self.permits(address):
            raise NotPublicError
        self.spend(address)
        family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)  # noqa: FBT003 the standard library names it no other way
            if kind == socket.SOCK_STREAM:
                await asyncio.get_running_loop().sock_connect(connection, (str(address), port))
            else:
                # Takes no time, and asyncio would look an address for ICMP up.
                connection.connect((str(address), port))
            peer, own = (ip_address(end[0]) for end in (connection.getpeername(), connection.getsockname()))
            if peer != address or not (self.permits(peer) and (peer != own or self._is_allowed(own))):
                raise NotPublicError
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self.allowed)

    async def _look_up(self, host: str, ask: Ask) -> tuple[Address, ...]:
        try:
            return (ip_address(host),)
        except ValueError:
            pass
        return () if is_inside(host) else tuple(dict.fromkeys(await ask(host)))


def is_inside(host: str) -> bool:
    """Return whether a name means something inside only."""
    return any(host == name or host.endswith(f".{name}") for name in _INSIDE)


async def refuse(begun: float) -> NoReturn:
    """Raise `NotPublicError` at a moment that does not tell why, for what began at a `time.monotonic()`."""
    await asyncio.sleep(_STEP - (time.monotonic() - begun) % _STEP)
    raise NotPublicError


async def ask_system(host: str, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[Address]:
    """Look a name up with the system's resolver."""
    # With the dot at its end the name is all of it: no search list completes it to one of the inside.
    whole = f"{host}." if "." in host else host
    look_up = partial(socket.getaddrinfo, whole, None, family=family, type=socket.SOCK_STREAM)
    try:
        found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, look_up)
    except (socket.gaierror, UnicodeError):
        return []
    return [ip_address(sockaddr[0]) for *_, sockaddr in found]
