"""Pods as targets of a load balancer, and its word as what lets them count as ready.

Source: the AWS Load Balancer Controller, which EKS Auto Mode runs: a pod whose containers are ready is registered, one
that is not, or is being deleted, is deregistered; its readiness gate opens once its target is healthy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sandbox.workloads.kubernetes.objects import Binding, matches
from sandbox.workloads.surfaces import Target, Targets

if TYPE_CHECKING:
    from sandbox.workloads.kubernetes.pod import Pod


class Registrations:
    """The targets that bindings have made."""

    def __init__(self, targets: Targets, subject: str) -> None:
        self._targets = targets
        self._subject = subject
        self._registered: dict[tuple[str, str], tuple[Pod, int]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def step(self, bindings: Sequence[Binding], pods: Sequence[Pod]) -> None:
        """Register what got ready, deregister what is not any more, and open gates."""
        wanted = {
            (binding.group_arn, pod.ip): pod
            for binding in bindings
            for pod in pods
            if matches(binding.selector, pod.template.labels) and pod.containers_ready and not pod.deleted
        }
        for key, (pod, port) in list(self._registered.items()):
            container = pod.container
            # A container that was started again listens at another port here, which AWS would not see.
            if key not in wanted or (container is not None and pod.running and container.port != port):
                del self._registered[key]
                self._leave(key)
                # Its address comes back in a later step, once it has begun to leave.
                wanted.pop(key, None)
        for (group, ip), pod in wanted.items():
            if (group, ip) not in self._registered and pod.container is not None and pod.running:
                target = Target(ip, pod.container.host, pod.container.port, pod.zone, self._subject)
                self._targets.register(group, target)
                self._registered[group, ip] = pod, pod.container.port
        self._open_gates()

    def health(self, pod: Pod) -> str:
        """Return how a load balancer finds a pod, empty where none knows it."""
        return next((state for known, state in self._states() if known is pod), "")

    async def close(self) -> None:
        """Deregister everything, without waiting for what is under way."""
        for key in list(self._registered):
            del self._registered[key]
            self._leave(key)
        await asyncio.sleep(0)
        for task in list(self._leaving):
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _open_gates(self) -> None:
        for pod, state in self._states():
            if pod.gate is False and state == "healthy":
                pod.gate = True

    def _states(self) -> Iterator[tuple[Pod, str]]:
        """Yield each registered pod with the state of its target."""
        for group in {group for group, _ in self._registered}:
            for health in self._targets.health(group):
                known = self._registered.get((group, health.target.id))
                # A target that still leaves has the address too, and another port.
                if known is not None and known[1] == health.target.port:
                    yield known[0], health.state

    def _leave(self, key: tuple[str, str]) -> None:
        task = asyncio.create_task(self._targets.deregister(*key))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
