"""Rehearsals that were made up: a steady load, a change in its middle, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from automation.errors import Exit
from automation.rehearse.plans import Plan, parse
from automation.rehearse.report import Happening, Report, phases
from automation.rehearse.samples import Sample
from automation.rehearse.verdict import Alarm, objectives

START = 1_795_000_000.0
DOOR = Alarm(name="dev-door-errors", says="dev-front-door: 5xx.", severity="critical", above=10, seconds=300)


def steady(start: float, end: float, latency: float = 0.01, rate: float = 50) -> list[Sample]:
    count = int((end - start) * rate)
    return [Sample(start + number / rate, 0.0, latency * (1 + number % 10 / 10), 200) for number in range(count)]


def failed(at: float, count: int, status: int = 502, problem: str = "") -> list[Sample]:
    return [Sample(at + number / 1000, 0.0, 0.02, status, problem) for number in range(count)]


def report(
    plan: str | Plan = "shift:lambda→fargate",
    *,
    extra: Sequence[Sample] = (),
    outcome: Exit = Exit.DONE,
    alarms: Sequence[Alarm] = (DOOR,),
    rang: dict[str, str] | None = None,
    after: float = 0.01,
    during: float = 0.01,
) -> Report:
    """Return a report of 60 seconds, with the change from 15 to 40."""
    began, finished, end = START + 15, START + 40, START + 60
    samples = [
        *steady(START, began),
        *steady(began, finished, during),
        *steady(finished, end, after),
        *extra,
    ]
    samples.sort(key=lambda one: one.due)
    chosen = parse(plan) if isinstance(plan, str) else plan
    seen = phases(samples, START, began, finished, end)
    return Report(
        plan=chosen,
        stack="dev",
        url="http://127.0.0.1:41000/health",
        wanted=50,
        rate=50,
        start=START,
        began=began,
        finished=finished,
        end=end,
        outcome=outcome,
        samples=samples,
        timeline=(
            Happening(time=began, source="command", text="the shift to fargate begins"),
            Happening(time=began + 4, source="sandbox", subject="dev-web", text="a task | started", level="warning"),
        ),
        objectives=objectives(chosen.kind, outcome, seen, samples=samples, alarms=alarms, rang=rang),
        speed=10,
        machine="2 cores, Linux x86_64",
    )


def lowered(found: Report) -> Report:
    """Return the same where the machine did not carry the rate."""
    return replace(found, wanted=200)
