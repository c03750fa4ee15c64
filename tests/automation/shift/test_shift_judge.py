"""The judge of a step: sure of a failure, slow to success, and silent where nothing can be known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.shift.judge import Health, Interval, Limits, Sample, Verdict, judge, judge_health, total

LIMITS = Limits()
GOOD = Sample(requests=100, errors=0, p95=0.1)
OLD = Sample(requests=900, errors=0, p95=0.1)

counts = st.integers(0, 5_000)
seconds = st.none() | st.floats(0, 30, allow_nan=False)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    requests = draw(counts)
    return Sample(requests=requests, errors=draw(st.integers(0, requests)), p95=draw(seconds) if requests else None)


intervals = st.lists(st.builds(Interval, old=samples(), new=samples()), max_size=12)
limits = st.builds(
    Limits,
    requests=st.integers(1, 500),
    error_rate=st.floats(0, 0.2),
    error_factor=st.floats(1, 5),
    p95_factor=st.floats(1, 5),
    p95_seconds=st.floats(0, 1),
    in_a_row=st.integers(1, 4),
)


def both(new: Sample, old: Sample = OLD) -> Interval:
    return Interval(old=old, new=new)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (Sample(requests=100, errors=5, p95=0.1), "5.0% of requests failed, against 0.0% of the old compute, 2 in"),
        (Sample(requests=100, errors=0, p95=0.4), "took up to 0.40 s, against 0.10 s of the old compute, 2 intervals"),
    ],
    ids=["errors", "slow"],
)
def test_what_is_worse_twice_in_a_row_is_a_failure(bad: Sample, words: str) -> None:
    assert judge([both(bad)], LIMITS).verdict is Verdict.INCONCLUSIVE
    assert judge([both(bad), both(GOOD), both(bad)], LIMITS).verdict is Verdict.INCONCLUSIVE
    judgement = judge([both(GOOD), both(bad), both(bad), both(GOOD)], LIMITS)
    assert judgement.verdict is Verdict.FAILURE
    assert words in judgement.reason


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (Sample(requests=100, errors=5), Sample(requests=900, errors=36)),
        (Sample(requests=1000, errors=9), Sample(requests=900)),
        (Sample(requests=100, p95=0.9), Sample(requests=900, p95=0.7)),
        (Sample(requests=100, p95=0.09), Sample(requests=900, p95=0.01)),
    ],
    ids=["old fails as well", "below the limit", "old is as slow", "nobody feels it"],
)
def test_what_the_old_compute_shows_as_well_is_no_failure(new: Sample, old: Sample) -> None:
    assert judge([both(new, old)] * 5, LIMITS).verdict is Verdict.SUCCESS


def test_no_requests_say_nothing_and_quiet_intervals_are_taken_together() -> None:
    quiet = both(Sample(requests=7, errors=7))
    assert judge([], LIMITS).verdict is Verdict.INCONCLUSIVE
    few = judge([quiet, quiet], LIMITS)
    assert few.verdict is Verdict.INCONCLUSIVE
    assert few.reason == "14 requests to the new compute, and 20 say something"
    assert judge([quiet] * 6, LIMITS).verdict is Verdict.FAILURE


def test_without_the_old_compute_its_past_is_compared_with() -> None:
    alone = both(Sample(requests=500, errors=15, p95=0.1), Sample())
    assert judge([alone] * 2, LIMITS).verdict is Verdict.FAILURE
    as_before = Sample(requests=10_000, errors=200, p95=0.1)
    assert judge([alone] * 2, LIMITS, baseline=as_before).verdict is Verdict.SUCCESS
    slow = both(Sample(requests=500, p95=3.0), Sample())
    assert judge([slow] * 2, LIMITS).verdict is Verdict.SUCCESS
    assert judge([slow] * 2, LIMITS, baseline=as_before).verdict is Verdict.FAILURE


@given(intervals, limits)
def test_a_failure_stays_one_whatever_comes_after(seen: list[Interval], limits: Limits) -> None:
    verdicts = [judge(seen[:length], limits).verdict for length in range(len(seen) + 1)]
    if Verdict.FAILURE in verdicts:
        assert set(verdicts[verdicts.index(Verdict.FAILURE) :]) == {Verdict.FAILURE}


@given(intervals, limits)
def test_success_needs_requests_and_failure_something_worse(seen: list[Interval], limits: Limits) -> None:
    verdict = judge(seen, limits).verdict
    new = total(one.new for one in seen)
    if verdict is not Verdict.INCONCLUSIVE:
        assert new.requests >= limits.requests
    if verdict is Verdict.FAILURE:
        assert new.errors or new.p95


@given(intervals, limits)
def test_a_perfect_compute_never_fails(seen: list[Interval], limits: Limits) -> None:
    perfect = [Interval(old=one.old, new=Sample(requests=one.new.requests, p95=0.0)) for one in seen]
    assert judge(perfect, limits).verdict is not Verdict.FAILURE


@given(st.lists(samples(), max_size=8))
def test_a_total_lies_within_its_parts(parts: list[Sample]) -> None:
    whole = total(parts)
    assert whole.requests == sum(part.requests for part in parts)
    told = [part.p95 for part in parts if part.p95 is not None]
    if whole.p95 is not None:
        assert min(told) - 1e-9 <= whole.p95 <= max(told) + 1e-9
    rates = [part.error_rate for part in parts if part.requests]
    if rates:
        assert min(rates) - 1e-9 <= whole.error_rate <= max(rates) + 1e-9


def test_targets_fail_when_they_stay_bad() -> None:
    good, bad, none = Health(healthy=2), Health(healthy=1, unhealthy=1, reason="Target.Timeout"), Health(waiting=2)
    assert judge_health([], LIMITS).verdict is Verdict.INCONCLUSIVE
    assert judge_health([good], LIMITS).verdict is Verdict.SUCCESS
    assert judge_health([bad, bad], LIMITS).verdict is Verdict.INCONCLUSIVE
    assert judge_health([bad, bad, good], LIMITS).verdict is Verdict.SUCCESS
    assert judge_health([good, none, none, none], LIMITS).verdict is Verdict.FAILURE
    failed = judge_health([good, bad, bad, bad], LIMITS)
    assert failed.verdict is Verdict.FAILURE
    assert "1 target is unhealthy, 1 healthy (Target.Timeout), 3 looks in a row" in failed.reason


def test_ready_is_when_all_answer() -> None:
    assert Health(healthy=1).ready
    assert not any(one.ready for one in (Health(), Health(healthy=1, waiting=1), Health(healthy=1, unhealthy=1)))
