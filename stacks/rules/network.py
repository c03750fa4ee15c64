"""Rules for the VPC: its block, zones and endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

from stacks.errors import nearest
from stacks.keys import REGION_KEY, Path
from stacks.regions import GATEWAY_ENDPOINTS, INTERFACE_ENDPOINTS, TWO_ZONE_REGIONS
from stacks.rules.base import Finding, Rule, Subject

PRIVATE: Final = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
WIDEST, NARROWEST = 16, 22
_FEW_ZONES: Final = 2
_CIDR: Final[Path] = ("network", "cidr")


def block(subject: Subject) -> Iterator[Finding]:
    """Refuse a block that is public, no network address, or of a size no VPC here can have."""
    text = subject.settings.network.cidr
    parsed = _parse(text)
    allowed = f"a block in {', '.join(map(str, PRIVATE))}, /{WIDEST} to /{NARROWEST}"
    if parsed is None:
        yield Finding(path=_CIDR, why="is not an IPv4 block", allowed=allowed)
        return
    if not any(parsed.subnet_of(private) for private in PRIVATE):
        why = "holds public addresses; what is in the VPC could not reach their owners"
        yield Finding(path=_CIDR, why=why, allowed=allowed)
    elif not WIDEST <= parsed.prefixlen <= NARROWEST:
        size = "too wide for a VPC" if parsed.prefixlen < WIDEST else "too narrow for subnets in every zone"
        fit = WIDEST if parsed.prefixlen < WIDEST else NARROWEST
        near = str(IPv4Network((parsed.network_address, fit), strict=False))
        yield Finding(path=_CIDR, why=f"/{parsed.prefixlen} is {size}", allowed=allowed, nearest=near)
    elif str(parsed) != text:
        yield Finding(path=_CIDR, why="is not the first address of its block", allowed=allowed, nearest=str(parsed))


def overlaps(subject: Subject) -> Iterator[Finding]:
    """Refuse a block that a connected network, or another stack, has too."""
    own = _parse(subject.settings.network.cidr)
    for index, text in enumerate(subject.settings.network.peers):
        path: Path = ("network", "peers", index)
        peer = _parse(text)
        if peer is None:
            yield Finding(path=path, why="is not an IPv4 block", allowed="a block, as in 10.60.0.0/16")
        elif own is not None and own.overlaps(peer):
            why = f"overlaps {peer}, which modeshift:network.peers says is routed here"
            yield Finding(path=_CIDR, why=why, allowed="a block of its own", reads=(path,))
    if own is None or not subject.says(*_CIDR):
        return
    for stack, text in sorted(subject.neighbours.items()):
        other = _parse(text)
        if other is not None and own.overlaps(other):
            why = f"overlaps {other} of stack {stack}: the two could never be connected"
            yield Finding(path=_CIDR, why=why, allowed="a block that no other stack has")


def zones(subject: Subject) -> Iterator[Finding]:
    """Refuse more zones than the region gives an account."""
    if subject.settings.network.azs > _FEW_ZONES and subject.region in TWO_ZONE_REGIONS:
        why = f"{subject.region} gives an account two availability zones"
        yield Finding(path=("network", "azs"), why=why, allowed="2", nearest="2", reads=((REGION_KEY,),))


def endpoints(subject: Subject) -> Iterator[Finding]:
    """Refuse endpoints that do not exist, are free already or stand twice."""
    names = subject.settings.network.endpoints
    for index, name in enumerate(names):
        path: Path = ("network", "endpoints", index)
        if name in GATEWAY_ENDPOINTS:
            yield Finding(path=path, why="has a free gateway endpoint that every network comes with", fix="remove it")
        elif name not in INTERFACE_ENDPOINTS:
            why = "is no service with an interface endpoint"
            allowed = "the last part of com.amazonaws.<region>.<name>, as in ecr.api, logs, secretsmanager"
            yield Finding(path=path, why=why, allowed=allowed, nearest=nearest(name, INTERFACE_ENDPOINTS))
        elif name in names[:index]:
            yield Finding(path=path, why="is in the list twice", fix="remove it")


def _parse(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text, strict=False)
    except ValueError:
        return None


RULES: Final[tuple[Rule, ...]] = (block, overlaps, zones, endpoints)
