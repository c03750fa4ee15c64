"""What was measured is told as CloudWatch tells it."""

from __future__ import annotations

import statistics
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.workloads.metrics import Metrics

SPACE, NAME, WHERE = "AWS/ApplicationELB", "RequestCount", {"TargetGroup": "targetgroup/a/1"}


class Time:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_periods_begin_at_their_multiples_and_empty_ones_are_left_out() -> None:
    time = Time()
    metrics = Metrics(time)
    for moment in (1_000_020, 1_000_025, 1_000_150):
        time.now = moment
        metrics.add(SPACE, NAME, WHERE)
    found = metrics.statistics(SPACE, NAME, WHERE, 999_960, 1_000_200, period=60, stat="Sum")
    assert found == [(1_000_020 - 1_000_020 % 60, 2.0), (1_000_150 - 1_000_150 % 60, 1.0)]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_statistics_are_those_of_the_values(values: list[float]) -> None:
    metrics = Metrics(Time())
    for value in values:
        metrics.add(SPACE, NAME, WHERE, value)

    def said(stat: str) -> float:
        [(_, value)] = metrics.statistics(SPACE, NAME, WHERE, 0, 2e6, period=60, stat=stat)
        return value

    assert said("Sum") == pytest.approx(sum(values))
    assert said("SampleCount") == len(values)
    assert said("Average") == pytest.approx(statistics.fmean(values))
    assert (said("Minimum"), said("Maximum"), said("p100")) == (min(values), max(values), max(values))
    share = sum(value <= said("p90") for value in values) / len(values)
    assert share >= 0.9 - 1e-9


def test_dimensions_are_matched_exactly() -> None:
    metrics = Metrics()
    metrics.add(SPACE, NAME, WHERE | {"LoadBalancer": "app/a/1"})
    assert metrics.statistics(SPACE, NAME, WHERE, 0, 1e12, period=60, stat="Sum") == []
    assert metrics.names(SPACE) == [(SPACE, NAME, WHERE | {"LoadBalancer": "app/a/1"})]


def test_what_is_old_is_forgotten() -> None:
    time = Time()
    metrics = Metrics(time)
    metrics.add(SPACE, NAME, WHERE)
    time.now += 2 * 3600
    metrics.add(SPACE, NAME, WHERE)
    assert len(metrics.statistics(SPACE, NAME, WHERE, 0, 1e12, period=60, stat="Sum")) == 1


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_what_is_older_is_told_by_the_minute(values: list[float]) -> None:
    time = Time()
    time.now = start = 960_000.0
    metrics = Metrics(time)
    for number, value in enumerate(values):
        time.now = start + number % 60
        metrics.add(SPACE, NAME, WHERE, value)
    time.now = start + 1000
    metrics.add(SPACE, NAME, WHERE)

    def said(stat: str) -> float:
        [(begin, value)] = metrics.statistics(SPACE, NAME, WHERE, start, start + 900, period=10, stat=stat)
        assert begin == start
        return value

    assert said("Sum") == pytest.approx(sum(values))
    assert said("SampleCount") == len(values)
    assert (said("Minimum"), said("Maximum")) == (min(values), max(values))
    assert said("p50") in values


def test_an_hour_of_many_values_takes_little() -> None:
    time = Time()
    metrics = Metrics(time)
    tracemalloc.start()
    try:
        for _ in range(7200):
            time.now += 1
            for value in range(10):
                metrics.add(SPACE, NAME, WHERE, value)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 700 * 1024
    [(_, p50)] = metrics.statistics(SPACE, NAME, WHERE, time.now - 3000, time.now, period=10_000_000, stat="p50")
    assert 3 <= p50 <= 6


def test_a_statistic_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="No such statistic: Median"):
        Metrics().statistics(SPACE, NAME, WHERE, 0, 1, period=60, stat="Median")
