"""What runs in a cluster, as far as pods depend on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox.workloads.kubernetes.hpa import Rules


@dataclass(frozen=True)
class Probe:
    """How the kubelet asks a container whether it is well: over HTTP, or by a command of its own."""

    path: str = ""
    command: tuple[str, ...] = ()
    delay: float = 0
    period: float = 10
    timeout: float = 1
    failures: int = 3
    successes: int = 1


@dataclass(frozen=True)
class Template:
    """The pods of one version, each with one container."""

    hash: str
    namespace: str
    labels: Mapping[str, str]
    container: str
    image: str
    command: tuple[str, ...]
    """What runs instead of what the image says."""
    args: tuple[str, ...]
    environment: Mapping[str, str]
    port: int
    """That it listens at; 0 where it does not."""
    grace: float
    """Seconds that an end may take, its hook included."""
    pre_stop: float
    cpu: float
    """Processors that a pod asks for."""
    memory: float
    cpu_limit: float
    memory_limit: float
    """Bytes; 0 is no limit, here and above."""
    startup: Probe | None = None
    liveness: Probe | None = None
    readiness: Probe | None = None


@dataclass(frozen=True)
class Deployment:
    """Pods that are replaced bit by bit; `replicas` is None where an autoscaler counts them."""

    name: str
    component: str
    replicas: int | None
    surge: str | int
    unavailable: str | int
    min_ready: float
    deadline: float
    history: int
    template: Template


@dataclass(frozen=True)
class Autoscaler:
    """A HorizontalPodAutoscaler: its targets are average use in percent of what pods request."""

    name: str
    target: str
    least: int
    most: int
    metrics: Mapping[Literal["cpu", "memory"], int]
    up: Rules
    down: Rules


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget."""

    name: str
    selector: Mapping[str, str]
    unavailable: str | int | None
    available: str | int | None
    always_unhealthy: bool
    """Whether pods that are not ready may always be evicted."""


@dataclass(frozen=True)
class Binding:
    """A target group that the ready pods of a service are registered with."""

    name: str
    group_arn: str
    selector: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """All that a release asks for."""

    deployments: tuple[Deployment, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    budgets: tuple[Budget, ...] = ()
    bindings: tuple[Binding, ...] = ()
    quotas: tuple[tuple[str, Mapping[str, float]], ...] = ()
    not_simulated: tuple[str, ...] = ()


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a selector chooses what has these labels."""
    return selector.items() <= labels.items()
