"""What a rehearsal found: one value, from which the text, the JSON, the Markdown and the chart are made."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

from automation.errors import Exit
from automation.rehearse.plans import Plan
from automation.rehearse.samples import Failures, Figures, Sample, failures, figures
from automation.rehearse.verdict import Objective, Phases, Verdict, verdict

SCHEMA = 1
"""Counts up when a field goes or changes its meaning."""


@dataclass(frozen=True, kw_only=True)
class Happening:
    """Something that happened at a time, in seconds since 1970: a step of the command, or an event of the sandbox."""

    time: float
    source: Literal["command", "sandbox"]
    text: str
    subject: str = ""
    level: str = "info"


@dataclass(frozen=True, kw_only=True)
class Report:
    """One rehearsal, times in seconds since 1970."""

    plan: Plan
    stack: str
    url: str
    wanted: float
    """Requests a second that were asked for."""
    rate: float
    """Requests a second that were sent: fewer, where the machine did not carry more."""
    start: float
    """When the steady load began."""
    began: float
    """When the change began."""
    finished: float
    """When the change was over."""
    end: float
    """When the load ended."""
    outcome: Exit
    samples: Sequence[Sample]
    timeline: Sequence[Happening]
    objectives: Sequence[Objective] = ()
    speed: float = 1
    machine: str
    remarks: Sequence[str] = ()
    """What a reader must know to judge the figures."""

    @cached_property
    def phases(self) -> Phases:
        """Return the figures before, during and after the change."""
        return phases(self.samples, self.start, self.began, self.finished, self.end)

    @property
    def failures(self) -> list[Failures]:
        """Return what went wrong, the most frequent first."""
        return failures(self.samples)

    @property
    def verdict(self) -> Verdict:
        """Return how it went."""
        return verdict(self.objectives)

    @property
    def total(self) -> Figures:
        """Return the figures of all requests."""
        return figures(self.samples, self.end - self.start)

    @property
    def code(self) -> Exit:
        """Return what the command ends with."""
        if self.outcome is not Exit.DONE:
            return self.outcome
        return {Verdict.GOOD: Exit.DONE, Verdict.BAD: Exit.FAILED, Verdict.UNSURE: Exit.PAUSED}[self.verdict]

    @property
    def caption(self) -> str:
        """Return what the figures are of, in a line."""
        at = datetime.fromtimestamp(self.start, UTC)
        speed = f"; the sandbox's clock ran {self.speed:g} times as fast" if self.speed != 1 else ""
        return f"{at:%Y-%m-%d %H:%M} UTC in the sandbox, on {self.machine}{speed}. Shaded: the change."


def phases(samples: Sequence[Sample], start: float, began: float, finished: float, end: float) -> Phases:
    """Return the figures of the requests that were due before, during and after a change."""

    def of(first: float, last: float) -> Figures:
        return figures((one for one in samples if first <= one.due < last), last - first)

    return Phases(before=of(start, began), during=of(began, finished), after=of(finished, end))


def machine() -> str:
    """Return what the figures were measured on, without its name."""
    cores = os.cpu_count() or 1
    return f"{cores} {'core' if cores == 1 else 'cores'}, {platform.system()} {platform.machine()}"


def document(report: Report, notice: str) -> dict[str, Any]:
    """Return a report as JSON's plain types; `docs/rehearsal.schema.json` describes it."""
    return {
        "schema": SCHEMA,
        "notice": notice,
        "stack": report.stack,
        "plan": report.plan.words,
        "verdict": report.verdict.value.replace(" ", "-"),
        "outcome": report.outcome.name.lower().replace("_", "-"),
        "started": _moment(report.start),
        "machine": report.machine,
        "clock": report.speed,
        "remarks": list(report.remarks),
        "load": {
            "url": report.url,
            "wanted": report.wanted,
            "sent": round(report.rate, 2),
            "seconds": {
                "before": round(report.began - report.start, 2),
                "during": round(report.finished - report.began, 2),
                "after": round(report.end - report.finished, 2),
            },
        },
        "total": _figures(report.total),
        "phases": {name: _figures(one) for name, one in report.phases.items()},
        "failures": [
            {"kind": one.kind, "count": one.count, "first": round(one.first - report.start, 3)}
            for one in report.failures
        ],
        "objectives": [vars(one) for one in report.objectives],
        "timeline": [
            {
                "at": round(one.time - report.start, 3),
                "source": one.source,
                "subject": one.subject,
                "level": one.level,
                "text": one.text,
            }
            for one in report.timeline
        ],
    }


def _figures(one: Figures) -> dict[str, float | int | None]:
    def ms(seconds: float | None) -> float | None:
        return None if seconds is None else round(1000 * seconds, 2)

    return {
        "requests": one.requests,
        "failed": one.failed,
        "answered_per_second": round(one.rate, 2),
        "p50_ms": ms(one.p50),
        "p95_ms": ms(one.p95),
        "p99_ms": ms(one.p99),
        "max_ms": ms(one.most),
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
