"""Services of a stack share a listener: two that want the same place in its order are refused before anything is made.

A place is the hash of a path or a name, so that adding a service moves no other; now and then two meet.
"""

from __future__ import annotations

from collections.abc import Mapping

from components.fargate_traffic import probe_priority
from components.route import DEEPEST_PATH, priority
from stacks.errors import Problem, SettingsError
from stacks.load import Resolved

_SEGMENTS = f"1 to {DEEPEST_PATH} segments, as in /one/more"


def check_places(resolved: Resolved) -> None:
    """Refuse services that would get in each other's way at a load balancer, in the mode of today or the other one.

    Raises:
        SettingsError: Two services want one place, or a path is too deep to have one.

    """
    services = resolved.settings.services
    problems = [
        Problem(key=_key(name, "route"), value=service.route, why="has too many segments", allowed=_SEGMENTS)
        for name, service in services.items()
        if service.route.count("/") > DEEPEST_PATH
    ]
    if not problems:
        routes = {name: priority(service.route) for name, service in services.items()}
        problems += [
            Problem(
                key=_key(later, "route"),
                value=services[later].route,
                why=f"gets the same priority at a load balancer as {services[earlier].route} of {earlier}",
                fix="give one of the two another path; any change will do",
            )
            for earlier, later in _meetings(routes)
        ]
        probes = {name: probe_priority(f"{resolved.stack}-{name}") for name in services}
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


def _meetings(places: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return the pairs of services that want one place, in the order of their names."""
    owners: dict[int, str] = {}
    pairs = [(owners.setdefault(place, name), name) for name, place in sorted(places.items())]
    return [(owner, name) for owner, name in pairs if owner != name]


def _key(*path: str) -> str:
    return ".".join(("modeshift:services", *path))
