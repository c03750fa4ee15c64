"""Rules for what a front door does itself: keys, a cache, a firewall; and for whom a stack tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stacks.keys import Path
from stacks.rules.base import Finding, Rule, Subject
from stacks.settings import FrontDoorKind

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def keys(subject: Subject) -> Iterator[Finding]:
    """Refuse services that ask for a key where there are none."""
    settings = subject.settings
    for name, service in settings.services.items():
        path: Path = ("services", name, "apiKey")
        if not service.api_key:
            continue
        if settings.front_door is not FrontDoorKind.REST_API:
            yield Finding(
                path=path,
                why=f"the front door {settings.front_door} knows no API keys, so anybody could call",
                fix="take front door rest-api, or let the service itself ask for keys: put API_KEYS among its secrets",
                reads=(("frontDoor",),),
            )
        elif not settings.rest_api.clients:
            yield Finding(
                path=path,
                why="nobody has a key, so nobody could call",
                fix="name at least one: modeshift:restApi: {clients: {NAME: {}}}",
                reads=(("restApi", "clients"),),
            )


def cache(subject: Subject) -> Iterator[Finding]:
    """Refuse a cache that would be paid for and hold nothing."""
    settings = subject.settings
    if settings.rest_api.cache_gb is None or settings.front_door is not FrontDoorKind.REST_API:
        return
    if not any(request.cache_seconds for service in settings.services.values() for request in service.requests):
        yield Finding(
            path=("restApi", "cacheGb"),
            why="no service of this stack has an answer that holds for a while, so the cache would stay empty",
            fix="remove it, or say in a service's manifest which: [[requests]] with cacheSeconds",
        )


def firewall(subject: Subject) -> Iterator[Finding]:
    """Refuse a firewall where none can be attached, or two."""
    settings, path = subject.settings, ("firewall",)
    if settings.firewall is None:
        return
    if settings.front_door is FrontDoorKind.HTTP_API:
        why = "WAF cannot attach to an HTTP API"
        yield Finding(path=path, why=why, fix="take front door rest-api or alb, or remove it", reads=(("frontDoor",),))
    for at, country in enumerate(settings.firewall.countries):
        if _COUNTRY.fullmatch(country) is None:
            yield Finding(path=("firewall", "countries", at), why="is no country", allowed="two letters, as in US")
    if settings.web_acl is not None:
        why = "webAcl names another, and a front door has one"
        yield Finding(path=path, why=why, fix="remove one of the two", reads=(("webAcl",),))


def letters(subject: Subject) -> Iterator[Finding]:
    """Refuse addresses that no letter could be sent to."""
    for at, address in enumerate(subject.settings.alarms.email):
        if _ADDRESS.fullmatch(address) is None:
            yield Finding(path=("alarms", "email", at), why="is no e-mail address", allowed="as in team@example.com")


RULES: Final[tuple[Rule, ...]] = (keys, cache, firewall, letters)
