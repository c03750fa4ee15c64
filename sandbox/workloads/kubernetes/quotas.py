"""What the pods of a namespace may ask for together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sandbox.workloads.kubernetes.objects import Template

_AMOUNTS: Mapping[str, Callable[[Template], float]] = {
    "pods": lambda _: 1.0,
    "requests.cpu": lambda template: template.cpu,
    "requests.memory": lambda template: template.memory,
    "limits.cpu": lambda template: template.cpu_limit,
    "limits.memory": lambda template: template.memory_limit,
}


def refusal(
    quotas: Sequence[tuple[str, Mapping[str, float]]], there: Sequence[Template], template: Template, name: str
) -> str:
    """Return why a namespace takes no such pod beside those there, in Kubernetes' words; empty when it does."""
    for quota, hard in quotas:
        for resource, amount in _AMOUNTS.items():
            one, used = amount(template), sum(map(amount, there))
            if resource in hard and used + one > hard[resource] * (1 + 1e-9):
                asked = f"requested: {resource}={one:.12g}, used: {resource}={used:.12g}"
                limited = f"limited: {resource}={hard[resource]:.12g}"
                return f'pods "{name}" is forbidden: exceeded quota: {quota}, {asked}, {limited}'
    return ""
