"""A HorizontalPodAutoscaler at work: it reads what pods use, and says how many there shall be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from sandbox.workloads.kubernetes.hpa import SYNC_SECONDS, WINDOW_SECONDS, Measured, Proposal, Steadied, propose

if TYPE_CHECKING:
    from sandbox.workloads.kubernetes.kubelet import Kubelet
    from sandbox.workloads.kubernetes.objects import Autoscaler
    from sandbox.workloads.kubernetes.pod import Pod
    from sandbox.workloads.kubernetes.replicas import Replicas

_MIB = 1024 * 1024
_MEASURED_AFTER = 2.0
"""Real seconds after which a container's use of a processor has been measured."""


class Autoscaling:
    """One autoscaler and the Deployment that it counts the pods of."""

    def __init__(self, spec: Autoscaler, kubelet: Kubelet) -> None:
        self.spec = spec
        self._kubelet = kubelet
        self._steadied = Steadied(spec.up, spec.down)
        self._next = 0.0
        self._use: dict[str, int | None] = dict.fromkeys(spec.metrics)
        self._failure = ""
        self._limited = ""

    def want(self, spec: Autoscaler) -> None:
        """Go on with other bounds and targets."""
        self.spec = spec
        self._steadied.up, self._steadied.down = spec.up, spec.down
        self._use = {name: self._use.get(name) for name in spec.metrics}

    def step(self, replicas: Replicas) -> None:
        """Look again if it is time to, and scale."""
        now = self._kubelet.now()
        if now < self._next or replicas.replicas == 0:
            return
        self._next = now + SYNC_SECONDS
        current = replicas.replicas
        wanted, why = self._wanted(replicas, now)
        if wanted is None:
            return
        after = self._steadied.decide(current, wanted, self.spec.least, self.spec.most, now)
        self._limited = (
            "TooManyReplicas" if wanted > self.spec.most else "TooFewReplicas" if wanted < self.spec.least else ""
        )
        if after != current:
            self._steadied.scaled(current, after, now)
            reason = why if after > current or current > self.spec.most else "All metrics below target"
            self._kubelet.note("scaling", f"New size: {after}; reason: {reason}")
            replicas.scale(after)

    def _wanted(self, replicas: Replicas, now: float) -> tuple[int | None, str]:
        current = replicas.replicas
        pods = [pod for pod in replicas.pods if not pod.deleted]
        proposals: dict[str, Proposal] = {}
        failure = ""
        for resource, target in self.spec.metrics.items():
            try:
                proposals[resource] = propose(resource, target, current, _measured(pods, resource, self._kubelet), now)
            except ValueError as error:
                failure = str(error)
        self._use = {name: proposals[name].utilization if name in proposals else None for name in self.spec.metrics}
        self._failure = "" if proposals else failure
        if current < self.spec.least:
            return current, "Current number of replicas below Spec.MinReplicas"
        if current > self.spec.most:
            return current, "Current number of replicas above Spec.MaxReplicas"
        if not proposals:
            return None, ""
        name, best = max(proposals.items(), key=lambda pair: pair[1].replicas)
        # What could not be measured might need the pods that there are.
        if failure and best.replicas < current:
            return None, ""
        return best.replicas, f"{name} resource utilization (percentage of request) above target"

    def describe(self, replicas: Replicas) -> dict[str, Any]:
        """Return what it is, as JSON."""
        active = not self._failure
        return {
            "name": self.spec.name,
            "min": self.spec.least,
            "max": self.spec.most,
            "desired": replicas.replicas,
            "metrics": {
                name: {"current": self._use.get(name), "target": target} for name, target in self.spec.metrics.items()
            },
            "conditions": [
                {
                    "type": "ScalingActive",
                    "status": str(active),
                    "reason": "ValidMetricFound" if active else "FailedGetResourceMetric",
                    "message": self._failure,
                },
                {
                    "type": "ScalingLimited",
                    "status": str(bool(self._limited)),
                    "reason": self._limited or "DesiredWithinRange",
                    "message": "",
                },
            ],
        }


def _measured(pods: Sequence[Pod], resource: Literal["cpu", "memory"], kubelet: Kubelet) -> list[Measured]:
    """Return what pods use of a resource, of those that have run for long enough to be measured."""
    now = kubelet.now()
    window = max(WINDOW_SECONDS, _MEASURED_AFTER * kubelet.context.clock.speed)
    found: list[Measured] = []
    for pod in pods:
        usage: float | None = None
        if pod.running and pod.container is not None and pod.started_at is not None and now - pod.started_at > window:
            read = pod.container.usage
            usage = read.cpu if resource == "cpu" else read.memory * _MIB
        found.append(
            Measured(
                request=pod.template.cpu if resource == "cpu" else pod.template.memory,
                usage=usage,
                measured=now,
                ready=pod.ready,
                started=pod.started_at,
                changed=pod.changed,
            )
        )
    return found
