"""What each compute can do behind each front door: one table, which settings are checked against and people are shown.

Figures are AWS's own, or those that our components set; `source` says where each is from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stacks.settings import Compute, FrontDoorKind

_LAMBDA: Final = frozenset({Compute.LAMBDA})
_ANY: Final = frozenset(Compute)
_AWS: Final = "https://docs.aws.amazon.com"
_FUNCTION_QUOTAS: Final = f"{_AWS}/lambda/latest/dg/gettingstarted-limits.html"
_API_QUOTAS: Final = f"{_AWS}/apigateway/latest/developerguide/http-api-quotas.html"
_REST_QUOTAS: Final = f"{_AWS}/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"
_FUNCTION_TARGETS: Final = f"{_AWS}/elasticloadbalancing/latest/application/lambda-functions.html"


class Ability(StrEnum):
    """What a service may need of a compute; a word that a manifest uses where it is a yes or no."""

    PAYLOAD = "payload"
    TIMEOUT = "timeout"
    DISK = "disk"
    WEBSOCKETS = "websockets"
    BACKGROUND = "background"
    ICMP = "icmp"


TITLES: Final[Mapping[Ability, str]] = {
    Ability.PAYLOAD: "largest request and answer",
    Ability.TIMEOUT: "longest request",
    Ability.DISK: "room in /tmp",
    Ability.WEBSOCKETS: "WebSockets",
    Ability.BACKGROUND: "work after the answer",
    Ability.ICMP: "ICMP echo",
}
NEEDS: Final[Mapping[Ability, str]] = {
    Ability.PAYLOAD: "requests or answers of {} MB",
    Ability.TIMEOUT: "requests of {} s",
    Ability.DISK: "{} MB in /tmp",
    Ability.WEBSOCKETS: "WebSockets",
    Ability.BACKGROUND: "to work on after the answer",
    Ability.ICMP: "to send ICMP echo requests",
}
"""What a service needs, as the rest of a sentence."""
UNITS: Final[Mapping[Ability, str]] = {Ability.PAYLOAD: "MB", Ability.TIMEOUT: "s", Ability.DISK: "MB"}
"""Units of what is a figure; the rest is there or not."""


class Way(StrEnum):
    """What a request passes on its way to a compute."""

    HTTP_API = "http-api"
    REST_API = "rest-api"
    BALANCER = "balancer"


_APIS: Final = {FrontDoorKind.HTTP_API: Way.HTTP_API, FrontDoorKind.REST_API: Way.REST_API}


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The most that is possible, 0 for not at all; for these computes, and by one way or by any."""

    ability: Ability
    most: int
    why: str
    source: str
    computes: frozenset[Compute] = _ANY
    way: Way | None = None


