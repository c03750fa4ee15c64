"""What a compute is like to run, in the words and figures of the stack's own settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from automation.cost.usage import Usage
from stacks.settings import Compute, FrontDoorKind, StackSettings

UPTIME: Final[Mapping[Compute, str]] = {
    Compute.LAMBDA: "99.95%",
    Compute.FARGATE: "99.99%, in two zones",
    Compute.EKS: "99.95%, of its API",
}
"""What AWS promises for a month, by its service level agreements for Lambda, for Compute and for EKS."""


def warm(compute: Compute, door: FrontDoorKind) -> str:
    """Return what a request takes where an instance is ready: its own time, and what it passes through."""
    if door is FrontDoorKind.ALB:
        return "its own time, through the load balancer"
    hops = "the API" if compute is Compute.LAMBDA else "the API, a VPC link and a load balancer"
    return f"its own time, through {hops}"


def cold(compute: Compute, settings: StackSettings, usage: Usage, service: str) -> str:
    """Return what a request waits for where none is."""
    match compute:
        case Compute.LAMBDA:
            return _cold_function(settings, usage, service)
        case Compute.FARGATE:
            return "none; one more task in 1 to 2 min"
        case Compute.EKS:
            return "none; one more pod in seconds, one more node in 1 to 2 min"


def availability(compute: Compute, settings: StackSettings, service: str) -> str:
    """Return what it takes to interrupt a service."""
    if compute is Compute.LAMBDA:
        return "in every zone by itself"
    thing, fewest = "pod" if compute is Compute.EKS else "task", settings.services[service].scaling.min
    if fewest == 1:
        return f"1 {thing}: down while it is replaced"
    return f"{fewest} or more {thing}s in {settings.network.azs} zones"


def parts(compute: Compute, door: FrontDoorKind) -> Sequence[str]:
    """Return what has to be run for a service, besides what every compute needs."""
    match compute:
        case Compute.LAMBDA:
            return ["function"]
        case Compute.FARGATE:
            return ["image", "tasks", "autoscaling", "cluster", *_balanced(door)]
        case Compute.EKS:
            return ["image", "pods", "chart", "cluster", "nodes", "Kubernetes versions", *_balanced(door)]


def move(compute: Compute, settings: StackSettings) -> Sequence[str]:
    """Return what comes into a stack with its first service on a compute."""
    running = {each for name in settings.services for each in settings.computes_of(name)}
    if compute in running:
        return []
    contained = running & {Compute.FARGATE, Compute.EKS}
    match compute:
        case Compute.LAMBDA:
            return ["its package is built from this checkout"]
        case Compute.FARGATE:
            return ["a cluster is made, which costs nothing by itself", *_joining(settings, contained)]
        case Compute.EKS:
            return ["a cluster is made, which takes about 10 minutes", *_joining(settings, contained)]


def _joining(settings: StackSettings, contained: Collection[Compute]) -> Sequence[str]:
    """Return what the first container compute brings to the front door."""
    if settings.front_door is FrontDoorKind.ALB or contained:
        return []
    return ["an internal load balancer and a VPC link come behind the API; the URL stays"]


def _balanced(door: FrontDoorKind) -> Sequence[str]:
    """Return what an API needs before containers and not before functions."""
    return [] if door is FrontDoorKind.ALB else ["load balancer", "VPC link"]


def _cold_function(settings: StackSettings, usage: Usage, service: str) -> str:
    serverless = settings.serverless
    share = f"{usage.of(service).cold_start_share * 100:.2f}".rstrip("0").rstrip(".")
    if serverless.provisioned_concurrency:
        return f"none up to {serverless.provisioned_concurrency} at once; beyond, 1 to 5 s"
    wait = "less than 1 s, from a snapshot" if serverless.snap_start else "1 to 5 s"
    return f"{wait}, for {share}% of requests"
