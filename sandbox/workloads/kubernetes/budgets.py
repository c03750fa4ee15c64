"""Which pods may be evicted, as when their node is drained: the promise of a PodDisruptionBudget.

It holds for evictions alone. A zone that fails, a container that ends and an update ask no budget.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.workloads.kubernetes.objects import Budget, matches
from sandbox.workloads.kubernetes.rollout import disruptions, healthy_wanted

if TYPE_CHECKING:
    from sandbox.workloads.kubernetes.pod import Pod
    from sandbox.workloads.kubernetes.replicas import Replicas


@dataclass(frozen=True)
class Standing:
    """How many pods of a budget may go, are healthy, and have to be."""

    allowed_disruptions: int
    current_healthy: int
    desired_healthy: int


def standing(budget: Budget, deployments: Iterable[Replicas]) -> Standing:
    """Return how a budget stands."""
    concerned = [one for one in deployments if matches(budget.selector, one.spec.template.labels)]
    expected = sum(one.replicas for one in concerned)
    healthy = sum(pod.ready and not pod.deleted for one in concerned for pod in one.pods)
    limits = {"unavailable": budget.unavailable, "available": budget.available}
    return Standing(disruptions(expected, healthy, **limits), healthy, healthy_wanted(expected, **limits))


def refusal(budgets: Iterable[Budget], pod: Pod, deployments: Iterable[Replicas]) -> str:
    """Return why a pod may not be evicted now, empty when it may."""
    there = list(deployments)
    for budget in budgets:
        if not matches(budget.selector, pod.template.labels) or (budget.always_unhealthy and not pod.ready):
            continue
        now = standing(budget, there)
        if now.allowed_disruptions < 1:
            return (
                "Cannot evict pod as it would violate the pod's disruption budget. The disruption budget "
                f"{budget.name} needs {now.desired_healthy} healthy pods and has {now.current_healthy} currently"
            )
    return ""
