"""Rates, quotas and remembered answers, by a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.workloads.fronts.limits import ACCOUNT_BURST, ACCOUNT_RATE, Bucket, Quota
from sandbox.workloads.fronts.paths import Found, Paths
from sandbox.workloads.fronts.rest_cache import Cache
from sandbox.workloads.fronts.template import Template
from sandbox.workloads.http.messages import Response


@given(st.integers(1, 50), st.integers(1, 50), st.lists(st.floats(0, 2), max_size=200))
def test_a_bucket_lets_its_burst_and_its_rate_through_and_no_more(rate: int, burst: int, waits: list[float]) -> None:
    moment = 0.0
    bucket = Bucket(rate, burst, lambda: moment)
    passed = 0
    for wait in waits:
        moment += wait
        passed += bucket.take()
        assert passed <= burst + moment * rate + 1e-6
    moment += burst / rate + 1
    assert [bucket.take() for _ in range(burst + 1)] == [True] * burst + [False]


def test_what_has_no_limits_has_those_of_the_account() -> None:
    for settings in ({}, {"throttlingRateLimit": -1, "throttlingBurstLimit": -1}):
        bucket = Bucket.of(settings)
        assert (bucket.rate, bucket.burst) == (ACCOUNT_RATE, ACCOUNT_BURST)
    nobody = Bucket.of({"throttlingRateLimit": 0, "throttlingBurstLimit": 0})
    assert not nobody.take()


@pytest.mark.parametrize(
    ("period", "same", "later"),
    [
        ("DAY", datetime(2026, 11, 21, 23, 59, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)),
        ("WEEK", datetime(2026, 11, 22, 23, 59, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),
        ("MONTH", datetime(2026, 11, 30, 23, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_a_quota_begins_anew_with_its_period(period: str, same: datetime, later: datetime) -> None:
    moment = same - timedelta(hours=1)
    quota = Quota(2, period, lambda: moment)
    assert [quota.take() for _ in range(3)] == [True, True, False]
    moment = same
    assert not quota.take()
    moment = later
    assert [quota.take() for _ in range(3)] == [True, True, False]


def test_an_answer_is_forgotten_when_its_time_is_over() -> None:
    moment = 0.0
    cache = Cache(lambda: moment)
    cache.keep(("a",), Response(200, [("x", "1")], b"one"), 10)
    found = cache.find(("a",))
    assert found is not None
    found.headers.append(("y", "2"))
    moment = 9.9
    again = cache.find(("a",))
    assert again is not None
    assert (again.headers, again.body) == ([("x", "1")], b"one")
    moment = 10
    assert cache.find(("a",)) is None


def test_what_is_large_is_not_remembered_and_the_oldest_goes_first() -> None:
    cache = Cache(lambda: 0.0)
    cache.keep(("large",), Response(200, [], b"x" * (1024 * 1024 + 1)), 10)
    assert cache.find(("large",)) is None
    for number in range(65):
        cache.keep((str(number),), Response(200, [], b"x" * 1024 * 1024), 10)
    assert cache.find(("0",)) is None
    assert cache.find(("64",)) is not None


def test_values_break_no_line_of_a_log() -> None:
    line = Template('{"a": "$context.identity.userAgent", "b": "$context.requestTime.", "c": "$context.none"}')
    filled = line.fill({"identity.userAgent": 'x"\n', "requestTime": 7})
    assert filled == '{"a": "x\\"\\n", "b": "7.", "c": "-"}'


_SEGMENT = st.text("ab{}+", min_size=1, max_size=3)


@given(st.lists(_SEGMENT, min_size=1, max_size=5))
def test_what_follows_a_prefix_is_found_whatever_it_is(segments: list[str]) -> None:
    paths: Paths[str] = Paths(resources=False)
    paths.add("ANY", "/users", "users")
    paths.add("ANY", "/users/{proxy+}", "below")
    below = "/".join(segments)
    assert paths.find("GET", f"/users/{below}") == Found("below", {"proxy": below})
    assert paths.find("GET", "/users") == Found("users", {})
    assert paths.find("GET", f"/others/{below}") is None
