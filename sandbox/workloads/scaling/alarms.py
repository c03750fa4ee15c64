"""Alarms: whether a metric is beyond a threshold for long enough.

Source: CloudWatch user guide (evaluating an alarm, configuring how alarms treat missing data).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.workloads.scaling.expressions import NotSimulatedError
from sandbox.workloads.scaling.readings import MINUTE, Metric, Query, dimensions, queries, single

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Missing = Literal["missing", "ignore", "breaching", "notBreaching"]
BEYOND = 2
"""How many periods before those that are evaluated stand in for missing ones."""

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}


@dataclass(frozen=True)
class Rule:
    """When there is an alarm: `enough` of the last `periods` are beyond the threshold."""

    query: Query
    comparison: str
    threshold: float
    periods: int
    enough: int
    seconds: int = MINUTE
    missing: Missing = "missing"

    def breaches(self, value: float) -> bool:
        """Whether a value is beyond the threshold."""
        return _COMPARE[self.comparison](value, self.threshold)

    def state(self, values: Sequence[float | None], before: State) -> State:
        """Return the state after these values of the last periods and `BEYOND` more, the oldest first."""
        recent = values[-self.periods :]
        if all(value is None for value in recent) and self.missing == "ignore":
            return before
        if self.missing in {"breaching", "notBreaching"}:
            filled = [self.missing == "breaching" if value is None else self.breaches(value) for value in recent]
            return "ALARM" if sum(filled) >= self.enough else "OK"
        real = [self.breaches(value) for value in values if value is not None]
        if not real:
            return "INSUFFICIENT_DATA"
        judged = real[-self.periods :]
        if sum(judged) >= self.enough:
            return "ALARM"
        if len(judged) == self.periods or not all(judged):
            return "OK"
        # All that is known is beyond it; that is enough once the first of it is old enough.
        oldest = next(age for age, value in zip(range(len(values), 0, -1), values, strict=True) if value is not None)
        return "ALARM" if oldest >= self.enough else before


def rule_of(outputs: Mapping[str, Any]) -> Rule:
    """Return the rule of an alarm of the account.

    Raises:
        NotSimulatedError: It is of a kind that is not simulated.

    """
    comparison = str(outputs.get("comparisonOperator"))
    if comparison not in _COMPARE or outputs.get("threshold") is None:
        message = f"an alarm that compares by {comparison}"
        raise NotSimulatedError(message)
    if outputs.get("metricQueries"):
        query = queries(outputs["metricQueries"], "metric")
        seconds = max(int((one.get("metric") or {}).get("period") or MINUTE) for one in outputs["metricQueries"])
    else:
        stat = outputs.get("statistic") or outputs.get("extendedStatistic")
        names = (outputs["namespace"], outputs["metricName"], dimensions(outputs.get("dimensions")), str(stat))
        query, seconds = single(Metric(*names)), int(outputs.get("period") or MINUTE)
    periods = int(outputs["evaluationPeriods"])
    return Rule(
        query,
        comparison,
        float(outputs["threshold"]),
        periods,
        int(outputs.get("datapointsToAlarm") or periods),
        seconds,
        outputs.get("treatMissingData") or "missing",
    )
