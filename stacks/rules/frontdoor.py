"""Rules for the public entry: its kind, name and limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stacks.keys import REGION_KEY, Path
from stacks.rules.base import Finding, Rule, Subject
from stacks.settings import FrontDoorKind

API_TIMEOUT: Final = 29
"""An HTTP API gives up after 30 seconds, a REST API after 29: the longest request that both still answer."""

_DNS_NAME: Final = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")
_WEB_ACL: Final = re.compile(r"arn:[a-z-]+:wafv2:[a-z0-9-]+:\d{12}:regional/webacl/[A-Za-z0-9_-]{1,128}/[0-9a-f-]{36}")


def kind(subject: Subject) -> Iterator[Finding]:
    """Refuse front doors that do not encrypt, in prod, and limits where nothing would hold them."""
    path: Path = ("frontDoor",)
    door = subject.settings.front_door
    if door is FrontDoorKind.ALB and subject.settings.domain is None and subject.is_prod:
        yield Finding(
            path=path,
            why="a load balancer without a domain has no certificate and speaks plain HTTP, which prod does not allow",
            fix="set modeshift:domain: {name: …, zone: …}, or take front door http-api or rest-api",
            reads=(("domain",), ("environment",)),
        )
    if door is FrontDoorKind.ALB and subject.says("throttle"):
        why = "a load balancer has no throttle: this setting would have no effect"
        yield Finding(
            path=("throttle",), why=why, fix="remove it, or take front door http-api or rest-api", reads=(path,)
        )


def web_acl(subject: Subject) -> Iterator[Finding]:
    """Refuse a web ACL where none can be attached."""
    path: Path = ("webAcl",)
    arn = subject.settings.web_acl
    if arn is None:
        return
    if subject.settings.front_door is FrontDoorKind.HTTP_API:
        why = "WAF cannot attach to an HTTP API"
        yield Finding(path=path, why=why, fix="take front door rest-api or alb, or remove it", reads=(("frontDoor",),))
    if _WEB_ACL.fullmatch(arn) is None:
        allowed = "arn:aws:wafv2:REGION:ACCOUNT:regional/webacl/NAME/ID"
        yield Finding(path=path, why="is not the ARN of a regional web ACL", allowed=allowed)
    elif arn.split(":")[3] != subject.region:
        why = f"is in {arn.split(':')[3]}, and the stack is in {subject.region}"
        yield Finding(path=path, why=why, fix="name a web ACL of the stack's region", reads=((REGION_KEY,),))


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


RULES: Final[tuple[Rule, ...]] = (kind, web_acl, domain, timeouts)
