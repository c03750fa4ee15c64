"""When EventBridge Scheduler fires: `rate(…)`, `cron(…)` and `at(…)`, and what it sends."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_UNITS = {"minute": "minutes", "hour": "hours", "day": "days"}
_EXPRESSION = re.compile(r"(rate|cron|at)\((.*)\)")
_SECOND = timedelta(seconds=1)


def next_time(expression: str, timezone: str, after: datetime, began: datetime) -> datetime | None:
    """Return the first time after a moment that a schedule fires, or None if it never does again.

    Rates count from when the schedule began; the wall clock of `timezone` says when the others are due.
    """
    found = _EXPRESSION.fullmatch(expression.strip())
    if found is None:
        return None
    zone = ZoneInfo(timezone or "UTC")
    if found[1] == "rate":
        number, unit = found[2].split()
        step = timedelta(**{_UNITS[unit.rstrip("s")]: int(number)})
        return began + step * max(1, -(-(after - began + _SECOND) // step))
    if found[1] == "at":
        moment = datetime.fromisoformat(found[2]).replace(tzinfo=zone).astimezone(UTC)
        return moment if moment > after else None
    from aws_croniter import AwsCroniter  # noqa: PLC0415 - only schedules of this kind need it

    # The library counts in UTC; on the wall clock of the zone it means the same.
    wall = after.astimezone(zone).replace(tzinfo=UTC)
    due = AwsCroniter(found[2]).get_next(wall)[0]
    return due and due.replace(tzinfo=zone).astimezone(UTC)


def message(schedule_arn: str, given: str | None, at: datetime, execution: str) -> str:
    """Return what is sent: the target's own input with its context attributes, or Scheduler's event."""
    stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if given is None:
        _, _, _, region, account, _ = schedule_arn.split(":", 5)
        event = {"version": "0", "id": execution, "detail-type": "Scheduled Event", "source": "aws.scheduler"}
        return json.dumps(
            {**event, "account": account, "time": stamp, "region": region, "resources": [schedule_arn], "detail": "{}"}
        )
    values = {"schedule-arn": schedule_arn, "scheduled-time": stamp, "execution-id": execution, "attempt-number": "1"}
    for name, value in values.items():
        given = given.replace(f"<aws.scheduler.{name}>", value)
    return given
