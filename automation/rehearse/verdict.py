"""Whether a rehearsal went well: pure, by what the stack's own alarms and our own promises say is well.

Stacks have no setting for objectives. What they do have is alarms, which say from where on somebody is woken up, and
what this project promises of a change: that a shift and a rolling deployment lose no request. How much slower is worse
is what a shift itself goes by (`automation/shift/judge.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from automation.errors import Exit
from automation.rehearse.plans import Kind
from automation.rehearse.samples import Figures, Sample, most_within
from automation.shift.judge import Interval, Limits, judge
from automation.shift.judge import Sample as Shape
from automation.shift.judge import Verdict as Judged


class Verdict(StrEnum):
    """How a rehearsal went."""

    GOOD = "good"
    BAD = "bad"
    UNSURE = "not sure"


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm of the stack; of one that counts answers with 5xx, above how many in how many seconds it goes off."""

    name: str
    says: str
    severity: str
    above: float | None = None
    seconds: float = 0


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One thing that had to hold; `met` is None where that cannot be told."""

    name: str
    met: bool | None
    found: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The figures before, during and after the change."""

    before: Figures
    during: Figures
    after: Figures

    def items(self) -> list[tuple[str, Figures]]:
        """Return the phases by name, in order."""
        return [("before", self.before), ("during", self.during), ("after", self.after)]


LIMITS = Limits(in_a_row=1)
_LOSES_NOTHING = frozenset({Kind.SHIFT, Kind.DEPLOY})
_OUTCOMES = {
    Exit.DONE: "it was done",
    Exit.ROLLED_BACK: "it was taken back",
    Exit.PAUSED: "it paused: too little was known to go on",
    Exit.POLICY: "a policy or the budget forbids it",
    Exit.INTERRUPTED: "it was interrupted",
}


def objectives(
    kind: Kind,
    outcome: Exit,
    phases: Phases,
    *,
    samples: Sequence[Sample],
    alarms: Iterable[Alarm],
    rang: Mapping[str, str] | None,
) -> list[Objective]:
    """Return what had to hold, and whether it did.

    Args:
        kind: what was rehearsed.
        outcome: how the change ended.
        phases: the figures of the load.
        samples: all of its requests.
        alarms: the stack's.
        rang: the alarms that went off, each with its reason; None where nobody can say.
    """
    known = list(alarms)
    found = [
        _done(outcome),
        _lost(kind, phases),
        *_answers(known, samples),
    ]
    if kind in _LOSES_NOTHING:
        found.append(_slower("during the change", phases.during, phases))
    return [*found, _slower("after the change", phases.after, phases), *_rang(known, rang)]


def verdict(found: Iterable[Objective]) -> Verdict:
    """Return what the objectives come to: one that was missed decides, then one that nobody can tell."""
    met = {one.met for one in found}
    if False in met:
        return Verdict.BAD
    return Verdict.UNSURE if None in met else Verdict.GOOD


def _done(outcome: Exit) -> Objective:
    words = _OUTCOMES.get(outcome, "it failed")
    return Objective(name="the change is done", met=outcome is Exit.DONE, found=words, source="the command's exit code")


def _lost(kind: Kind, phases: Phases) -> Objective:
    asked = phases.before.requests + phases.during.requests + phases.after.requests
    failed = phases.before.failed + phases.during.failed + phases.after.failed
    found = f"{failed} of {asked} failed"
    if kind in _LOSES_NOTHING:
        name, source = "no request fails", "what a shift and a rolling deployment promise (docs/shift.md)"
        return Objective(name=name, met=failed == 0 if asked else None, found=found, source=source)
    share = failed / asked if asked else 0.0
    return Objective(
        name=f"at most {LIMITS.error_rate:.0%} of requests fail",
        met=share <= LIMITS.error_rate if asked else None,
        found=f"{found} ({share:.2%})",
        source="what a shift goes by (docs/shift.md)",
    )


def _answers(alarms: Iterable[Alarm], samples: Sequence[Sample]) -> list[Objective]:
    """Hold the answers that the load got against the strictest alarm that counts answers with 5xx."""
    counting = [one for one in alarms if one.above is not None]
    if not counting:
        return []
    strictest = min(counting, key=lambda one: (one.above or 0.0) / one.seconds)
    above = strictest.above or 0.0
    most = most_within(samples, strictest.seconds)
    return [
        Objective(
            name=f"at most {above:g} answers with 5xx in {_length(strictest.seconds)}",
            met=most <= above,
            found=f"at most {most}",
            source=f"the stack's alarm {strictest.name}",
        )
    ]


def _slower(when: str, now: Figures, phases: Phases) -> Objective:
    judged = judge([Interval(old=_shape(phases.before), new=_shape(now))], LIMITS)
    met = {Judged.SUCCESS: True, Judged.FAILURE: False}.get(judged.verdict)
    before, after = _time(phases.before.p95), _time(now.p95)
    allowed = f"at most {LIMITS.p95_factor:g} times as long, or {LIMITS.p95_seconds:g} s longer"
    return Objective(
        name=f"{when} 95 % of answers take {allowed}",
        met=met,
        found=f"{after}, {before} before",
        source="what a shift goes by (docs/shift.md)",
    )


def _shape(figures: Figures) -> Shape:
    """Return figures as a shift judges them; of answers alone, since lost requests are an objective of their own."""
    return Shape(requests=figures.requests - figures.failed, p95=figures.p95)


def _rang(alarms: Iterable[Alarm], rang: Mapping[str, str] | None) -> list[Objective]:
    critical = [one for one in alarms if one.severity == "critical"]
    source = "the alarms that the stack has (docs/alarms.md)"
    if rang is None or not critical:
        return []
    loud = [f"{one.says.rstrip('.')} ({rang[one.name]})" for one in critical if one.name in rang]
    found = "; ".join(loud) if loud else f"none of {len(critical)}"
    return [Objective(name="no critical alarm goes off", met=not loud, found=found, source=source)]


def _time(seconds: float | None) -> str:
    return "no answer" if seconds is None else f"{seconds * 1000:.0f} ms"


def _length(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    if rest:
        return f"{seconds:g} s"
    return "a minute" if minutes == 1 else f"{minutes:g} minutes"
