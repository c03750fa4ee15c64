"""Rules for how many instances there are, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from stacks.keys import Path
from stacks.rules.base import Finding, Rule, Subject
from stacks.rules.moments import moments, timezone
from stacks.sizes import ScalingSettings, ScheduleSettings
from stacks.workers import WorkerScalingSettings

_SCHEDULE_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


def bounds(subject: Subject) -> Iterator[Finding]:
    """Refuse bounds that cross, steps that do not rise and schedules that never come."""
    for name, service in subject.settings.services.items():
        path: Path = ("services", name, "scaling")
        scaling = service.scaling
        yield from _bounds(path, scaling)
        yield from _steps(path, scaling)
        if service.worker is not None:
            yield from _bounds(("services", name, "worker", "scaling"), service.worker.scaling)
        for title, schedule in scaling.schedules.items():
            yield from _schedule((*path, "schedules", title), title, schedule)


def _bounds(path: Path, bounds: ScalingSettings | ScheduleSettings | WorkerScalingSettings) -> Iterator[Finding]:
    if bounds.min > bounds.max:
        why = f"the fewest tasks ({bounds.min}) are more than the most ({bounds.max})"
        allowed = f"0 to {bounds.max}, or a larger max"
        yield Finding(path=(*path, "min"), why=why, allowed=allowed, reads=((*path, "max"),))


def _steps(path: Path, scaling: ScalingSettings) -> Iterator[Finding]:
    for index, (step, after) in enumerate(pairwise(scaling.steps), 1):
        if after.cpu_percent <= step.cpu_percent:
            yield Finding(
                path=(*path, "steps", index, "cpuPercent"),
                why=f"does not rise above the step before it ({step.cpu_percent})",
                allowed="steps in rising order, each CPU once",
            )


def _schedule(path: Path, title: str, schedule: ScheduleSettings) -> Iterator[Finding]:
    if not _SCHEDULE_NAME.fullmatch(title):
        allowed = "up to 32 lower-case letters, digits and hyphens, a letter first"
        yield Finding(path=path, value=title, why="is not a name that AWS resources can carry", allowed=allowed)
    yield from _bounds(path, schedule)
    yield from moments((*path, "cron"), schedule.cron)
    yield from timezone((*path, "timezone"), schedule.timezone)


RULES: Final[tuple[Rule, ...]] = (bounds,)
