"""Whether the new compute is as good as the old one: pure, over what was measured at one step.

The rules are those that two widely used tools have proved. From Flagger (docs "How it works", "Metrics Analysis" and
"Deployment Strategies"): at most 1 % of requests may end with a 5xx, a check that finds no values halts the advance,
and a number of failed checks, not the first, rolls back. From Argo Rollouts (docs "Analysis", `assessMetricStatus`): a
run ends successful, failed or inconclusive; failure is decided at once, success only when the whole run is measured,
and inconclusive pauses for a person. What both leave to the user, the comparison with the old version, is built in: a
new compute is not to blame for errors or slowness that the old one shows as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a step's measurements say."""

    SUCCESS = "success"
    FAILURE = "failure"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one compute did for a while: requests, those that ended with a 5xx, and the 95th percentile in seconds."""

    requests: int = 0
    errors: int = 0
    p95: float | None = None

    @property
    def error_rate(self) -> float:
        """Return the share of failed requests, 0 to 1; a retried connection can count more than once."""
        return min(1.0, self.errors / self.requests) if self.requests else 0.0

    def __add__(self, other: Sample) -> Sample:
        """Return both as one; its percentile is the mean, weighted by requests, since percentiles do not add up."""
        told = [one for one in (self, other) if one.p95 is not None and one.requests]
        requests = sum(one.requests for one in told)
        p95 = sum((one.p95 or 0.0) * one.requests for one in told) / requests if requests else None
        return Sample(requests=self.requests + other.requests, errors=self.errors + other.errors, p95=p95)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Both computes in the same interval."""

    old: Sample
    new: Sample


@dataclass(frozen=True, kw_only=True)
class Health:
    """One look at the targets of a compute; `waiting` are those that are on their way in."""

    healthy: int = 0
    unhealthy: int = 0
    waiting: int = 0
    reason: str = ""

    @property
    def ready(self) -> bool:
        """Whether all that should answer can."""
        return self.healthy > 0 and not self.unhealthy and not self.waiting


@dataclass(frozen=True, kw_only=True)
class Limits:
    """From where on something is worse."""

    requests: int = 20
    """Fewest requests to the new compute that say something; quieter intervals are taken together."""
    error_rate: float = 0.01
    """Share of failed requests that is never a failure."""
    error_factor: float = 2.0
    """How many times the old compute's share the new one's may be."""
    p95_factor: float = 1.5
    """How many times the old compute's 95th percentile the new one's may be."""
    p95_seconds: float = 0.1
    """Difference to the old compute's 95th percentile that is never a failure: nobody feels it."""
    in_a_row: int = 2
    """Bad intervals in a row that are a failure."""
    unhealthy_looks: int = 3
    """Looks in a row that find a bad target, or none that is good, that are a failure."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict, and why in words."""

    verdict: Verdict
    reason: str


def judge(intervals: Sequence[Interval], limits: Limits, baseline: Sample | None = None) -> Judgement:
    """Judge the new compute by all intervals of a step so far.

    Args:
        intervals: what was measured, oldest first.
        limits: from where on something is worse.
        baseline: what the old compute did earlier in the shift, for intervals in which it got no requests.
    """
    taken = list(_with_enough(intervals, limits.requests))
    problems = [_problem(one.new, _compared(one.old, baseline, limits), limits) for one in taken]
    streak = 0
    for problem in problems:
        streak = streak + 1 if problem else 0
        if streak == limits.in_a_row:
            return Judgement(verdict=Verdict.FAILURE, reason=f"{problem}, {streak} intervals in a row")
    if not taken:
        seen = sum(one.new.requests for one in intervals)
        reason = f"{seen} requests to the new compute, and {limits.requests} say something"
        return Judgement(verdict=Verdict.INCONCLUSIVE, reason=reason)
    if problems[-1]:
        return Judgement(verdict=Verdict.INCONCLUSIVE, reason=f"{problems[-1]}, in the last interval alone")
    requests = sum(one.new.requests for one in taken)
    return Judgement(verdict=Verdict.SUCCESS, reason=f"{requests} requests, not worse than before")


def judge_health(looks: Sequence[Health], limits: Limits) -> Judgement:
    """Judge the targets of the new compute, which is serving, by the looks at them so far."""
    last = looks[-limits.unhealthy_looks :]
    if len(last) == limits.unhealthy_looks and all(one.unhealthy or not one.healthy for one in last):
        worst = last[-1]
        why = f" ({worst.reason})" if worst.reason else ""
        reason = f"{_targets(worst.unhealthy)} unhealthy, {worst.healthy} healthy{why}, {len(last)} looks in a row"
        return Judgement(verdict=Verdict.FAILURE, reason=reason)
    if not last or last[-1].unhealthy or not last[-1].healthy:
        return Judgement(verdict=Verdict.INCONCLUSIVE, reason="the targets are not all healthy yet")
    return Judgement(verdict=Verdict.SUCCESS, reason=f"{_targets(last[-1].healthy)} healthy")


def total(samples: Iterable[Sample]) -> Sample:
    """Return samples as one."""
    return sum(samples, Sample())


def _with_enough(intervals: Iterable[Interval], requests: int) -> Iterable[Interval]:
    """Yield intervals with enough requests to the new compute each, quiet ones together; the rest says nothing."""
    old, new = Sample(), Sample()
    for one in intervals:
        old, new = old + one.old, new + one.new
        if new.requests >= requests:
            yield Interval(old=old, new=new)
            old, new = Sample(), Sample()


def _compared(old: Sample, baseline: Sample | None, limits: Limits) -> Sample | None:
    """Return what to compare with: the old compute at the same time, before, or nothing."""
    if old.requests >= limits.requests:
        return old
    return baseline if baseline is not None and baseline.requests >= limits.requests else None


def _problem(new: Sample, old: Sample | None, limits: Limits) -> str:
    """Say what is worse than it may be, nothing when nothing is."""
    usual = old.error_rate if old is not None else 0.0
    if new.error_rate > max(limits.error_rate, limits.error_factor * usual):
        compared = f", against {usual:.1%} of the old compute" if old is not None else ""
        return f"{new.error_rate:.1%} of requests failed{compared}"
    if new.p95 is None or old is None or old.p95 is None:
        return ""
    if new.p95 > max(limits.p95_factor * old.p95, old.p95 + limits.p95_seconds):
        return f"95 % of requests took up to {new.p95:.2f} s, against {old.p95:.2f} s of the old compute"
    return ""


def _targets(count: int) -> str:
    return "1 target is" if count == 1 else f"{count} targets are"
