"""How many pods a HorizontalPodAutoscaler wants: arithmetic only, with times in seconds.

Source: Kubernetes, `pkg/controller/podautoscaler` (`replica_calculator.go`, `horizontal.go`) and the page "Horizontal
Pod Autoscaling" of its documentation, for autoscaling/v2 with metrics of resources.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

TOLERANCE = 0.1
SYNC_SECONDS = 15
WINDOW_SECONDS = 15
"""Over which the metrics server measures what a pod uses of a processor."""

_CPU_INITIALIZATION = 300
_READINESS_DELAY = 30


@dataclass(frozen=True)
class Policy:
    """How many pods may come or go within a period: a number, or a percentage of those at its beginning."""

    kind: Literal["Pods", "Percent"]
    value: int
    period: float


@dataclass(frozen=True)
class Rules:
    """How fast the number of pods goes into one direction."""

    window: float
    policies: Sequence[Policy] = ()
    select: Literal["Max", "Min", "Disabled"] = "Max"


@dataclass(frozen=True)
class Change:
    """Pods that came or went at a time."""

    time: float
    pods: int


@dataclass(frozen=True)
class Measured:
    """A pod as an autoscaler sees it; times are seconds, `usage` is None where nothing was measured yet."""

    request: float
    usage: float | None = None
    measured: float = 0.0
    ready: bool = True
    started: float | None = 0.0
    """None while it has no container."""
    changed: float = 0.0
    """When it last got ready or ceased to be."""


@dataclass(frozen=True)
class Proposal:
    """What one metric asks for, and the average use in percent of what is requested."""

    replicas: int
    utilization: int


def propose(
    resource: Literal["cpu", "memory"], target: int, replicas: int, pods: Sequence[Measured], now: float
) -> Proposal:
    """Return how many pods keep the average use of a resource at a percentage of what they request.

    Args:
        resource: What is used. Of a processor, pods that start use more than they will: theirs does not count yet.
        target: The percentage.
        replicas: How many pods there are.
        pods: Those pods, but for the ones that are being deleted or have failed.
        now: The time.

    Raises:
        ValueError: Nothing was measured that counts.

    """
    unready = [pod for pod in pods if _starts(resource, pod, now)]
    counted = [pod for pod in pods if pod.usage is not None and pod not in unready]
    # One without a container is not ready; one that only lacks its measurement is missing.
    missing = [pod for pod in pods if pod.usage is None and pod not in unready]
    if not counted:
        message = f"unable to get metrics for resource {resource}: no metrics returned from resource metrics API"
        raise ValueError(message)
    if sum(pod.request for pod in counted) <= 0:
        message = f"missing request for {resource}"
        raise ValueError(message)
    usages = [(pod.usage or 0.0, pod.request) for pod in counted]
    utilization = _utilization(usages)
    ratio = utilization / target
    rising = ratio > 1
    if not missing and not (rising and unready):
        return Proposal(replicas if _near(ratio) else math.ceil(ratio * len(counted)), utilization)
    if ratio < 1:
        usages += [(pod.request * max(100, target) / 100, pod.request) for pod in missing]
    elif rising:
        usages += [(0.0, pod.request) for pod in missing]
    if rising:
        usages += [(0.0, pod.request) for pod in unready]
    cautious = _utilization(usages) / target
    if _near(cautious) or (ratio < 1 < cautious) or (cautious < 1 < ratio):
        return Proposal(replicas, utilization)
    wanted = math.ceil(cautious * len(usages))
    turned = (cautious < 1 and wanted > replicas) or (cautious > 1 and wanted < replicas)
    return Proposal(replicas if turned else wanted, utilization)


def _utilization(usages: Sequence[tuple[float, float]]) -> int:
    """Return what is used in percent of what is requested; Kubernetes counts in whole thousandths."""
    used, requested = (sum(round(each * 1000) for each in column) for column in zip(*usages, strict=True))
    return used * 100 // requested


def _near(ratio: float) -> bool:
    return abs(1 - ratio) <= TOLERANCE


def _starts(resource: str, pod: Measured, now: float) -> bool:
    """Whether what a pod uses tells nothing yet of what it will use."""
    if pod.started is None:
        return True
    if resource != "cpu" or pod.usage is None:
        return False
    if now < pod.started + _CPU_INITIALIZATION:
        return not pod.ready or pod.measured < pod.changed + WINDOW_SECONDS
    return not pod.ready and pod.changed < pod.started + _READINESS_DELAY


@dataclass
class Steadied:
    """What an autoscaler remembers: what it wanted lately, and what came and went."""

    up: Rules
    down: Rules
    wanted: list[Change] = field(default_factory=list[Change])
    came: list[Change] = field(default_factory=list[Change])
    went: list[Change] = field(default_factory=list[Change])

    def decide(self, current: int, wanted: int, least: int, most: int, now: float) -> int:
        """Return how many pods there shall be, by windows, policies and bounds, and remember the wish."""
        if not self.wanted:
            self.wanted.append(Change(now, current))
        self.wanted.append(Change(now, wanted))
        self.wanted = [one for one in self.wanted if one.time > now - max(self.up.window, self.down.window, 1)]
        if not least <= current <= most:
            return min(max(current, least), most)
        risen = min([wanted, *_within(self.wanted, self.up.window, now)])
        fallen = max([wanted, *_within(self.wanted, self.down.window, now)])
        steady = min(max(current, risen), fallen)
        if steady > current:
            return min(steady, self._ceiling(current, now), most)
        return max(steady, self._floor(current, now), least) if steady < current else current

    def scaled(self, before: int, after: int, now: float) -> None:
        """Remember that the number of pods has changed."""
        (self.came if after > before else self.went).append(Change(now, abs(after - before)))
        longest = max((policy.period for policy in (*self.up.policies, *self.down.policies)), default=0.0)
        self.came = [one for one in self.came if one.time > now - longest]
        self.went = [one for one in self.went if one.time > now - longest]

    def _ceiling(self, current: int, now: float) -> int:
        if self.up.select == "Disabled":
            return current
        limits = [
            begin + policy.value if policy.kind == "Pods" else math.ceil(begin * (100 + policy.value) / 100)
            for policy, begin in self._periods(self.up, current, now)
        ]
        return max(current, (max if self.up.select == "Max" else min)(limits))

    def _floor(self, current: int, now: float) -> int:
        if self.down.select == "Disabled":
            return current
        limits = [
            begin - policy.value if policy.kind == "Pods" else math.floor(begin * (100 - policy.value) / 100)
            for policy, begin in self._periods(self.down, current, now)
        ]
        return min(current, (min if self.down.select == "Max" else max)(limits))

    def _periods(self, rules: Rules, current: int, now: float) -> Iterable[tuple[Policy, int]]:
        """Yield each policy with the number of pods when its period began."""
        for policy in rules.policies:
            came = sum(_within(self.came, policy.period, now))
            went = sum(_within(self.went, policy.period, now))
            yield policy, current - came + went


def _within(changes: Iterable[Change], seconds: float, now: float) -> list[int]:
    return [one.pods for one in changes if one.time > now - seconds]
