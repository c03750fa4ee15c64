"""What became of requests, and the figures of many of them: pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: when it was due, how long it waited for a connection, when it was answered, and with what.

    `due` is in seconds since 1970, `latency` counts from it. `status` is 0 where there was no answer.
    """

    due: float
    waited: float
    latency: float
    status: int
    problem: str = ""

    @property
    def failure(self) -> str:
        """Return what went wrong, always in the same words for the same thing; empty when nothing did."""
        if self.problem or not self.status:
            return self.problem or "no answer"
        return f"status {self.status}" if self.status >= HTTPStatus.BAD_REQUEST else ""

    @property
    def server_error(self) -> bool:
        """Whether what was asked answered that it failed, which alarms count."""
        return self.status >= _SERVER_ERROR


@dataclass(frozen=True, kw_only=True)
class Failures:
    """Requests that failed alike: how many, and when the first one was due."""

    kind: str
    count: int
    first: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Many requests: counts, the rate, and latencies in seconds of those that succeeded; None where there are none."""

    requests: int
    failed: int
    rate: float
    """Requests that succeeded, a second."""
    p50: float | None
    p95: float | None
    p99: float | None
    most: float | None

    @property
    def failed_share(self) -> float:
        """Return the share of requests that failed, 0 to 1."""
        return self.failed / self.requests if self.requests else 0.0


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the least value that a share of all does not exceed (nearest rank); the values are in order."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else None


def figures(samples: Iterable[Sample], seconds: float) -> Figures:
    """Return the figures of requests that were due within some seconds."""
    every = list(samples)
    good = sorted(one.latency for one in every if not one.failure)
    return Figures(
        requests=len(every),
        failed=len(every) - len(good),
        rate=len(good) / seconds if seconds > 0 else 0.0,
        p50=percentile(good, 0.5),
        p95=percentile(good, 0.95),
        p99=percentile(good, 0.99),
        most=good[-1] if good else None,
    )


def failures(samples: Iterable[Sample]) -> list[Failures]:
    """Return what went wrong, the most frequent first."""
    bad = sorted((one for one in samples if one.failure), key=lambda one: one.due)
    first: dict[str, float] = {}
    for one in bad:
        first.setdefault(one.failure, one.due)
    counts = Counter(one.failure for one in bad)
    return [Failures(kind=kind, count=count, first=first[kind]) for kind, count in counts.most_common()]


def most_within(samples: Iterable[Sample], seconds: float) -> int:
    """Return the most answers with a 5xx that came within so many seconds."""
    times = sorted(one.due + one.latency for one in samples if one.server_error)
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
