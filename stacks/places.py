"""Services of a stack share a listener: two that want the same place in its order are refused before anything is made.

A place is the hash of a path or a name, so that adding a service moves no other; now and then two meet.
"""

from __future__ import annotations

from collections.abc import Iterable

from components.eks_traffic import probe_value
from components.fargate_traffic import probe_priority
from components.rest_api import STAGE
from components.route import DEEPEST_PATH, priority
from stacks.errors import Problem, SettingsError
from stacks.load import Resolved
from stacks.settings import FrontDoorKind

_SEGMENTS = f"1 to {DEEPEST_PATH} segments, as in /one/more"


def check_places(resolved: Resolved) -> None:
    """Refuse services that would get in each other's way at a load balancer, in the mode of today or the other one.

    Raises:
        SettingsError: Two services want one place, or a path is too deep to have one, or another's already.

    """
    services = resolved.settings.services
    problems = [
        Problem(key=_key(name, "route"), value=service.route, why="has too many segments", allowed=_SEGMENTS)
        for name, service in services.items()
        if service.route.count("/") > DEEPEST_PATH
    ]
    if resolved.settings.front_door is FrontDoorKind.REST_API:
        problems += [
            Problem(
                key=_key(name, "route"),
                value=service.route,
                why=f"begins as every path of a REST API does where AWS sends its stage along: /{STAGE}",
                fix="take another path",
            )
            for name, service in services.items()
            if f"{service.route}/".startswith(f"/{STAGE}/")
        ]
    if not problems:
        routes = [(name, priority(service.route)) for name, service in services.items()]
        problems += [
            Problem(
                key=_key(later, "route"),
                value=services[later].route,
                why=f"gets the same priority at a load balancer as {services[earlier].route} of {earlier}",
                fix="give one of the two another path; any change will do",
            )
            for earlier, later in _meetings(routes)
        ]
        probes = [
            (name, probe_priority(probe))
            for name in services
            for probe in (f"{resolved.stack}-{name}", probe_value(f"{resolved.stack}-{name}"))
        ]
        problems += [
            Problem(
                key=_key(later),
                why=f"gets the same priority for its health probes as {earlier}",
                fix="call one of the two differently; any change will do",
            )
            for earlier, later in _meetings(probes)
        ]
    if problems:
        raise SettingsError(problems, resolved.stack)


def _meetings(places: Iterable[tuple[str, int]]) -> list[tuple[str, str]]:
    """Return the pairs of services that want one place, in the order of their names."""
    owners: dict[int, str] = {}
    pairs: list[tuple[str, str]] = []
    for name, place in sorted(places):
        if place in owners:
            pairs.append((owners[place], name))
        owners.setdefault(place, name)
    return pairs


def _key(*path: str) -> str:
    return ".".join(("modeshift:services", *path))
