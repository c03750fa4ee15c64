"""The arithmetic of deployments, as AWS documents it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.workloads.ecs.arithmetic import Bounds, emptiest, failures_allowed, startable, stoppable, wait
from sandbox.workloads.ecs.traffic import steps

COUNTS = st.integers(0, 50)


@pytest.mark.parametrize(
    ("desired", "percents", "bounds"),
    [
        (4, (50, 200), (2, 8)),
        (3, (50, 150), (2, 4)),
        (1, (100, 200), (1, 2)),
        (3, (100, 110), (3, 3)),
        (0, (100, 200), (0, 0)),
    ],
)
def test_bounds_round_the_lower_up_and_the_upper_down(
    desired: int, percents: tuple[int, int], bounds: tuple[int, int]
) -> None:
    assert Bounds.of(desired, *percents) == Bounds(*bounds)


@pytest.mark.parametrize(("desired", "allowed"), [(1, 3), (6, 3), (25, 13), (400, 200), (800, 200)])
def test_the_circuit_breaker_allows_half_of_the_tasks_from_3_to_200(desired: int, allowed: int) -> None:
    # The developer guide's own examples: 25 tasks 13, 400 and 800 tasks 200.
    assert failures_allowed(desired) == allowed


def test_tries_become_rarer_up_to_27_minutes() -> None:
    waits = [wait(failures) for failures in range(40)]
    assert waits[:3] == [0, 0, 0]
    assert waits == sorted(waits)
    assert waits[-1] == 27 * 60


@given(COUNTS, st.integers(0, 100), st.integers(100, 200), COUNTS, COUNTS)
def test_what_is_started_and_stopped_keeps_the_bounds(desired: int, least: int, most: int, mine: int, old: int) -> None:
    bounds = Bounds.of(desired, least, most)
    started = startable(desired, bounds, total=mine + old, mine=mine)
    assert started >= 0
    if started:
        assert mine + started <= desired
        assert mine + old + started <= bounds.most
    stopped = stoppable(bounds, healthy=mine + old, old_healthy=old)
    assert 0 <= stopped <= old
    if stopped:
        assert mine + old - stopped >= bounds.least


@given(st.integers(1, 30), st.integers(0, 99), st.integers(101, 200))
def test_a_rolling_update_always_ends(desired: int, least: int, most: int) -> None:
    bounds, new, old = Bounds.of(desired, least, most), 0, desired
    for _ in range(4 * desired + 4):
        # All are healthy at once; whatever is allowed is done.
        new += startable(desired, bounds, total=new + old, mine=new)
        old -= old if new >= desired else stoppable(bounds, healthy=new + old, old_healthy=old)
        assert new + old <= max(bounds.most, desired)
        assert new + old >= min(bounds.least, desired)
    # Without a percent that makes a difference in whole tasks there is nothing that ECS could do either.
    assert (new, old) == (desired, 0) or (bounds.least, bounds.most) == (desired, desired)


def test_the_next_task_goes_where_there_are_fewest_and_the_zone_stands() -> None:
    assert emptiest(("a", "b"), {"a": 2, "b": 1}, frozenset()) == "b"
    assert emptiest(("a", "b"), {}, frozenset()) == "a"
    assert emptiest(("a", "b"), {"a": 2}, frozenset({"b"})) == "a"
    assert emptiest(("a",), {}, frozenset({"a"})) is None


def test_traffic_moves_in_the_steps_that_a_service_says() -> None:
    canary = {"canaryConfiguration": {"canaryPercent": 20, "canaryBakeTimeInMinutes": "3"}, "bakeTimeInMinutes": "7"}
    assert list(steps("CANARY", canary)) == [(20, 3), (100, 7)]
    linear = {"linearConfiguration": {"stepPercent": 40, "stepBakeTimeInMinutes": "2"}, "bakeTimeInMinutes": "0"}
    assert list(steps("LINEAR", linear)) == [(40, 2), (80, 2), (100, 0)]
    assert list(steps("BLUE_GREEN", {"bakeTimeInMinutes": "5"})) == [(100, 5)]
