"""The arithmetic of scaling, held to what it is for: just enough, never more and never less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.workloads.scaling.arithmetic import Bounds, Step, stepped, tracked

capacities = st.integers(1, 1000)
values = st.floats(0, 10_000, allow_nan=False)
targets = st.floats(0.01, 5000, allow_nan=False)


@given(capacities, values, targets)
def test_tracking_wants_the_fewest_that_bring_a_shared_metric_to_its_target(
    capacity: int, value: float, target: float
) -> None:
    wanted = tracked(capacity, value, target)
    load = capacity * value
    assert load <= wanted * target * (1 + 1e-6) + target * 1e-6
    if wanted > 0:
        assert load > (wanted - 1) * target * (1 - 1e-9)


@given(capacities, targets)
def test_tracking_wants_nothing_else_at_the_target(capacity: int, target: float) -> None:
    assert tracked(capacity, target, target) == capacity


@given(capacities, values, values, targets)
def test_tracking_never_wants_less_for_more(capacity: int, one: float, other: float, target: float) -> None:
    low, high = sorted((one, other))
    assert tracked(capacity, low, target) <= tracked(capacity, high, target)


def test_tracking_adds_above_the_target_and_removes_only_whole_ones_below() -> None:
    assert tracked(2, 70.1, 70) == 3
    assert tracked(3, 100, 70) == 5
    # A third of three at 0.8 of the target would be too much to remove.
    assert tracked(3, 56, 70) == 3
    assert tracked(3, 46, 70) == 2
    assert tracked(5, 0, 70) == 0


def test_of_none_a_metric_above_its_target_wants_one() -> None:
    assert tracked(0, 500, 100) == 1
    assert tracked(0, 100, 100) == 0


@given(st.integers(0, 50), st.integers(0, 50), st.integers(-5, 100))
def test_bounds_hold(least: int, more: int, capacity: int) -> None:
    bounds = Bounds(least, least + more)
    assert bounds.least <= bounds.clamp(capacity) <= bounds.most
    assert bounds.clamp(capacity) == capacity or not bounds.least <= capacity <= bounds.most


# The example of the user guide: an alarm at 50, steps at 60 and 70.
OUT = (Step(0, 10, 0), Step(10, 20, 10), Step(20, None, 30))
IN = (Step(-10, 0, 0), Step(-20, -10, -10), Step(None, -20, -30))


@pytest.mark.parametrize(
    ("distance", "capacity"),
    [(0, 10), (9.9, 10), (10, 11), (19.9, 11), (20, 13), (60, 13)],
)
def test_steps_add_percentages_as_in_the_user_guide(distance: float, capacity: int) -> None:
    assert stepped(10, distance, OUT, "PercentChangeInCapacity") == capacity


@pytest.mark.parametrize(("distance", "capacity"), [(-10, 9), (-9.9, 10), (-20, 7), (-19.9, 9), (-40, 7)])
def test_steps_below_take_what_is_farther_and_not_what_is_nearer(distance: float, capacity: int) -> None:
    assert stepped(10, distance, IN, "PercentChangeInCapacity") == capacity


@given(st.floats(0, 1000, allow_nan=False))
def test_exactly_one_of_adjoining_steps_holds(distance: float) -> None:
    assert sum(step.holds(distance) for step in OUT) == 1


@pytest.mark.parametrize(
    ("capacity", "percent", "least", "wanted"),
    [
        (10, 67, 0, 16),  # 6.7 loses its fraction
        (10, -67, 0, 4),
        (1, 50, 0, 2),  # less than one counts as one
        (1, -50, 0, 0),
        (4, 25, 2, 6),  # the API reference's example of a least change
        (0, 50, 2, 0),
    ],
)
def test_percentages_are_rounded_as_the_user_guide_says(capacity: int, percent: int, least: int, wanted: int) -> None:
    assert stepped(capacity, 1, [Step(0, None, percent)], "PercentChangeInCapacity", least) == wanted


def test_other_kinds_of_change() -> None:
    steps = [Step(0, None, 3)]
    assert stepped(10, 5, steps, "ChangeInCapacity") == 13
    assert stepped(10, 5, steps, "ExactCapacity") == 3
    assert stepped(2, -5, [Step(None, 0, -3)], "ChangeInCapacity") == 0
    assert stepped(10, -5, steps, "ChangeInCapacity") == 10
