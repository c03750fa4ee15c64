"""A scalable target: its bounds, its policies, and which of what they want is done.

Sources: Application Auto Scaling user guide (target tracking, multiple policies, cooldowns, suspending scaling).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.workloads.scaling.arithmetic import Bounds
from sandbox.workloads.scaling.policies import Policy, Stepping, Tracking


@dataclass(frozen=True)
class Change:
    """Another capacity, and why."""

    capacity: int
    cause: str


@dataclass
class _Cooldown:
    """After adding: until when, and of which capacity what was added is part of what a policy wants."""

    until: float
    base: int


@dataclass
class Target:
    """What policies scale. Times are seconds of this machine; `seconds_of` turns a cooldown into them."""

    arn: str
    name: str
    """Its logical name."""
    stack: str
    namespace: str
    resource_id: str
    dimension: str
    bounds: Bounds
    suspended: frozenset[str] = frozenset()
    policies: Sequence[Policy] = ()
    missing: list[str] = field(default_factory=list[str])
    """What is not simulated of it."""
    moved: Bounds | None = None
    """Bounds that a schedule has set since."""
    cause: str = ""
    """What set them."""
    _adding: dict[str, _Cooldown] = field(default_factory=dict[str, _Cooldown])
    _removed_until: float = 0.0

    @property
    def limits(self) -> Bounds:
        """Return the bounds that hold now."""
        return self.moved or self.bounds

    def take_cooldowns(self, before: Target) -> None:
        """Go on waiting where the same target waited before its policies changed."""
        self._adding, self._removed_until = before._adding, before._removed_until

    def decide(self, capacity: int, now: float, speed: float, *, deploying: bool = False) -> Change | None:
        """Return what to change now, if anything: bounds first, then adding, then removing.

        While ECS deploys a service, nothing is removed from it.
        """
        limits = self.limits
        if (within := limits.clamp(capacity)) != capacity:
            which = (
                f"minimum capacity was set to {within}"
                if within > capacity
                else f"maximum capacity was set to {within}"
            )
            return Change(within, f"{self.cause}{which}")
        return self._add(capacity, now, speed) or (None if deploying else self._remove(capacity, now, speed))

    def _add(self, capacity: int, now: float, speed: float) -> Change | None:
        if "dynamicScalingOutSuspended" in self.suspended:
            return None
        best: tuple[int, Policy] | None = None
        for policy in self.policies:
            if isinstance(policy, Tracking) and policy.states.get("AlarmHigh") != "ALARM":
                continue
            cooldown = self._adding.get(policy.arn)
            base = cooldown.base if cooldown and now < cooldown.until else capacity
            wanted = policy.wanted(base)
            if wanted is not None and wanted > capacity and (best is None or wanted > best[0]):
                best = wanted, policy
        allowed = self.limits.clamp(best[0]) if best else capacity
        if best is None or allowed <= capacity:
            return None
        policy = best[1]
        seconds = policy.out_cooldown if isinstance(policy, Tracking) else policy.cooldown
        cooldown = self._adding.get(policy.arn)
        if cooldown is None or now >= cooldown.until:
            self._adding[policy.arn] = _Cooldown(now + seconds / speed, capacity)
        # What was removed just now is no reason to wait when more is wanted again.
        self._removed_until = 0.0
        return Change(allowed, _because(policy, "AlarmHigh"))

    def _remove(self, capacity: int, now: float, speed: float) -> Change | None:
        if "dynamicScalingInSuspended" in self.suspended or now < self._removed_until:
            return None
        wants: list[tuple[int, Policy]] = []
        tracking = [policy for policy in self.policies if isinstance(policy, Tracking) and policy.scales_in]
        # One that has nothing to remove, or no data, keeps the others from it.
        if all(policy.states.get("AlarmLow") == "ALARM" for policy in tracking):
            found = [(wanted, policy) for policy in tracking if (wanted := policy.wanted(capacity)) is not None]
            wants += [max(found, key=lambda pair: pair[0])] if len(found) == len(tracking) and found else []
        for policy in self.policies:
            wanted = policy.wanted(capacity) if isinstance(policy, Stepping) else None
            if wanted is not None and wanted < capacity:
                wants.append((wanted, policy))
        if not wants:
            return None
        wanted, policy = max(wants, key=lambda pair: pair[0])
        allowed = self.limits.clamp(wanted)
        if allowed >= capacity:
            return None
        seconds = policy.in_cooldown if isinstance(policy, Tracking) else policy.cooldown
        self._removed_until = now + seconds / speed
        return Change(allowed, _because(policy, "AlarmLow"))

    def describe(self, capacity: int | None) -> dict[str, Any]:
        """Return its bounds, what there is, and what each policy sees."""
        told: dict[str, Any] = {
            "arn": self.arn,
            "name": self.name,
            "resource": self.resource_id,
            "dimension": self.dimension,
            "namespace": self.namespace,
            "min": self.limits.least,
            "max": self.limits.most,
            "capacity": capacity,
            "policies": [policy.describe() for policy in self.policies],
        }
        if self.missing:
            told["not simulated"] = self.missing
        return told


def bounds_of(outputs: Mapping[str, Any]) -> Bounds:
    """Return the bounds that the account has for a target."""
    return Bounds(int(outputs["minCapacity"]), int(outputs["maxCapacity"]))


def _because(policy: Policy, which: str) -> str:
    alarm = policy.alarm_names[which] if isinstance(policy, Tracking) else policy.alarm
    return f"monitor alarm {alarm} in state ALARM triggered policy {policy.name}"
