"""The alarms of the account, judged by what is measured here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sandbox.workloads.scaling.alarms import BEYOND, Rule, State, rule_of
from sandbox.workloads.scaling.expressions import NotSimulatedError
from sandbox.workloads.snapshot import name_of, stack_of

if TYPE_CHECKING:
    from sandbox.control.account import Resource
    from sandbox.workloads.events import Events
    from sandbox.workloads.scaling.readings import Readings

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@dataclass
class Alarm:
    """An alarm, its state, and since when; without a rule it is not simulated, and `reason` says why."""

    name: str
    subject: str
    stack: str
    document: str
    rule: Rule | None
    actions: frozenset[str]
    state: State = "INSUFFICIENT_DATA"
    reason: str = ""
    since: float = 0.0
    values: Sequence[float | None] = ()

    def look(self, readings: Readings, now: float, events: Events) -> None:
        """Read its metric, and change its state by it."""
        if self.rule is None:
            return
        try:
            self.values = readings.read(self.rule.query, self.rule.periods + BEYOND, now, self.rule.seconds)
        except (NotSimulatedError, ValueError) as error:
            self.rule, self.reason = None, str(error)
            return
        state = self.rule.state(self.values, self.state)
        if state == self.state and self.reason:
            return
        before, self.state, self.since = self.state, state, now
        self.reason = _reason(self.rule, state, self.values)
        if "ALARM" in {before, state}:
            level = "warning" if state == "ALARM" else "info"
            text = f"Alarm {self.name}: {before} → {state}. {self.reason}"
            events.add(self.subject, "alarm", text, stack=self.stack, level=level)

    def describe(self, readings: Readings) -> dict[str, Any]:
        """Return its state, and whether anything that it is about was ever measured here."""
        if self.rule is None:
            return {"state": self.state, "not simulated": self.reason}
        return {
            "state": self.state,
            "reason": self.reason,
            "since": self.since,
            "value": next((value for value in reversed(self.values) if value is not None), None),
            "threshold": self.rule.threshold,
            "measured": readings.known(self.rule.query),
        }


def alarms_of(resources: Sequence[Resource], before: Mapping[str, Alarm]) -> dict[str, Alarm]:
    """Return the alarms of the account by name; those that did not change keep their state."""
    found: dict[str, Alarm] = {}
    for resource in resources:
        outputs = cast("dict[str, Any]", resource.outputs)
        name, document = str(outputs["name"]), json.dumps(outputs, sort_keys=True)
        if name in before and before[name].document == document:
            found[name] = before[name]
            continue
        actions = frozenset(outputs.get("alarmActions") or ()) if outputs.get("actionsEnabled", True) else frozenset()
        rule, reason = None, ""
        try:
            rule = rule_of(outputs)
        except (NotSimulatedError, KeyError) as error:
            reason = str(error)
        found[name] = Alarm(name, name_of(resource), stack_of(resource), document, rule, actions, reason=reason)
    return found


def _reason(rule: Rule, state: State, values: Sequence[float | None]) -> str:
    recent = [f"{value:g}" for value in values[-rule.periods :] if value is not None]
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {rule.periods} datapoints were unknown."
    if not recent:
        return f"Threshold {rule.threshold:g}: no datapoints, which are treated as {rule.missing}."
    return f"Threshold {rule.threshold:g}, the last datapoints are [{', '.join(recent)}]."
