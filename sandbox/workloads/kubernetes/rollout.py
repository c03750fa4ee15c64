"""How many pods of each version a rolling update wants next.

Source: the Deployment controller of Kubernetes (`pkg/controller/deployment`, `util/deployment_util.go`): surge is
rounded up, unavailability down, and where both come to nothing one pod may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.workloads.kubernetes.quantities import portion


@dataclass(frozen=True)
class Bounds:
    """How far a rolling update may leave the wanted number."""

    surge: int
    unavailable: int


@dataclass(frozen=True)
class Size:
    """A ReplicaSet by numbers: the pods it shall have, those it has, and those that have been ready long enough."""

    wanted: int
    available: int = 0


def bounds(surge: str | int, unavailable: str | int, replicas: int) -> Bounds:
    """Return the bounds for a number of pods."""
    more, fewer = portion(surge, replicas, up=True), portion(unavailable, replicas, up=False)
    return Bounds(more, fewer or (more == 0))


def grown(new: Size, old: Sequence[Size], replicas: int, allowed: Bounds) -> int:
    """Return how many pods the new version shall have now."""
    if new.wanted >= replicas:
        return replicas
    room = replicas + allowed.surge - new.wanted - sum(one.wanted for one in old)
    return new.wanted + min(max(room, 0), replicas - new.wanted)


def shrunk(new: Size, old: Sequence[Size], replicas: int, allowed: Bounds) -> list[int]:
    """Return how many pods each old version shall have now, the oldest first.

    Pods that serve nobody go first, then others as long as enough are available.
    """
    least = replicas - allowed.unavailable
    wanted = [one.wanted for one in old]
    most = sum(wanted) + new.wanted - least - (new.wanted - new.available)
    if most <= 0:
        return wanted
    for index, one in enumerate(old):
        useless = min(most, max(one.wanted - one.available, 0))
        wanted[index] -= useless
        most -= useless
    spare = new.available + sum(min(one.available, left) for one, left in zip(old, wanted, strict=True)) - least
    for index, left in enumerate(wanted):
        gone = min(max(spare, 0), left)
        wanted[index] -= gone
        spare -= gone
    return wanted


def disruptions(expected: int, healthy: int, *, unavailable: str | int | None, available: str | int | None) -> int:
    """Return how many pods may be evicted now under a PodDisruptionBudget, whose percentages are rounded up."""
    return max(healthy - healthy_wanted(expected, unavailable=unavailable, available=available), 0)


def healthy_wanted(expected: int, *, unavailable: str | int | None, available: str | int | None) -> int:
    """Return how many of the expected pods a PodDisruptionBudget keeps."""
    if unavailable is not None:
        return max(expected - portion(unavailable, expected, up=True), 0)
    return portion(available if available is not None else 0, expected, up=True)
