"""Which addresses are public, and by which rule the others are refused.

The rules are a table of our own: `ipaddress.is_global` lets NAT64, IPv4-compatible and site-local addresses through,
and its answers differ between Python versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_Rules = tuple[tuple[str, str], ...]

# What clouds offer to whatever runs inside them: credentials first of all.
_CLOUD: _Rules = (
    ("169.254.169.254/32", "instance metadata"),
    ("fd00:ec2::254/128", "instance metadata (EC2)"),
    ("fd20:ce::254/128", "instance metadata (Google)"),
    ("100.100.100.200/32", "instance metadata (Alibaba)"),
    ("192.0.0.192/32", "instance metadata (Oracle)"),
    ("fd00:c1::a9fe:a9fe/128", "instance metadata (Oracle)"),
    ("169.254.0.23/32", "instance metadata (Tencent)"),
    ("169.254.10.10/32", "instance metadata (Tencent)"),
    ("169.254.42.42/32", "instance metadata (Scaleway)"),
    ("fd00:42::42/128", "instance metadata (Scaleway)"),
    ("fd00:a9fe:a9fe::1/128", "instance metadata (Linode)"),
    ("fe80::a9fe:a9fe/128", "instance metadata (OpenStack)"),
    ("168.63.129.16/32", "platform services (Azure)"),
    ("169.254.170.2/32", "task credentials (ECS)"),
    ("169.254.170.23/32", "pod credentials (EKS)"),
    ("fd00:ec2::23/128", "pod credentials (EKS)"),
    ("169.254.169.253/32", "resolver of the VPC"),
    ("fd00:ec2::253/128", "resolver of the VPC"),
    ("169.254.169.123/32", "time service of the VPC"),
    ("fd00:ec2::123/128", "time service of the VPC"),
    ("169.254.0.0/16", "link-local"),
    ("fe80::/10", "link-local"),
    ("fd00:ec2::/32", "services of the VPC"),
)

_SPECIAL: _Rules = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared address space"),
    ("127.0.0.0/8", "loopback"),
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
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::/96", "IPv4-compatible"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("64:ff9b:1::/48", "local NAT64"),
    ("100::/64", "discard"),
    ("2001::/32", "Teredo"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "anycast for DNS sinks"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)

_PUBLIC_V6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOW_32 = tuple(
    IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_6TO4 = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP_MARKS = (0x00005EFE, 0x02005EFE)


def _parsed(rules: _Rules) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(text), rule) for text, rule in rules)


_CLOUD_RULES = _parsed(_CLOUD)
_RULES = (*_CLOUD_RULES, *_parsed(_SPECIAL))

CLOUD: tuple[Network, ...] = tuple(network for network, _ in _CLOUD_RULES)
"""Where clouds keep their credentials and services; no allow-list opens it."""


def refusal(address: Address) -> str | None:
    """Return the rule that keeps an address from being probed, or nothing when it is public."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return "address with a zone"
        end = _end(address)
        if end is not None:
            return refusal(end)
    rule = next((rule for network, rule in _RULES if address in network), None)
    if rule is None and isinstance(address, IPv6Address):
        if address not in _PUBLIC_V6:
            return "not global unicast"
        if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP_MARKS:
            return "ISATAP"
    return rule


def site(address: Address) -> str:
    """Return what counts as one target: an IPv4 address however wrapped, or the IPv6 network that one customer gets."""
    end = _end(address) if isinstance(address, IPv6Address) else address
    return str(end or IPv6Network((int(address), 64), strict=False))


def belongs(address: Address, networks: Iterable[Network]) -> bool:
    """Return whether an address, or one that it wraps, is in any of the networks."""
    faces = (address, *embedded(address)) if isinstance(address, IPv6Address) else (address,)
    return any(face in network for network in networks for face in faces)


def embedded(address: IPv6Address) -> list[IPv4Address]:
    """Return every IPv4 address that some way of crossing over to IPv4 reads in an IPv6 address."""
    bits = int(address)
    found: list[IPv4Address] = []
    if any(address in network for network in _LOW_32) or (bits >> 32) & 0xFFFFFFFF in _ISATAP_MARKS:
        found.append(_ipv4(bits))
    if address in _NAT64_LOCAL:
        # RFC 6052: with a prefix of 48 bits, two octets follow it and two come after the octet that is left out.
        found.append(_ipv4((bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF))
    if address in _6TO4:
        found.append(_ipv4(bits >> 80))
    if address in _TEREDO:
        found += [_ipv4(bits >> 64), _ipv4(~bits)]
    return found


def _end(address: IPv6Address) -> IPv4Address | None:
    # The two forms that are honest about where their packets end up.
    return _ipv4(int(address)) if address in _MAPPED or address in _NAT64 else None


def _ipv4(bits: int) -> IPv4Address:
    return IPv4Address(bits & 0xFFFFFFFF)