LIMITS: Final[tuple[Limit, ...]] = (
    Limit(
        ability=Ability.PAYLOAD,
        most=6,
        why="a function takes and returns 6 MB",
        source=_FUNCTION_QUOTAS,
        computes=_LAMBDA,
    ),
    Limit(
        ability=Ability.PAYLOAD,
        most=1,
        why="a load balancer hands a function 1 MB and takes no more back",
        source=_FUNCTION_TARGETS,
        computes=_LAMBDA,
        way=Way.BALANCER,
    ),
    Limit(
        ability=Ability.PAYLOAD,
        most=10,
        why="an HTTP API passes on 10 MB",
        source=_API_QUOTAS,
        way=Way.HTTP_API,
    ),
    Limit(
        ability=Ability.PAYLOAD,
        most=10,
        why="a REST API passes on 10 MB",
        source=_REST_QUOTAS,
        way=Way.REST_API,
    ),
    Limit(
        ability=Ability.TIMEOUT,
        most=900,
        why="a function runs for 15 minutes, and settings hold every compute to that",
        source=_FUNCTION_QUOTAS,
    ),
    Limit(
        ability=Ability.TIMEOUT,
        most=29,
        why="an HTTP API gives up after 30 seconds",
        source=_API_QUOTAS,
        way=Way.HTTP_API,
    ),
    Limit(
        ability=Ability.TIMEOUT,
        most=29,
        why="a REST API gives up after 29 seconds",
        source=_REST_QUOTAS,
        way=Way.REST_API,
    ),
    Limit(
        ability=Ability.DISK,
        most=512,
        why="a function has 512 MB in /tmp, and they go with its instance",
        source="components/lambda_service.py",
        computes=_LAMBDA,
    ),
    Limit(
        ability=Ability.DISK,
        most=20_000,
        why="a task has 20 GB, from which its image takes its part",
        source=f"{_AWS}/AmazonECS/latest/developerguide/fargate-task-storage.html",
        computes=frozenset({Compute.FARGATE}),
    ),
    Limit(
        ability=Ability.DISK,
        most=64,
        why="the chart gives a pod 64 MB in /tmp",
        source="charts/service/values.yaml",
        computes=frozenset({Compute.EKS}),
    ),
    Limit(
        ability=Ability.WEBSOCKETS,
        most=0,
        why="a function answers one request and keeps no connection",
        source=_FUNCTION_TARGETS,
        computes=_LAMBDA,
    ),
    Limit(
        ability=Ability.WEBSOCKETS,
        most=0,
        why="an HTTP API upgrades no connection; WebSockets take an API of another kind",
        source=f"{_AWS}/apigateway/latest/developerguide/apigateway-websocket-api.html",
        way=Way.HTTP_API,
    ),
    Limit(
        ability=Ability.WEBSOCKETS,
        most=0,
        why="a REST API upgrades no connection; WebSockets take an API of another kind",
        source=f"{_AWS}/apigateway/latest/developerguide/apigateway-websocket-api.html",
        way=Way.REST_API,
    ),
    Limit(
        ability=Ability.BACKGROUND,
        most=0,
        why="a function is frozen once it has answered",
        source=f"{_AWS}/lambda/latest/dg/lambda-runtime-environment.html",
        computes=_LAMBDA,
    ),
    Limit(
        ability=Ability.ICMP,
        most=0,
        why="a function may open TCP and UDP sockets only",
        source="https://aws.amazon.com/lambda/faqs/",
        computes=_LAMBDA,
    ),
)


def ways(compute: Compute, door: FrontDoorKind, *, shared: bool = False) -> frozenset[Way]:
    """Return what requests pass on their way to a compute; `shared` is a function during a shift."""
    balancer = {Way.BALANCER} if door is FrontDoorKind.ALB or compute is not Compute.LAMBDA or shared else set[Way]()
    return frozenset({*balancer, *([_APIS[door]] if door in _APIS else [])})


def limits(compute: Compute, door: FrontDoorKind, *, shared: bool = False) -> dict[Ability, Limit]:
    """Return what limits a compute behind a front door: the strictest of each, nothing where there is no limit."""
    passed = ways(compute, door, shared=shared)
    found = [each for each in LIMITS if compute in each.computes and each.way in {None, *passed}]
    # Of two that are as strict, that of the front door is told: it is what stays whatever the compute.
    found.sort(key=lambda each: (-each.most, each.way is not None))
    return {each.ability: each for each in found}


def described(compute: Compute, door: FrontDoorKind, *, shared: bool = False) -> dict[str, str]:
    """Return the limits of a compute as people read them, every ability by its title."""
    return dict(_rows(limits(compute, door, shared=shared)))


def _rows(strictest: Mapping[Ability, Limit]) -> Iterator[tuple[str, str]]:
    for ability, title in TITLES.items():
        limit, unit = strictest.get(ability), UNITS.get(ability)
        if limit is None:
            yield title, "no limit" if unit else "yes"
        else:
            yield title, f"{limit.most:,} {unit}" if unit else "no"
