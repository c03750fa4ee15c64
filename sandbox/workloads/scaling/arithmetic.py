"""How many there should be: the arithmetic of Application Auto Scaling, without time and metrics.

Sources: Application Auto Scaling user guide (how target tracking scaling works, how step scaling works), API reference
(StepScalingPolicyConfiguration, StepAdjustment), ECS developer guide (service-autoscaling-targettracking).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LOW = 0.9
"""The share of a target below which tracking removes capacity; AWS says around 10 percent lower than the target."""
_NOISE = 1e-9


@dataclass(frozen=True)
class Bounds:
    """The least and the most there may be."""

    least: int
    most: int

    def clamp(self, capacity: int) -> int:
        """Return the nearest that may be."""
        return max(self.least, min(self.most, capacity))


def tracked(capacity: int, value: float, target: float) -> int:
    """Return the capacity at which a metric that is shared by all would be at its target, or just below.

    It is rounded up both ways, so too little is never added and too much never removed. Of none there is no share: a
    metric above its target then wants one.
    """
    if capacity == 0:
        return int(value > target)
    return math.ceil(capacity * value / target - _NOISE)


@dataclass(frozen=True)
class Step:
    """What to change while a metric is this far from the threshold of an alarm; None is without end."""

    lower: float | None
    upper: float | None
    adjustment: int

    def holds(self, distance: float) -> bool:
        """Whether a distance is within the step: what is nearer the threshold is part of it, what is farther is not."""
        lower = -math.inf if self.lower is None else self.lower
        upper = math.inf if self.upper is None else self.upper
        return lower <= distance < upper if distance >= 0 else lower < distance <= upper


Kind = Literal["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"]


def stepped(capacity: int, distance: float, steps: Sequence[Step], kind: Kind, least_change: int = 0) -> int:
    """Return the capacity that the step for a distance asks for; without one, the same as before."""
    step = next((step for step in steps if step.holds(distance)), None)
    if step is None:
        return capacity
    if kind == "ExactCapacity":
        return step.adjustment
    if kind == "ChangeInCapacity":
        return max(0, capacity + step.adjustment)
    change = _rounded(capacity * step.adjustment / 100)
    if change:
        change = int(math.copysign(max(abs(change), least_change), change))
    return max(0, capacity + change)


def _rounded(change: float) -> int:
    """Return a percentage as whole ones: less than one counts as one, the rest loses its fraction."""
    if change == 0:
        return 0
    return int(math.copysign(max(1, math.floor(abs(change) + _NOISE)), change))
