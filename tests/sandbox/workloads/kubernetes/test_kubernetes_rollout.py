"""Rolling updates keep within surge and unavailability, whatever pods do, and come to an end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.workloads.kubernetes.quantities import amount, portion
from sandbox.workloads.kubernetes.rollout import Bounds, Size, bounds, disruptions, grown, shrunk

_SHARES = st.one_of(st.integers(0, 20), st.integers(0, 200).map(lambda percent: f"{percent}%"))


@pytest.mark.parametrize(
    ("text", "number"),
    [("250m", 0.25), ("1", 1), ("1.5", 1.5), ("512Mi", 512 * 2**20), ("1Gi", 2**30), ("1M", 10**6), ("2k", 2000)],
)
def test_quantities_are_numbers(text: str, number: float) -> None:
    assert amount(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1Q", "-1", "1e3", "Mi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        amount(text)


# The documentation of Deployments: of 10 pods, 30 % may surge to 13 and 30 % may be missing; 25 % of 3 are 1 and 0.
@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "allowed"),
    [
        ("30%", "30%", 10, Bounds(3, 3)),
        ("25%", "25%", 3, Bounds(1, 0)),
        ("25%", 0, 4, Bounds(1, 0)),
        ("100%", 0, 3, Bounds(3, 0)),
        (0, 0, 3, Bounds(0, 1)),
        ("1%", "99%", 1, Bounds(1, 0)),
        ("0%", "0%", 5, Bounds(0, 1)),
    ],
)
def test_surge_is_rounded_up_and_unavailability_down(
    surge: str | int, unavailable: str | int, replicas: int, allowed: Bounds
) -> None:
    assert bounds(surge, unavailable, replicas) == allowed


@given(share=st.integers(0, 300), whole=st.integers(0, 500))
def test_portions_are_the_next_whole_numbers(share: int, whole: int) -> None:
    up, down = (portion(f"{share}%", whole, up=way) for way in (True, False))
    assert down * 100 <= share * whole <= up * 100
    assert up - down == (share * whole % 100 != 0)


@given(
    replicas=st.integers(1, 20),
    surge=_SHARES,
    unavailable=_SHARES,
    seed=st.integers(0, 2**16),
    olds=st.lists(st.integers(0, 8), max_size=3),
)
def test_an_update_ends_with_the_new_version_alone_and_never_leaves_its_bounds(
    replicas: int, surge: str | int, unavailable: str | int, seed: int, olds: list[int]
) -> None:
    chance = random.Random(seed)
    # What runs when it begins is all available.
    olds = [*olds, max(replicas - sum(olds), 0)]
    allowed = bounds(surge, unavailable, replicas)
    most = max(replicas + allowed.surge, sum(olds))
    least = replicas - allowed.unavailable
    new, ready = 0, 0
    for _ in range(2000):
        new = grown(Size(new, ready), [Size(one, one) for one in olds], replicas, allowed)
        assert new + sum(olds) <= most
        olds = shrunk(Size(new, ready), [Size(one, one) for one in olds], replicas, allowed)
        assert ready + sum(olds) >= least
        ready = min(new, ready + chance.randint(0, 2))
        if new == ready == replicas and not sum(olds):
            break
    assert (new, sum(olds)) == (replicas, 0)


@given(replicas=st.integers(1, 20), surge=_SHARES, old=st.integers(0, 20))
def test_a_version_that_never_gets_ready_takes_no_pod_of_the_old_one(replicas: int, surge: str | int, old: int) -> None:
    allowed = Bounds(bounds(surge, 0, replicas).surge or 1, 0)
    new = 0
    kept = [replicas]
    for _ in range(50):
        new = grown(Size(new), [Size(one, one) for one in kept], replicas, allowed)
        kept = shrunk(Size(new), [Size(one, one) for one in kept], replicas, allowed)
    assert kept == [replicas]
    assert new == min(allowed.surge, replicas)


def test_old_pods_that_serve_nobody_go_first() -> None:
    assert shrunk(Size(1, 0), [Size(3, 1), Size(3, 3)], 4, Bounds(2, 1)) == [0, 3]


def test_scaling_down_takes_pods_of_the_new_version_too() -> None:
    assert grown(Size(5, 5), [], 2, Bounds(1, 0)) == 2


# The documentation of PodDisruptionBudgets: minAvailable and maxUnavailable as percentages round up.
@pytest.mark.parametrize(
    ("expected", "healthy", "unavailable", "available", "allowed"),
    [
        (3, 3, 1, None, 1),
        (3, 2, 1, None, 0),
        (7, 7, None, "50%", 3),
        (7, 7, "30%", None, 3),
        (3, 1, 1, None, 0),
        (1, 1, "100%", None, 1),
        (4, 4, None, 4, 0),
    ],
)
def test_a_budget_allows_so_many_evictions(
    expected: int, healthy: int, unavailable: str | int | None, available: str | int | None, allowed: int
) -> None:
    assert disruptions(expected, healthy, unavailable=unavailable, available=available) == allowed
