"""What several attempts amount to, in the words of ping."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from app.services.netprobe.models import Statistics


def statistics(times: Sequence[float | None]) -> Statistics:
    """Return loss and distribution of times in milliseconds; None is an attempt that was lost."""
    received = [time for time in times if time is not None]
    mean = _mean(received)
    return Statistics(
        sent=len(times),
        received=len(received),
        loss_percent=round(100 * (1 - len(received) / len(times)), 1) if times else 0,
        min_ms=min(received, default=None),
        mean_ms=_rounded(mean),
        max_ms=max(received, default=None),
        deviation_ms=_rounded(_deviation(received)),
        jitter_ms=_rounded(_mean([abs(second - first) for first, second in pairwise(received)])),
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _deviation(values: Sequence[float]) -> float | None:
    mean = _mean(values)
    if mean is None or len(values) == 1:
        return None
    return (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
