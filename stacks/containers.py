"""Settings of services in mode container: what runs them, and how a new version takes over."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from components.eks_versions import NEWEST
from stacks.block import Settings
from stacks.words import Architecture, Compute, Placement


class HealthCheckSettings(Settings):
    interval: Annotated[int, Field(ge=5, le=300)] = 30
    """Seconds between two tries."""
    timeout: Annotated[int, Field(ge=2, le=120)] = 5
    """Seconds a try may take; less than the interval."""
    healthy: Annotated[int, Field(ge=2, le=10)] = 2
    """Good tries in a row that bring a target in."""
    unhealthy: Annotated[int, Field(ge=2, le=10)] = 2
    """Bad tries in a row that take it out."""


class Strategy(StrEnum):
    ROLLING = "rolling"
    CANARY = "canary"
    LINEAR = "linear"
    BLUE_GREEN = "blue-green"


class RolloutSettings(Settings):
    strategy: Strategy = Strategy.ROLLING
    """Task by task, or by traffic that ECS moves: some first, in steps, at once (docs/deployments.md)."""
    percent: Annotated[int, Field(ge=1, le=100)] = 10
    """Share of the traffic that `canary` begins with, and each step of `linear` adds (3 or more)."""
    step_minutes: Annotated[int, Field(ge=0, le=1440)] = 10
    """Time that `canary` and each step of `linear` are watched."""
    bake_minutes: Annotated[int, Field(ge=0, le=1440)] = 10
    """Time that the old version stays once all traffic is on the new one, to go back to at once."""
    min_percent: Annotated[int, Field(ge=0, le=100)] = 100
    """Share of the wanted tasks that stay while a new version comes; on EKS all do."""
    max_percent: Annotated[int, Field(ge=100, le=200)] = 200
    """Share of the wanted tasks, old and new, that may run at once; more than `minPercent`."""
    grace_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """Time a new task has before its health counts; on EKS up to 600."""


class KubernetesSettings(Settings):
    version: str = NEWEST
    """Kubernetes version of the cluster, in quotes; up by one at a time, never down (docs/eks.md)."""
    admins: tuple[str, ...] = ()
    """ARNs of the roles that may do everything in the cluster; what runs `up` must be one. Nobody else gets in."""
    public_cidrs: tuple[str, ...] = ()
    """Blocks from which the cluster's API is reached; none, only from inside the network."""
    most_vcpus: Annotated[int, Field(ge=2, le=1000)] = 32
    """vCPU of all nodes together; beyond, pods wait and no node is added."""
    auto_mode: bool = True
    """EKS Auto Mode: AWS runs the nodes. There is no other way here."""


class ContainerSettings(Settings):
    compute: Compute = Compute.FARGATE
    """What runs the containers: `fargate` or `eks`."""
    kubernetes: KubernetesSettings = Field(default_factory=KubernetesSettings)
    """The cluster of `compute: eks`."""
    placement: Placement = Placement.PRIVATE
    """Subnets of the tasks; `public` saves the NAT gateway and gives each task a public address. Pods are private."""
    architecture: Architecture = Architecture.ARM64
    """Processor of the tasks and pods; the image must hold it."""
    exec: bool = False
    """ECS Exec, audited to a log group; needs a writable root file system, so it is off until asked for."""
    insights: Literal["disabled", "enabled", "enhanced"] = "enabled"
    """Container Insights of the cluster; on EKS enabled and enhanced are the same."""
    health_check: HealthCheckSettings = Field(default_factory=HealthCheckSettings)
    """How the load balancer finds out whether a task works."""
    rollout: RolloutSettings = Field(default_factory=RolloutSettings)
    """How a new version takes over."""
    deregistration_delay: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds that a task on its way out may finish its requests."""
