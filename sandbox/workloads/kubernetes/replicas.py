"""A Deployment at work: which pods of which version there are, and how far an update has come.

Source: the Deployment and ReplicaSet controllers of Kubernetes, whose reasons and messages these are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.workloads.kubernetes.kubelet import Kubelet
from sandbox.workloads.kubernetes.names import suffix
from sandbox.workloads.kubernetes.objects import Deployment, Template
from sandbox.workloads.kubernetes.pod import Pod
from sandbox.workloads.kubernetes.rollout import Size, bounds, grown, shrunk


class CannotCreateError(Exception):
    """A pod that a cluster does not take; the message says why, in its words."""


MakePod = Callable[[Template, str], Pod]
"""Makes a pod of a name; raises CannotCreateError."""


@dataclass
class ReplicaSet:
    """The pods of one version."""

    template: Template
    revision: int
    wanted: int = 0
    pods: list[Pod] = field(default_factory=list[Pod])

    @property
    def kept(self) -> list[Pod]:
        """The pods that are not being deleted."""
        return [pod for pod in self.pods if not pod.deleted]


@dataclass
class Progress:
    """How long an update has come no further, in seconds of Kubernetes.

    A container starts no faster here than anywhere, so the time that one takes to start does not count, once for each
    update and no longer than it may take.
    """

    counted: float = 0.0
    excused: float = 0.0
    best: tuple[int, ...] = ()
    at: float = field(default_factory=time.monotonic)

    def tick(self, state: tuple[int, ...], *, starting: bool, speed: float, window: float) -> None:
        """Count the time since the last tick; any number that is better than ever begins anew."""
        passed, self.at = time.monotonic() - self.at, time.monotonic()
        best = tuple(map(max, self.best, state)) if self.best else state
        if best != self.best:
            self.counted, self.best = 0.0, best
        elif starting and self.excused < window:
            self.excused += passed
        else:
            self.counted += passed * speed


class Replicas:
    """The pods of one Deployment."""

    def __init__(self, spec: Deployment, kubelet: Kubelet, make: MakePod) -> None:
        self.spec = spec
        self.replicas = 1 if spec.replicas is None else spec.replicas
        self.sets: list[ReplicaSet] = []
        """By revision; the last is the new one."""
        self.refused = ""
        """Why a pod could not be made."""
        self._kubelet = kubelet
        self._make = make
        self._progress = Progress()
        self._complete = False
        self.want(spec)

    @property
    def new(self) -> ReplicaSet:
        """The ReplicaSet of the wanted version."""
        return self.sets[-1]

    @property
    def pods(self) -> list[Pod]:
        """All pods, those that are being deleted too."""
        return [pod for one in self.sets for pod in one.pods]

    @property
    def complete(self) -> bool:
        """Whether there is nothing but available pods of the wanted version."""
        kept = [pod for pod in self.pods if not pod.deleted]
        mine = self.new.kept
        return len(kept) == len(mine) == self._available(self.new) == self.replicas

    @property
    def exceeded(self) -> bool:
        """Whether an update has come no further for longer than its deadline."""
        return not self._complete and self._progress.counted > self.spec.deadline

    def enough_ready(self) -> bool:
        """Whether Helm, which waits for ready pods of the new version, waits no more."""
        allowed = bounds(self.spec.surge, self.spec.unavailable, self.replicas)
        wanted = self.replicas - (allowed.unavailable if self.replicas else 0)
        return self.new.wanted == self.replicas and sum(pod.ready for pod in self.new.kept) >= wanted

    def want(self, spec: Deployment) -> None:
        """Take another version, as a new revision; one that was there before is taken up again."""
        self.spec = spec
        if spec.replicas is not None:
            self.scale(spec.replicas)
        template = spec.template
        if self.sets and self.new.template == template:
            return
        number = max((one.revision for one in self.sets), default=0) + 1
        found = next((one for one in self.sets if one.template == template), None)
        if found is None:
            found = ReplicaSet(template, number)
            self._note(f'Created new replica set "{self._name(found)}"')
        else:
            self.sets.remove(found)
            found.revision = number
        self.sets.append(found)
        self._progress, self._complete = Progress(), False

    def scale(self, replicas: int) -> None:
        """Want another number of pods."""
        if replicas != self.replicas:
            self._note(f"Scaled {self.spec.name} from {self.replicas} to {replicas}")
            self.replicas = replicas

    def sweep(self) -> None:
        """Forget pods that are gone, and delete those whose node is."""
        for one in self.sets:
            for pod in one.pods:
                if pod.overdue:
                    pod.delete()
                pod.observe()
            one.pods = [pod for pod in one.pods if not pod.gone]

    def step(self) -> None:
        """Bring pods one step nearer to what is wanted."""
        self.sweep()
        *old, new = self.sets
        allowed = bounds(self.spec.surge, self.spec.unavailable, self.replicas)
        self._resize(new, grown(self._size(new), [self._size(one) for one in old], self.replicas, allowed))
        sizes = [self._size(one) for one in old]
        for one, wanted in zip(old, shrunk(self._size(new), sizes, self.replicas, allowed), strict=True):
            self._resize(one, wanted)
        self.refused = ""
        for one in self.sets:
            self._fill(one)
        self._forget_oldest()
        self._measure_progress()

    def _size(self, one: ReplicaSet) -> Size:
        return Size(one.wanted, self._available(one))

    def _available(self, one: ReplicaSet) -> int:
        return sum(pod.available(self.spec.min_ready) for pod in one.kept)

    def _resize(self, one: ReplicaSet, wanted: int) -> None:
        if wanted != one.wanted:
            way = "up" if wanted > one.wanted else "down"
            self._note(f"Scaled {way} replica set {self._name(one)} from {one.wanted} to {wanted}")
            one.wanted = wanted

    def _fill(self, one: ReplicaSet) -> None:
        """Make the pods that are missing, delete those too many: first such as serve nobody, then the youngest."""
        kept = sorted(one.kept, key=lambda pod: (pod.ready, pod.running, -pod.created))
        for pod in kept[: max(len(kept) - one.wanted, 0)]:
            pod.delete()
        for _ in range(one.wanted - len(kept)):
            try:
                one.pods.append(self._make(one.template, f"{self._name(one)}-{suffix()}"))
            except CannotCreateError as error:
                self.refused = str(error)
                return

    def _forget_oldest(self) -> None:
        """Keep as many old versions as the Deployment says."""
        idle = [one for one in self.sets[:-1] if not one.pods and not one.wanted]
        for one in idle[: max(len(idle) - self.spec.history, 0)]:
            self.sets.remove(one)

    def _measure_progress(self) -> None:
        if self.complete:
            if not self._complete:
                self._note(f'ReplicaSet "{self._name(self.new)}" has successfully progressed.')
            self._complete, self._progress = True, Progress()
            return
        if self._complete:
            # Pods that are replaced, or come and go by number, are no update that could fail.
            return
        kept = self.new.kept
        others = sum(len(one.kept) for one in self.sets[:-1])
        state = (len(kept), sum(pod.ready for pod in kept), self._available(self.new), -others)
        window = max((probe.failures * probe.period for probe in (self.spec.template.startup,) if probe), default=0.0)
        was = self.exceeded
        starting = any(pod.starting for pod in kept)
        self._progress.tick(state, starting=starting, speed=self._kubelet.context.clock.speed, window=window)
        if self.exceeded and not was:
            self._note(f'ReplicaSet "{self._name(self.new)}" has timed out progressing.', warning=True)

    def _name(self, one: ReplicaSet) -> str:
        return f"{self.spec.name}-{one.template.hash}"

    def _note(self, text: str, *, warning: bool = False) -> None:
        self._kubelet.note("deployment", text, warning=warning)

    def conditions(self) -> list[dict[str, str]]:
        """Return what a Deployment says of itself."""
        allowed = bounds(self.spec.surge, self.spec.unavailable, self.replicas)
        available = sum(map(self._available, self.sets)) >= self.replicas - allowed.unavailable
        minimum = (
            "Deployment has minimum availability." if available else "Deployment does not have minimum availability."
        )
        found = [
            _condition("Available", str(available), f"MinimumReplicas{'A' if available else 'Una'}vailable", minimum),
            self._progressing(),
        ]
        if self.refused:
            found.append(_condition("ReplicaFailure", "True", "FailedCreate", self.refused))
        return found

    def _progressing(self) -> dict[str, str]:
        name = f'ReplicaSet "{self._name(self.new)}"'
        if self._complete:
            return _condition("Progressing", "True", "NewReplicaSetAvailable", f"{name} has successfully progressed.")
        if self.exceeded:
            return _condition("Progressing", "False", "ProgressDeadlineExceeded", f"{name} has timed out progressing.")
        return _condition("Progressing", "True", "ReplicaSetUpdated", f"{name} is progressing.")

    def describe(self) -> dict[str, Any]:
        """Return what it is, as JSON."""
        kept = [pod for pod in self.pods if not pod.deleted]
        available = sum(map(self._available, self.sets))
        return {
            "name": self.spec.name,
            "component": self.spec.component,
            "revision": self.new.revision,
            "replicas": self.replicas,
            "updated": len(self.new.kept),
            "ready": sum(pod.ready for pod in kept),
            "available": available,
            "unavailable": max(self.replicas - available, 0),
            "conditions": self.conditions(),
            "replica_sets": [_described(one, self._name(one)) for one in self.sets if one.pods or one is self.new],
            "pods": [{**pod.describe(), "revision": one.revision} for one in self.sets for pod in one.pods],
        }


def trouble(pods: Sequence[Pod]) -> str:
    """Return what keeps pods from getting ready, of the one that says most."""
    ailing = [pod for pod in pods if not pod.ready and not pod.deleted]
    if not ailing:
        return ""
    pod = max(ailing, key=lambda pod: (bool(pod.message), pod.restarts))
    last = pod.last_state
    ended = f", last {last['reason']} with exit code {last['exit_code']}" if last else ""
    message = "its target group does not find it healthy" if pod.containers_ready else pod.message
    return f"pod {pod.name}: {pod.status()}{ended}{f': {message}' if message else ''}"


def _described(one: ReplicaSet, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "revision": one.revision,
        "desired": one.wanted,
        "ready": sum(pod.ready for pod in one.kept),
        "image": one.template.image,
    }


def _condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}
