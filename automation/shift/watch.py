"""Watch the computes of a shift: until the new one is ready, and for as long as a step lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from automation.errors import Exit, UserError
from automation.shift.judge import Health, Interval, Judgement, Limits, Sample, Verdict, judge, judge_health, total
from automation.shift.live import Group, Live
from automation.shift.steps import Move
from stacks.settings import Compute

PAUSE_SECONDS = 5.0
_METRICS_SECONDS = 20.0
_PAST = timedelta(hours=1)
_GRAVITY = (Verdict.SUCCESS, Verdict.INCONCLUSIVE, Verdict.FAILURE)


class Eyes(Protocol):
    """What tells how computes are doing; `measure.Meter` asks AWS."""

    def health(self, group: Group) -> Health: ...
    def intervals(self, old: Group | None, new: Group, start: datetime, end: datetime) -> list[Interval]: ...


class Clock(Protocol):
    """Time, which tests bring their own of."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...


class WallClock:
    """The time that people have."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One service on its way: both computes, and where their targets are."""

    service: str
    origin: Compute
    target: Compute
    old: Group | None
    new: Group


@dataclass
class Seen:
    """What is known of one service at one step."""

    pair: Pair
    baseline: Sample | None = None
    looks: list[Health] = field(default_factory=list[Health])
    intervals: list[Interval] = field(default_factory=list[Interval])

    @property
    def old(self) -> Sample:
        """Return what the old compute did in all of the step."""
        return total(one.old for one in self.intervals)

    @property
    def new(self) -> Sample:
        """Return what the new compute did in all of the step."""
        return total(one.new for one in self.intervals)


@dataclass(frozen=True)
class Moment:
    """How a step is doing: what is known of each service, what that says, and the seconds since it began."""

    seen: Sequence[Seen]
    judgement: Judgement
    elapsed: float


Show = Callable[[Moment], None]


def pairs_of(move: Move, live: Mapping[str, Live]) -> list[Pair]:
    """Return the services of a move with where their targets are.

    Raises:
        UserError: the state does not say it.
    """
    pairs: list[Pair] = []
    for name, origin in move.origins.items():
        groups = live[name].groups
        if move.target not in groups or origin not in groups:
            raise UserError(
                f"The state of {move.stack} does not say where {name} is reached on both computes.",
                hint=f"Bring the stack up once more: modeshift up --stack {move.stack}.",
                code=Exit.FAILED,
            )
        pairs.append(Pair(service=name, origin=origin, target=move.target, old=groups[origin], new=groups[move.target]))
    return pairs


def wait_until_ready(eyes: Eyes, pairs: Iterable[Pair], patience: float, clock: Clock) -> None:
    """Wait until all targets of the new computes answer.

    Raises:
        UserError: they do not in time.
    """
    deadline = clock.now() + timedelta(seconds=patience)
    for pair in pairs:
        while not (health := eyes.health(pair.new)).ready:
            if clock.now() >= deadline:
                why = f" Its load balancer says {health.reason}." if health.reason else ""
                raise UserError(
                    f"{pair.service} on {pair.target} did not become healthy within {patience:.0f} s: "
                    f"{health.healthy} healthy, {health.unhealthy} unhealthy, {health.waiting} on their way.{why}",
                    hint=f"Its logs tell more; --wait gives it longer. {pair.origin} answers all requests as before.",
                    code=Exit.FAILED,
                )
            clock.sleep(PAUSE_SECONDS)


def watch(eyes: Eyes, pairs: Sequence[Pair], seconds: float, *, limits: Limits, clock: Clock, show: Show) -> Judgement:
    """Watch a step to its end, or until it has failed; with 0 seconds, health alone decides.

    Returns:
        The gravest judgement over all services.
    """
    start = clock.now()
    seen = [Seen(pair, _baseline(eyes, pair, start) if seconds else None) for pair in pairs]
    measured = -_METRICS_SECONDS
    while True:
        elapsed = (clock.now() - start).total_seconds()
        is_over = elapsed >= seconds
        for one in seen:
            one.looks.append(eyes.health(one.pair.new))
        if seconds and (is_over or elapsed - measured >= _METRICS_SECONDS):
            measured = elapsed
            for one in seen:
                one.intervals = eyes.intervals(one.pair.old, one.pair.new, start, clock.now())
        health = _gravest(seen, lambda one: judge_health(one.looks, limits))
        judgement = health
        if seconds and health.verdict is not Verdict.FAILURE:
            measurements = _gravest(seen, lambda one: judge(one.intervals, limits, one.baseline))
            judgement = max(health, measurements, key=_gravity)
            judgement = measurements if measurements.verdict is judgement.verdict else judgement
        show(Moment(seen, judgement, elapsed))
        # A target that is bad in the last look is looked at until it is known whether it stays so.
        if judgement.verdict is Verdict.FAILURE or (is_over and health.verdict is not Verdict.INCONCLUSIVE):
            return judgement
        clock.sleep(PAUSE_SECONDS if is_over else min(PAUSE_SECONDS, seconds - elapsed))


def _baseline(eyes: Eyes, pair: Pair, start: datetime) -> Sample:
    """Return what the old compute did before this step: later it may get too little to compare with."""
    return total(one.old for one in eyes.intervals(pair.old, pair.new, start - _PAST, start))


def _gravest(seen: Sequence[Seen], judged: Callable[[Seen], Judgement]) -> Judgement:
    judgements = [(one.pair.service, judged(one)) for one in seen]
    service, worst = max(judgements, key=lambda item: _gravity(item[1]))
    if len(judgements) == 1:
        return worst
    return Judgement(verdict=worst.verdict, reason=f"{service}: {worst.reason}")


def _gravity(judgement: Judgement) -> int:
    return _GRAVITY.index(judgement.verdict)
