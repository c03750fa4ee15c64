"""Rules for how many instances there are, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from stacks.errors import nearest
from stacks.keys import Path
from stacks.rules.base import Finding, Rule, Subject
from stacks.sizes import ScalingSettings, ScheduleSettings

_SCHEDULE_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_MONTH: Final = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_DAY: Final = "SUN|MON|TUE|WED|THU|FRI|SAT"
_FIELDS: Final = (
    ("minutes", 0, 59, "", ""),
    ("hours", 0, 23, "", ""),
    ("day of month", 1, 31, "", r"\?|L|LW|\d{1,2}W"),
    ("month", 1, 12, _MONTH, ""),
    ("day of week", 1, 7, _DAY, rf"\?|L|([1-7]|{_DAY})(L|#[1-5])"),
    ("year", 1970, 2199, "", ""),
)
_CRON_FORM: Final = "cron(minutes hours day-of-month month day-of-week year), as in cron(0 8 ? * MON-FRI *)"


def bounds(subject: Subject) -> Iterator[Finding]:
    """Refuse bounds that cross, steps that do not rise and schedules that never come."""
    for name, service in subject.settings.services.items():
        path: Path = ("services", name, "scaling")
        scaling = service.scaling
        yield from _bounds(path, scaling)
        yield from _steps(path, scaling)
        for title, schedule in scaling.schedules.items():
            yield from _schedule((*path, "schedules", title), title, schedule)


def _bounds(path: Path, bounds: ScalingSettings | ScheduleSettings) -> Iterator[Finding]:
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
    if reason := _when(schedule.cron):
        yield Finding(path=(*path, "cron"), why=reason, allowed=f"{_CRON_FORM}\nat(2030-01-31T08:00:00)")
    if not _is_timezone(schedule.timezone):
        yield Finding(
            path=(*path, "timezone"),
            why="is not in the time zone database",
            allowed="a name such as UTC or Europe/Berlin",
            nearest=nearest(schedule.timezone, available_timezones()),
        )


def _when(text: str) -> str:
    """Return what is wrong with a moment, nothing if it is fine."""
    if once := re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", text):
        return "" if _is_moment(once[1]) else "is not a moment in the calendar"
    cron = re.fullmatch(r"cron\((.*)\)", text)
    if cron is None:
        return "is neither cron(…) nor at(…)"
    parts = cron[1].split(" ")
    if len(parts) != len(_FIELDS):
        return f"has {len(parts)} fields, where AWS wants {len(_FIELDS)}"
    for part, (title, low, high, words, special) in zip(parts, _FIELDS, strict=True):
        if not _fits(part, low, high, words, special):
            return f"the field {title} cannot be {part}"
    if (parts[2] == "?") == (parts[4] == "?"):
        return "one of day of month and day of week must be ?, and only one"
    return ""


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _fits(part: str, low: int, high: int, words: str, special: str) -> bool:
    if part == "*" or (special and re.fullmatch(special, part)):
        return True
    for item in part.split(","):
        found = re.fullmatch(rf"(\*|\d+|{words or '(?!)'})(?:-(\d+|{words or '(?!)'}))?(?:/(\d+))?", item)
        if found is None:
            return False
        first, last, step = found.groups()
        numbers = [int(value) for value in (first, last) if value and value.isdigit()]
        if not all(low <= number <= high for number in numbers) or (last and first == "*") or step == "0":
            return False
    return True


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        # A machine without a time zone database cannot tell.
        return not available_timezones()
    return True


RULES: Final[tuple[Rule, ...]] = (bounds,)
