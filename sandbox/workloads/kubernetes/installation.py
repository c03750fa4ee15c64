"""What one release has in its cluster, held to what its manifest asks for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sandbox.workloads.kubernetes import budgets, quotas
from sandbox.workloads.kubernetes.autoscaler import Autoscaling
from sandbox.workloads.kubernetes.bindings import Registrations
from sandbox.workloads.kubernetes.insights import record
from sandbox.workloads.kubernetes.kubelet import Kubelet
from sandbox.workloads.kubernetes.objects import Manifest, Template, matches
from sandbox.workloads.kubernetes.pod import Pod
from sandbox.workloads.kubernetes.replicas import CannotCreateError, Replicas, trouble

if TYPE_CHECKING:
    from sandbox.workloads.kubernetes.nodes import Nodes
    from sandbox.workloads.surfaces import Targets

_STEP_SECONDS = 0.2
"""Real seconds after which everything is looked at again, whether or not a pod has changed."""
_RECORD_SECONDS = 5.0
_FAILED_SECONDS = 5.0
_LOG = logging.getLogger(__name__)


class Installation:
    """Deployments with their autoscalers, budgets and bindings: one loop steps them all."""

    def __init__(
        self,
        kubelet: Callable[[Callable[[], None]], Kubelet],
        targets: Targets,
        nodes: Nodes,
        *,
        cluster: str,
        namespace: str,
        gated: bool,
    ) -> None:
        self._woken = asyncio.Event()
        self._stepped = asyncio.Condition()
        self._manifest = Manifest()
        self._kubelet = kubelet(self._woken.set)
        self._nodes = nodes
        self._place_of = cluster, namespace
        self._gated = gated
        self._registrations = Registrations(targets, self._kubelet.subject)
        self._replicas: dict[str, Replicas] = {}
        self._leaving: list[Replicas] = []
        self._autoscaling: dict[str, Autoscaling] = {}
        self._loop = asyncio.create_task(self._run(), name=f"pods of {namespace}")

    @property
    def pods(self) -> list[Pod]:
        """All pods, those of Deployments that go too."""
        return [pod for one in [*self._replicas.values(), *self._leaving] for pod in one.pods]

    def want(self, manifest: Manifest) -> None:
        """Ask for what a manifest asks for."""
        self._manifest = manifest
        for deployment in manifest.deployments:
            known = self._replicas.get(deployment.name)
            if known is None:
                self._replicas[deployment.name] = Replicas(deployment, self._kubelet, self._make)
            else:
                known.want(deployment)
        for name in self._replicas.keys() - {one.name for one in manifest.deployments}:
            gone = self._replicas.pop(name)
            for pod in gone.pods:
                pod.delete()
            self._leaving.append(gone)
        before, self._autoscaling = self._autoscaling, {}
        for one in manifest.autoscalers:
            self._autoscaling[one.target] = before.get(one.target) or Autoscaling(one, self._kubelet)
            self._autoscaling[one.target].want(one)
        self._woken.set()

    def ready(self) -> bool:
        """Whether all Deployments have as many ready pods as Helm waits for."""
        return all(one.enough_ready() for one in self._replicas.values())

    def exceeded(self) -> bool:
        """Whether an update came no further within its deadline."""
        return any(one.exceeded for one in self._replicas.values())

    def trouble(self) -> str:
        """Return what keeps pods from getting ready."""
        refused = next((one.refused for one in self._replicas.values() if one.refused), "")
        return refused or trouble([pod for one in self._replicas.values() for pod in one.new.pods])

    def kill(self) -> bool:
        """End the container of one pod by force; return whether there was any."""
        running = next((pod for pod in self.pods if pod.running), None)
        if running is not None:
            running.kill()
        return running is not None

    def evict(self, name: str) -> str:
        """Delete a pod as draining its node would; return why it cannot be, empty when it is done."""
        pod = next((one for one in self.pods if one.name == name and not one.deleted), None)
        if pod is None:
            return f'pods "{name}" not found'
        refusal = budgets.refusal(self._manifest.budgets, pod, self._replicas.values())
        if not refusal:
            self._kubelet.note("pod", f"{name}: Evicted")
            pod.delete()
        return refusal

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of what is here."""
        async with self._stepped:
            await self._stepped.wait_for(holds)

    async def clear(self) -> None:
        """Delete everything, and wait until it is gone."""
        self.want(Manifest())
        await self.until(lambda: not self.pods)

    async def uninstall(self) -> None:
        """Delete everything, and end with it."""
        await self.clear()
        await self.close()

    async def close(self) -> None:
        """End everything at once."""
        self._loop.cancel()
        with suppress(asyncio.CancelledError):
            await self._loop
        await asyncio.gather(*(pod.close() for pod in self.pods))
        await self._registrations.close()

    def describe(self) -> dict[str, Any]:
        """Return what it is, as JSON."""
        return {
            "not_simulated": list(self._manifest.not_simulated),
            "deployments": [self._deployment(one) for one in [*self._replicas.values(), *self._leaving]],
            "budgets": [
                {"name": one.name, **asdict(budgets.standing(one, self._replicas.values()))}
                for one in self._manifest.budgets
            ],
        }

    def _deployment(self, one: Replicas) -> dict[str, Any]:
        told = one.describe()
        healths = {pod.name: self._registrations.health(pod) for pod in one.pods}
        told["pods"] = [{**pod, "target_health": healths[pod["name"]]} for pod in told["pods"]]
        autoscaling = self._autoscaling.get(one.spec.name)
        return {**told, "autoscaler": autoscaling.describe(one) if autoscaling else None}

    async def _run(self) -> None:
        clock, recorded = asyncio.get_running_loop().time, 0.0
        while True:
            self._woken.clear()
            try:
                self._step()
            except Exception as problem:  # noqa: BLE001 - one step must not leave the pods alone for good
                _LOG.exception("A step of the pods of %s failed", self._place_of[1])
                self._kubelet.note("deployment", f"{type(problem).__name__}: {problem}", warning=True)
                await asyncio.sleep(_FAILED_SECONDS)
            async with self._stepped:
                self._stepped.notify_all()
            if clock() - recorded > _RECORD_SECONDS:
                recorded = clock()
                record(self._kubelet.context.metrics, *self._place_of, self.pods)
            # Not wait_for, which before Python 3.12 can lose the cancellation that ends this loop.
            with suppress(TimeoutError):
                async with asyncio.timeout(_STEP_SECONDS):
                    await self._woken.wait()

    def _step(self) -> None:
        for pod in self.pods:
            if not pod.zone:
                self._place(pod)
            elif self._nodes.lost(pod.zone):
                pod.lose()
            else:
                pod.find()
        self._registrations.step(self._manifest.bindings, self.pods)
        before = {pod.ip for pod in self.pods}
        for name, one in self._replicas.items():
            if (autoscaling := self._autoscaling.get(name)) is not None:
                autoscaling.step(one)
            one.step()
        for one in self._leaving:
            one.sweep()
        self._leaving = [one for one in self._leaving if one.pods]
        for address in before - {pod.ip for pod in self.pods}:
            self._nodes.free(address)

    def _make(self, template: Template, name: str) -> Pod:
        """Make a pod.

        Raises:
            CannotCreateError: The namespace has nothing left for it.

        """
        refusal = quotas.refusal(self._manifest.quotas, [pod.template for pod in self.pods], template, name)
        if refusal:
            raise CannotCreateError(refusal)
        gated = self._gated and any(matches(one.selector, template.labels) for one in self._manifest.bindings)
        pod = Pod(self._kubelet, template, name, gated=gated)
        self._place(pod)
        return pod

    def _place(self, pod: Pod) -> None:
        place = self._nodes.place(
            one.zone for one in self.pods if one.template.hash == pod.template.hash and not one.deleted
        )
        if place is None:
            pod.wait_for_place(self._nodes.refusal())
        else:
            pod.place(*place)
