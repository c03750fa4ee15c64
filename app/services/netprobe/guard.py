"""Who may be probed: public addresses on listed ports, nothing else.

A probe that anyone may send is a way into the network it runs in. So a host is resolved once, every address it has
must be public, the connection goes to a checked address and never to the name, and what answers must be that
address. The rules are a table of our own: `ipaddress.is_global` lets NAT64, IPv4-compatible and site-local
addresses through, and its answers differ between Python versions.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_RULES_V4: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared address space"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "cloud metadata"),
    ("169.254.0.0/16", "link-local and cloud metadata"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "anycast for DNS sinks"),
    ("192.52.193.0/24", "multicast tunnels"),
    ("192.88.99.0/24", "6to4 relays"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "anycast for DNS sinks"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved and broadcast"),
)

# Of IPv6 only 2000::/3 is public, and in it these are not.
_RULES_V6: tuple[tuple[str, str], ...] = (
    ("2001::/23", "protocol assignments and Teredo"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "anycast for DNS sinks"),
    ("3fff::/20", "documentation"),
)

_PUBLIC_V6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP_MARKS = (0x00005EFE, 0x02005EFE)
_DENIED: tuple[tuple[Network, str], ...] = tuple((ip_network(text), rule) for text, rule in (*_RULES_V4, *_RULES_V6))

NEVER_ALLOWED: tuple[Network, ...] = (ip_network("169.254.0.0/16"), ip_network("fd00:ec2::/32"))
"""Where clouds keep their credentials; no allow-list may open it."""

_MOST_ADDRESSES = 4
_LONGEST_NAME = 253
_LAST_PORT = 65535
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)


class NotPublicError(Exception):
    """The host has no address that may be probed; says nothing more, so that nobody maps a network by asking."""


def refusal(address: Address) -> str | None:
    """Return the rule that keeps an address from being probed, or nothing when it is public."""
    if isinstance(address, IPv6Address):
        embedded = _embedded(address)
        if embedded is not None:
            return refusal(embedded)
        if address not in _PUBLIC_V6:
            return "not global unicast"
        if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP_MARKS:
            return "ISATAP"
    return next((rule for network, rule in _DENIED if address in network), None)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to this one end at, for the two forms that are honest about it."""
    if address.scope_id is None and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


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

    def __contains__(self, port: int) -> bool:
        """Return whether a port is in one of the ranges."""
        return any(first <= port <= last for first, last in self.ranges)

    def __str__(self) -> str:
        """Return the ranges as they are written."""
        return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges)


@dataclass(frozen=True)
class Guard:
    """Resolves hosts to addresses that may be probed and connects to exactly those."""

    ports: Ports
    allowed: Sequence[Network] = ()

    def permits(self, address: Address) -> bool:
        """Return whether an address may be probed."""
        return any(address in network for network in self.allowed) or refusal(address) is None

    async def resolve(self, host: str) -> tuple[Address, ...]:
        """Return the addresses of a host, all of them fit to be probed; one that is not spoils the name."""
        addresses = await self._look_up(host)
        if not addresses or not all(self.permits(address) for address in addresses):
            raise NotPublicError
        return addresses[:_MOST_ADDRESSES]

    async def connect(self, address: Address, port: int) -> socket.socket:
        """Connect to a checked address and make sure that it is the one that answered."""
        family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)  # noqa: FBT003 the standard library names it no other way
            await asyncio.get_running_loop().sock_connect(connection, (str(address), port))
            peer, own = (ip_address(end[0]) for end in (connection.getpeername(), connection.getsockname()))
            if peer != address or not (self.permits(peer) and (peer != own or self._is_allowed(own))):
                raise NotPublicError
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self.allowed)

    async def _look_up(self, host: str) -> tuple[Address, ...]:
        try:
            return (ip_address(host),)
        except ValueError:
            pass
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            return ()
        return _distinct(str(sockaddr[0]) for *_, sockaddr in found)


def _distinct(texts: Iterable[str]) -> tuple[Address, ...]:
    return tuple(dict.fromkeys(ip_address(text) for text in texts))
