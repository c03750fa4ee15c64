"""A HorizontalPodAutoscaler as Kubernetes documents it, and what holds of it whatever it measures."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sandbox.workloads.kubernetes.hpa import Measured, Policy, Rules, Steadied, propose

# What our chart sets.
_UP = Rules(60, (Policy("Percent", 100, 60), Policy("Pods", 4, 60)))
_DOWN = Rules(300, (Policy("Percent", 50, 60),))
_LATE = 10_000.0
_SHARES = st.lists(st.integers(0, 400), min_size=1, max_size=12)


def _using(*percents: float | None) -> list[Measured]:
    """Return pods that use so much of what they request."""
    return [
        Measured(request=0.5, usage=None if one is None else 0.5 * one / 100, measured=_LATE, started=0.0)
        for one in percents
    ]


# "If the current metric value is 200m, and the desired value is 100m, the number of replicas will be doubled; if it is
# 50m, it will be halved."
@pytest.mark.parametrize(
    ("target", "percents", "wanted"),
    [
        (100, (200, 200), 4),
        (100, (50, 50), 1),
        (70, (70, 70, 70), 3),
        (70, (76, 76, 76), 3),
        (70, (78, 78, 78), 4),
        (70, (64, 64, 64), 3),
        (70, (20, 20, 20), 1),
        (70, (0, 0, 0), 0),
        (70, (300,), 5),
    ],
)
def test_pods_are_counted_by_the_ratio_of_their_use_to_the_target(
    target: int, percents: tuple[float, ...], wanted: int
) -> None:
    proposal = propose("cpu", target, len(percents), _using(*percents), _LATE)
    assert proposal.replicas == wanted
    assert proposal.utilization == int(sum(percents) / len(percents))


@given(percents=_SHARES, target=st.integers(1, 100))
def test_the_wish_is_the_rounded_up_ratio_but_within_the_tolerance(percents: list[int], target: int) -> None:
    average = sum(percents) // len(percents)
    proposal = propose("memory", target, len(percents), _using(*percents), _LATE)
    assert proposal.utilization == average
    ratio = proposal.utilization / target
    assume(not math.isclose(abs(1 - ratio), 0.1))
    assert proposal.replicas == (len(percents) if abs(1 - ratio) < 0.1 else math.ceil(ratio * len(percents)))


@given(percents=_SHARES, missing=st.integers(1, 6), target=st.integers(1, 100))
def test_missing_measurements_only_hold_a_change_back(percents: list[int], missing: int, target: int) -> None:
    pods = _using(*percents, *[None] * missing)
    wanted = propose("memory", target, len(pods), pods, _LATE).replicas
    ratio = propose("memory", target, len(percents), _using(*percents), _LATE).utilization / target
    # Those missing count as idle when more are wanted, and as at their target or above when fewer are.
    assert wanted >= len(pods) if ratio >= 1 else wanted <= len(pods)
    if ratio >= 1:
        assert wanted <= max(math.ceil(ratio * len(pods)), len(pods))


@given(percents=_SHARES, starting=st.integers(1, 6))
def test_pods_that_start_ask_for_no_more_pods_by_what_they_use(percents: list[int], starting: int) -> None:
    busy = [Measured(request=0.5, usage=2.0, measured=_LATE, ready=False, started=_LATE - 5) for _ in range(starting)]
    wanted = propose("cpu", 70, len(percents) + starting, [*_using(*percents), *busy], _LATE).replicas
    alone = propose("cpu", 70, len(percents), _using(*percents), _LATE)
    if alone.utilization / 70 <= 1.1:
        assert wanted <= len(percents) + starting
    # Percentages are whole, so the wish for fewer of them may be a pod less.
    assert wanted <= max(len(percents) + starting, alone.replicas + 1)


def test_a_pod_that_has_been_ready_for_less_than_a_window_does_not_count_yet() -> None:
    young = Measured(request=0.5, usage=5.0, measured=100.0, started=80.0, changed=90.0)
    with pytest.raises(ValueError, match="no metrics returned"):
        propose("cpu", 70, 1, [young], 100.0)
    assert propose("memory", 70, 1, [young], 100.0).replicas > 1


def test_nothing_measured_is_no_wish() -> None:
    with pytest.raises(ValueError, match="no metrics returned from resource metrics API"):
        propose("cpu", 70, 2, _using(None, None), _LATE)
    with pytest.raises(ValueError, match="missing request for cpu"):
        propose("cpu", 70, 1, [Measured(request=0, usage=1)], _LATE)


def test_a_peak_waits_for_its_window_and_then_at_most_doubles_or_adds_four() -> None:
    steadied = Steadied(_UP, _DOWN)
    # The window of 60 seconds remembers the 2 before it.
    assert [steadied.decide(2, 20, 1, 30, now) for now in (0.0, 15.0, 30.0, 45.0)] == [2, 2, 2, 2]
    assert steadied.decide(2, 20, 1, 30, 61.0) == 6
    steadied.scaled(2, 6, 61.0)
    assert steadied.decide(6, 20, 1, 30, 76.0) == 6
    assert steadied.decide(6, 20, 1, 30, 122.0) == 12


def test_pods_go_by_halves_and_only_when_fewer_were_enough_for_five_minutes() -> None:
    steadied = Steadied(_UP, _DOWN)
    for now in range(0, 300, 15):
        assert steadied.decide(10, 2, 1, 30, float(now)) == 10
    assert steadied.decide(10, 2, 1, 30, 315.0) == 5
    steadied.scaled(10, 5, 315.0)
    assert steadied.decide(5, 2, 1, 30, 330.0) == 5
    assert steadied.decide(5, 2, 1, 30, 376.0) == 2


def test_one_peak_within_five_minutes_keeps_the_pods() -> None:
    steadied = Steadied(_UP, _DOWN)
    for now in range(0, 1000, 15):
        wanted = 10 if now == 600 else 2
        current = steadied.decide(10, wanted, 1, 30, float(now)) if 330 < now < 900 else 10
        if 600 <= now < 900:
            assert current == 10


def test_a_direction_can_be_shut() -> None:
    shut = Rules(0, (Policy("Pods", 4, 60),), "Disabled")
    assert Steadied(shut, _DOWN).decide(2, 9, 1, 10, 0.0) == 2
    assert Steadied(_UP, Rules(0, (), "Disabled")).decide(9, 2, 1, 10, 0.0) == 9


@given(
    wishes=st.lists(st.integers(0, 60), min_size=1, max_size=60),
    least=st.integers(1, 5),
    more=st.integers(0, 25),
    window=st.integers(0, 300),
    policy=st.builds(Policy, st.sampled_from(["Pods", "Percent"]), st.integers(1, 200), st.just(60.0)),
)
def test_no_wish_leads_out_of_the_bounds_or_past_what_a_period_allows(
    wishes: list[int], least: int, more: int, window: int, policy: Policy
) -> None:
    most = least + more
    steadied = Steadied(Rules(window, (policy,)), Rules(window, (policy,)))
    history = [(0.0, least)]
    for number, wish in enumerate(wishes):
        now, current = number * 15.0, history[-1][1]
        after = steadied.decide(current, wish, least, most, now)
        assert least <= after <= most
        assert after <= max(current, wish)
        assert after >= min(current, wish)
        if after != current:
            steadied.scaled(current, after, now)
        if after > current and all(before <= later for (_, before), (_, later) in itertools.pairwise(history)):
            begin = [pods for moment, pods in history if moment <= now - 60][-1:] or [least]
            many = (
                begin[0] + policy.value if policy.kind == "Pods" else math.ceil(begin[0] * (100 + policy.value) / 100)
            )
            assert after <= many
        history.append((now, after))
