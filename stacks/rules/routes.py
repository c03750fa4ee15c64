"""Rules for who answers which path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stacks.keys import Path
from stacks.rules.base import Finding, Rule, Subject
from stacks.rules.service import TAKEN_PATHS

_ROUTE: Final = re.compile(r"/|(/[A-Za-z0-9._~-]+)+")
_LONGEST: Final = 100


def is_route(path: str) -> bool:
    """Tell whether a path can be a service's route."""
    return _ROUTE.fullmatch(path) is not None and len(path) <= _LONGEST


def routes(subject: Subject) -> Iterator[Finding]:
    """Refuse what is no path prefix, prefixes with two owners and those that every app answers itself."""
    owners: dict[str, str] = {}
    for name, service in subject.settings.services.items():
        path: Path = ("services", name, "route")
        if not is_route(service.route):
            bare = "/" + re.sub(r"[^A-Za-z0-9._~/-]", "", service.route).strip("/")
            near = bare if _ROUTE.fullmatch(bare) and bare != "/" else ""
            why = "is not a path prefix"
            yield Finding(path=path, why=why, allowed="/ or /one/more, without a slash at the end", nearest=near)
        elif service.route in (*TAKEN_PATHS, service.health):
            yield Finding(path=path, why="is a path that every app answers itself", allowed="another path prefix")
        elif (owner := owners.setdefault(service.route, name)) != name:
            why = f"is owned by {owner} already"
            allowed = "one owner for each path"
            yield Finding(path=path, why=why, allowed=allowed, reads=(("services", owner, "route"),))


def root(subject: Subject) -> Iterator[Finding]:
    """Refuse a stack in which nobody answers what the others do not."""
    services = subject.settings.services
    if not services:
        why = "a stack without a service deploys nothing"
        yield Finding(path=("services",), why=why, allowed="at least one service, as in netprobe: {route: /}")
    elif all(service.route != "/" for service in services.values()):
        reads = tuple[Path, ...](("services", name, "route") for name in services)
        yield Finding(
            path=("services",), why="no service owns the path /", fix="give one service the route /", reads=reads
        )


RULES: Final[tuple[Rule, ...]] = (routes, root)
