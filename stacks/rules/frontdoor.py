"""Rules for the public entry: its kind, name and limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stacks.keys import Path
from stacks.rules.base import Finding, Rule, Subject
from stacks.settings import FrontDoorKind

API_TIMEOUT: Final = 29
"""An API gives up after 30 seconds (REST 29): the longest request that can still be answered."""

_DNS_NAME: Final = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")
_WORKS_TODAY: Final = "http-api | alb"


def kind(subject: Subject) -> Iterator[Finding]:
    """Refuse front doors that do not exist yet, and in prod those that do not encrypt."""
    path: Path = ("frontDoor",)
    door = subject.settings.front_door
    if door is FrontDoorKind.REST_API:
        yield Finding(path=path, why="the REST API is not built yet: nothing would be deployed", allowed=_WORKS_TODAY)
    if door is FrontDoorKind.ALB and subject.settings.domain is None and subject.is_prod:
        yield Finding(
            path=path,
            why="a load balancer without a domain has no certificate and speaks plain HTTP, which prod does not allow",
            fix="set modeshift:domain: {name: …, zone: …}, or take front door http-api",
            reads=(("domain",), ("environment",)),
        )
    if door is FrontDoorKind.ALB and subject.says("throttle"):
        why = "a load balancer has no throttle: this setting would have no effect"
        yield Finding(path=("throttle",), why=why, fix="remove it, or take front door http-api", reads=(path,))


def domain(subject: Subject) -> Iterator[Finding]:
    """Refuse a domain that is no DNS name, or not inside its zone."""
    domain = subject.settings.domain
    if domain is None:
        return
    bad = False
    for key, name in (("name", domain.name), ("zone", domain.zone)):
        if not _DNS_NAME.fullmatch(name):
            bad = True
            yield Finding(path=("domain", key), why="is not a DNS name", allowed="lower case, as in api.example.com")
    if not bad and domain.name != domain.zone and not domain.name.endswith(f".{domain.zone}"):
        why = f"is not inside the zone {domain.zone}"
        allowed = f"{domain.zone}, or a name that ends in .{domain.zone}"
        yield Finding(path=("domain", "name"), why=why, allowed=allowed, reads=(("domain", "zone"),))


def timeouts(subject: Subject) -> Iterator[Finding]:
    """Refuse requests that take longer than the front door waits."""
    door = subject.settings.front_door
    if door is FrontDoorKind.ALB:
        return
    for name, service in subject.settings.services.items():
        if service.timeout > API_TIMEOUT:
            yield Finding(
                path=("services", name, "timeout"),
                why=f"the front door {door} gives up before that, and the caller gets an error",
                allowed=f"1 to {API_TIMEOUT} (up to 900 behind an alb)",
                nearest=str(API_TIMEOUT),
                reads=(("frontDoor",),),
            )


RULES: Final[tuple[Rule, ...]] = (kind, domain, timeouts)
