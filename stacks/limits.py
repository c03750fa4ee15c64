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
_FARGATE: Final = frozenset({Compute.FARGATE})
_EKS: Final = frozenset({Compute.EKS})
_ANY: Final = frozenset(Compute)
_AWS: Final = "https://docs.aws.amazon.com"
_FUNCTION_QUOTAS: Final = f"{_AWS}/lambda/latest/dg/gettingstarted-limits.html"
_API_QUOTAS: Final = f"{_AWS}/apigateway/latest/developerguide/http-api-quotas.html"
_REST_QUOTAS: Final = f"{_AWS}/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"
_FUNCTION_LIFE: Final = f"{_AWS}/lambda/latest/dg/lambda-runtime-environment.html"
_FUNCTION_FAQ: Final = "https://aws.amazon.com/lambda/faqs/"
_WEBSOCKET_APIS: Final = f"{_AWS}/apigateway/latest/developerguide/apigateway-websocket-api.html"
_TASK_DISK: Final = f"{_AWS}/AmazonECS/latest/developerguide/fargate-task-storage.html"
_OUR_FUNCTION: Final = "components/lambda_service.py"
_OUR_CHART: Final = "charts/service/values.yaml"
_NO_UPGRADE: Final = "upgrades no connection; WebSockets take an API of another kind"
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


@dataclass(frozen=True)
class Limit:
    """The most that is possible, 0 for not at all: for these computes, and by one way or by any."""

    ability: Ability
    most: int
    computes: frozenset[Compute]
    way: Way | None
    why: str
    source: str


_P, _T, _D, _W, _B, _I = Ability
LIMITS: Final[tuple[Limit, ...]] = (
    Limit(_P, 6, _LAMBDA, None, "a function takes and returns 6 MB", _FUNCTION_QUOTAS),
    Limit(
        _P, 1, _LAMBDA, Way.BALANCER, "a load balancer hands a function 1 MB and takes no more back", _FUNCTION_TARGETS
    ),
    Limit(_P, 10, _ANY, Way.HTTP_API, "an HTTP API passes on 10 MB", _API_QUOTAS),
    Limit(_P, 10, _ANY, Way.REST_API, "a REST API passes on 10 MB", _REST_QUOTAS),
    Limit(
        _T, 900, _ANY, None, "a function runs for 15 minutes, and settings hold every compute to that", _FUNCTION_QUOTAS
    ),
    Limit(_T, 29, _ANY, Way.HTTP_API, "an HTTP API gives up after 30 seconds", _API_QUOTAS),
    Limit(_T, 29, _ANY, Way.REST_API, "a REST API gives up after 29 seconds", _REST_QUOTAS),
    Limit(_D, 512, _LAMBDA, None, "a function has 512 MB in /tmp, and they go with its instance", _OUR_FUNCTION),
    Limit(_D, 20_000, _FARGATE, None, "a task has 20 GB, from which its image takes its part", _TASK_DISK),
    Limit(_D, 64, _EKS, None, "the chart gives a pod 64 MB in /tmp", _OUR_CHART),
    Limit(_W, 0, _LAMBDA, None, "a function answers one request and keeps no connection", _FUNCTION_TARGETS),
    Limit(_W, 0, _ANY, Way.HTTP_API, f"an HTTP API {_NO_UPGRADE}", _WEBSOCKET_APIS),
    Limit(_W, 0, _ANY, Way.REST_API, f"a REST API {_NO_UPGRADE}", _WEBSOCKET_APIS),
    Limit(_B, 0, _LAMBDA, None, "a function is frozen once it has answered", _FUNCTION_LIFE),
    Limit(_I, 0, _LAMBDA, None, "a function may open TCP and UDP sockets only", _FUNCTION_FAQ),
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
