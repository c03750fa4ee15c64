"""How long each pair of bounds holds when schedules move them, as a share of an ordinary year."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

_YEAR: Final = 2027
"""Neither a leap year nor the year of any run: the same file gives the same figure on any day."""

_LENGTH: Final = 365
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ITEM: Final = re.compile(r"(\*|\d+|[A-Z]{3})(?:-(\d+|[A-Z]{3}))?(?:/(\d+))?")


@dataclass(frozen=True)
class Bounds:
    """The fewest and the most tasks that may run."""

    low: int
    high: int


@dataclass(frozen=True)
class Moment:
    """From when on which bounds hold: a cron expression of AWS in a time zone."""

    cron: str
    timezone: str
    bounds: Bounds


def shares(moments: Sequence[Moment]) -> dict[Bounds, Decimal] | None:
    """Return the share of the year in which each bounds hold; None where a moment cannot be laid out over a year."""
    events: list[tuple[datetime, Bounds]] = []
    for moment in moments:
        times = _times(moment)
        if times is None:
            return None
        events += [(at, moment.bounds) for at in times]
    if not events:
        return None
    events.sort(key=lambda event: event[0])
    # What the year's last moment set holds until the next year's first one.
    events.append((events[0][0] + timedelta(days=_LENGTH), events[-1][1]))
    seconds: dict[Bounds, int] = {}
    for (start, bounds), (end, _) in pairwise(events):
        seconds[bounds] = seconds.get(bounds, 0) + int((end - start).total_seconds())
    return {bounds: Decimal(count) / Decimal(sum(seconds.values())) for bounds, count in seconds.items()}


def times_a_year(cron: str, timezone: str) -> int | None:
    """Return how often a cron expression comes true in the year; None where it cannot be laid out over one."""
    times = _times(Moment(cron, timezone, Bounds(0, 0)))
    return None if times is None else len(times)


def _times(moment: Moment) -> list[datetime] | None:
    found = re.fullmatch(r"cron\((.*)\)", moment.cron)
    parts = found[1].split() if found else []
    if len(parts) != 6:  # noqa: PLR2004 minutes hours day-of-month month day-of-week year
        return None
    minutes, hours = _numbers(parts[0], 0, 59), _numbers(parts[1], 0, 23)
    days, months = _numbers(parts[2], 1, 31), _numbers(parts[3], 1, 12, _MONTHS)
    weekdays = _numbers(parts[4], 1, 7, _DAYS)
    if parts[5] != "*" or minutes is None or hours is None or days is None or months is None or weekdays is None:
        return None
    zone = ZoneInfo(moment.timezone or "UTC")
    return [
        datetime.combine(day, time(hour, minute), zone).astimezone(ZoneInfo("UTC"))
        for day in _year()
        if day.day in days and day.month in months and day.isoweekday() % 7 + 1 in weekdays
        for hour in sorted(hours)
        for minute in sorted(minutes)
    ]


def _year() -> Iterator[date]:
    first = date(_YEAR, 1, 1)
    return (first + timedelta(days=day) for day in range(_LENGTH))


def _numbers(field: str, low: int, high: int, names: Sequence[str] = ()) -> set[int] | None:
    """Return the numbers a field stands for; None for what has no fixed place in a year (L, W, #)."""
    if field in {"*", "?"}:
        return set(range(low, high + 1))
    result: set[int] = set()
    for item in field.split(","):
        found = _ITEM.fullmatch(item)
        if found is None:
            return None
        first, last, step = found.groups()
        start = low if first == "*" else _number(first, names)
        end = _number(last, names) if last else high if step or first == "*" else start
        if start is None or end is None:
            return None
        # FRI-MON goes on past the end of the week.
        numbers = range(start, end + 1) if start <= end else [*range(start, high + 1), *range(low, end + 1)]
        result |= set(list(numbers)[:: int(step or 1)])
    return result


def _number(word: str, names: Sequence[str]) -> int | None:
    if word.isdigit():
        return int(word)
    return names.index(word) + 1 if word in names else None
