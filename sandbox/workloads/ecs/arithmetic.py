"""How many: tasks that a deployment may start and stop, failures that end it, seconds between tries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_FEWEST_FAILURES = 3
_MOST_FAILURES = 200
_LONGEST_WAIT = 27 * 60
_ALL = 100


@dataclass(frozen=True)
class Bounds:
    """How many tasks must be healthy and how many may be there at once."""

    least: int
    most: int

    @classmethod
    def of(cls, desired: int, minimum_percent: int, maximum_percent: int) -> Bounds:
        """Return the bounds of a service: the lower rounded up, the upper down (API, DeploymentConfiguration)."""
        return cls(-(-desired * minimum_percent // _ALL), desired * maximum_percent // _ALL)


def failures_allowed(desired: int) -> int:
    """Return how many tasks fail in a row before the circuit breaker ends a deployment: half, from 3 to 200."""
    return max(_FEWEST_FAILURES, min(_MOST_FAILURES, math.ceil(0.5 * desired)))


def wait(failures: int) -> float:
    """Return how many seconds of AWS pass before the next try, after so many tasks in a row that failed to start.

    ECS retries at once to begin with, then ever more slowly, 27 minutes at the most (service throttle logic).
    """
    return 0 if failures < _FEWEST_FAILURES else min(10.0 * 2 ** (failures - _FEWEST_FAILURES), _LONGEST_WAIT)


def emptiest(zones: Sequence[str], tasks: Mapping[str, int], failed: frozenset[str]) -> str | None:
    """Return the zone where the next task goes: that with the fewest; None if all have failed."""
    standing = [zone for zone in zones if zone not in failed]
    return min(standing, key=lambda zone: (tasks.get(zone, 0), zones.index(zone)), default=None)


def startable(desired: int, bounds: Bounds, *, total: int, mine: int) -> int:
    """Return how many tasks a deployment may start now.

    Args:
        desired: How many it should have.
        bounds: Of the service.
        total: Tasks of the service that run or are about to.
        mine: Those of this deployment.

    """
    return max(0, min(desired - mine, max(bounds.most, desired) - total))


def stoppable(bounds: Bounds, *, healthy: int, old_healthy: int) -> int:
    """Return how many healthy tasks of earlier deployments may be stopped now."""
    return max(0, min(old_healthy, healthy - bounds.least))
