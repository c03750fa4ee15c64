"""What AWS takes for a moment that comes again, or once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from stacks.errors import nearest
from stacks.keys import Path
from stacks.rules.base import Finding

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
_RATE: Final = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")


def moments(path: Path, text: str) -> Iterator[Finding]:
    """Refuse what is neither a moment nor a rule for moments."""
    if reason := _when(text):
        yield Finding(path=path, why=reason, allowed=f"{_CRON_FORM}\nat(2030-01-31T08:00:00)")


def rate(path: Path, text: str) -> Iterator[Finding]:
    """Refuse what is no rate, as in `rate(1 hour)`."""
    found = _RATE.fullmatch(text)
    allowed = "rate(1 hour), rate(5 minutes), rate(7 days)"
    if found is None:
        yield Finding(path=path, why="is not a rate", allowed=allowed)
    elif not int(found[1]):
        yield Finding(path=path, why="never comes", allowed=allowed)
    elif (int(found[1]) == 1) is bool(found[3]):
        right = f"rate({found[1]} {found[2]}{'' if found[3] else 's'})"
        yield Finding(path=path, why="is not how AWS writes it", allowed=allowed, nearest=right)


def timezone(path: Path, name: str) -> Iterator[Finding]:
    """Refuse a time zone that nobody knows."""
    if not _is_timezone(name):
        yield Finding(
            path=path,
            why="is not in the time zone database",
            allowed="a name such as UTC or Europe/Berlin",
            nearest=nearest(name, available_timezones()),
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
