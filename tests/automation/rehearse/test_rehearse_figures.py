"""Figures of many requests, held against plain arithmetic."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.rehearse.samples import Sample, failures, figures, most_within, percentile

LATENCIES = st.lists(st.floats(0, 60, allow_nan=False), min_size=1, max_size=200)


def sample(due: float = 0.0, latency: float = 0.01, status: int = 200, problem: str = "") -> Sample:
    return Sample(due, 0.0, latency, status, problem)


@given(LATENCIES, st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_the_least_value_that_its_share_does_not_exceed(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(one <= found for one in ordered) >= share * len(ordered)
    assert sum(one < found for one in ordered) < share * len(ordered)


@given(LATENCIES)
def test_half_of_an_odd_number_is_the_median(values: list[float]) -> None:
    odd = sorted(values[: len(values) // 2 * 2 + 1] if len(values) % 2 else [*values, 0.0])
    assert percentile(odd, 0.5) == statistics.median_low(odd)


def test_percentiles_of_nothing_are_none() -> None:
    assert percentile([], 0.95) is None
    seen = figures([], 10)
    assert (seen.requests, seen.failed, seen.rate, seen.p50, seen.most) == (0, 0, 0.0, None, None)


@pytest.mark.parametrize(
    ("status", "problem", "failure"),
    [
        (200, "", ""),
        (302, "", ""),
        (404, "", "status 404"),
        (503, "", "status 503"),
        (0, "", "no answer"),
        (0, "connection refused", "connection refused"),
        (200, "answer cut short", "answer cut short"),
    ],
)
def test_what_counts_as_failed(status: int, problem: str, failure: str) -> None:
    assert sample(status=status, problem=problem).failure == failure


def test_latencies_are_of_what_succeeded_and_the_rate_too() -> None:
    seen = figures([sample(latency=0.1), sample(latency=0.3), sample(latency=9.0, status=503)], 2)
    assert (seen.requests, seen.failed, seen.rate, seen.most) == (3, 1, 1.0, 0.3)


def test_failures_are_told_apart_with_the_time_of_the_first() -> None:
    found = failures([sample(9, status=502), sample(3, status=502), sample(1), sample(5, problem="connection reset")])
    assert [(one.kind, one.count, one.first) for one in found] == [("status 502", 2, 3), ("connection reset", 1, 5)]


@given(st.lists(st.integers(0, 1000), max_size=60), st.integers(1, 400))
def test_the_worst_window_is_found(times: list[int], length: int) -> None:
    samples = [sample(float(time), 0.0, 500) for time in times] + [sample(float(time), 0.0, 404) for time in times]
    expected = max((sum(first <= one < first + length for one in times) for first in times), default=0)
    assert most_within(samples, length) == expected
