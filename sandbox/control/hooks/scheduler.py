"""Schedules: moments that EventBridge Scheduler takes."""

from __future__ import annotations

import re
import zoneinfo

from sandbox.control.hooks.base import Hook, Operation

_NAMES = {
    "month": "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC",
    "day": "SUN|MON|TUE|WED|THU|FRI|SAT",
}


def _field(one: str, *others: str) -> re.Pattern[str]:
    """Return what a field of a cron expression may be: values, ranges and steps in a list, or one of some others."""
    item = rf"(?:\*|(?:{one})(?:-(?:{one}))?)(?:/\d+)?"
    return re.compile("|".join((rf"{item}(?:,{item})*", *others)))


# EventBridge Scheduler user guide: schedule-types.
_FIELDS = (
    _field(r"[0-5]?\d"),
    _field(r"[01]?\d|2[0-3]"),
    _field(r"0?[1-9]|[12]\d|3[01]", r"\?", "L", r"(?:0?[1-9]|[12]\d|3[01])W", "LW"),
    _field(rf"0?[1-9]|1[0-2]|{_NAMES['month']}"),
    _field(rf"[1-7]|{_NAMES['day']}", r"\?", rf"(?:[1-7]|{_NAMES['day']})?L", rf"(?:[1-7]|{_NAMES['day']})#[1-5]"),
    _field(r"19[7-9]\d|20\d\d|21\d\d"),
)
_DAY_OF_MONTH, _DAY_OF_WEEK = 2, 4
_RATE = re.compile(r"rate\([1-9]\d* (minute|hour|day)s?\)")
_AT = re.compile(r"at\(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\)")


class Schedule(Hook):
    def create(self, operation: Operation) -> None:
        _judge(operation)

    def update(self, operation: Operation) -> None:
        _judge(operation)


def _judge(operation: Operation) -> None:
    expression = str(operation.inputs["scheduleExpression"])
    if not (_RATE.fullmatch(expression) or _AT.fullmatch(expression) or _is_cron(expression)):
        raise operation.error("ValidationException", f"Invalid Schedule Expression {expression}.")
    zone = str(operation.inputs.get("scheduleExpressionTimezone", "UTC"))
    if zone not in zoneinfo.available_timezones():
        raise operation.error("ValidationException", f"Invalid Schedule Expression Timezone {zone}.")


def _is_cron(expression: str) -> bool:
    found = re.fullmatch(r"cron\((.*)\)", expression)
    values = found[1].split() if found else []
    return (
        len(values) == len(_FIELDS)
        and all(field.fullmatch(value) for field, value in zip(_FIELDS, values, strict=True))
        # Of the two kinds of days one has to be left open.
        and (values[_DAY_OF_MONTH] == "?") != (values[_DAY_OF_WEEK] == "?")
    )
