"""The alarms of a stack that is up, by its last state: what it says is well, since it has no other objectives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from automation.cloud import Session
from automation.errors import Exit, UserError
from automation.rehearse.verdict import Alarm

_ALARM: Final = "aws:cloudwatch/metricAlarm:MetricAlarm"
_SEVERITY: Final = "Severity"
_FAILED_ANSWERS: Final = frozenset(
    {
        ("AWS/ApiGateway", "5xx"),
        ("AWS/ApiGateway", "5XXError"),
        ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count"),
        ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"),
    }
)
"""What counts answers that whoever sends the requests gets to see."""


def alarms_of(session: Session) -> list[Alarm]:
    """Return the alarms that people hear of.

    Raises:
        UserError: the state cannot be read.
    """
    answer = session.engine.query("stack", "export", "--stack", session.stack)
    if answer.code != 0:
        raise UserError(f"The state of {session.stack} cannot be read.", hint=answer.stderr.strip(), code=Exit.FAILED)
    return alarms_in((json.loads(answer.stdout).get("deployment") or {}).get("resources") or [])


def alarms_in(resources: Iterable[Mapping[str, Any]]) -> list[Alarm]:
    """Return the alarms of a state's resources; those that only scale something tell nobody."""
    found: list[Alarm] = []
    for one in resources:
        outputs: Mapping[str, Any] = one.get("outputs") or {}
        severity = (outputs.get("tags") or {}).get(_SEVERITY)
        if one.get("type") != _ALARM or one.get("delete") or severity is None:
            continue
        counts = (outputs.get("namespace"), outputs.get("metricName")) in _FAILED_ANSWERS
        found.append(
            Alarm(
                name=str(outputs.get("name") or one["urn"].rpartition("::")[2]),
                says=str(outputs.get("alarmDescription") or ""),
                severity=str(severity),
                above=float(outputs["threshold"]) if counts else None,
                seconds=float(outputs["period"]) if counts else 0,
            )
        )
    return found
