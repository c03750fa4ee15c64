"""What several attempts amount to, held against Python's own statistics."""

from __future__ import annotations

import statistics as standard

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.netprobe.probes.statistics import statistics

times = st.floats(min_value=0, max_value=30_000, allow_subnormal=False)


@given(st.lists(st.none() | times, max_size=16))
def test_attempts_amount_to_what_they_are(attempts: list[float | None]) -> None:
    found = statistics(attempts)
    received = [each for each in attempts if each is not None]
    assert (found.sent, found.received) == (len(attempts), len(received))
    assert found.loss_percent == pytest.approx(100 * attempts.count(None) / max(len(attempts), 1), abs=0.06)
    if not received:
        assert (found.min_ms, found.mean_ms, found.max_ms) == (None, None, None)
        return
    assert found.mean_ms == pytest.approx(standard.fmean(received), abs=0.001)
    if len(received) > 1:
        assert found.deviation_ms == pytest.approx(standard.pstdev(received), abs=0.001)


def test_one_attempt_does_not_deviate() -> None:
    found = statistics([4.2, None])
    assert (found.mean_ms, found.deviation_ms, found.jitter_ms) == (4.2, None, None)


def test_jitter_is_what_changes_from_one_to_the_next() -> None:
    assert statistics([10, 14, 12]).jitter_ms == 3
    assert statistics([10, None, 12]).jitter_ms == 2
    assert statistics([10, 10, 10]).jitter_ms == 0
