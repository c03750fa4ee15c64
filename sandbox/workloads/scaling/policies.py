"""Scaling policies: what each wants, minute by minute.

Sources: Application Auto Scaling user guide (how target tracking scaling works, cooldowns, step scaling), API reference
(PredefinedMetricSpecification), ECS developer guide (service-autoscaling-targettracking).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.workloads.scaling.alarms import BEYOND, Rule, State
from sandbox.workloads.scaling.arithmetic import LOW, Kind, Step, stepped, tracked
from sandbox.workloads.scaling.expressions import NotSimulatedError
from sandbox.workloads.scaling.readings import Metric, Query, Readings, dimensions, queries, single

_OUT_PERIODS = 3
_IN_PERIODS = 15
# What AWS waits where a policy says nothing: five minutes, none for provisioned concurrency.
_COOLDOWNS = {"ecs": 300, "lambda": 0}
_AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
}


@dataclass
class Tracking:
    """Holds a metric at a target; `scales_in` says whether it may remove anything."""

    name: str
    arn: str
    query: Query
    target: float
    out_cooldown: int
    in_cooldown: int
    scales_in: bool
    states: dict[str, State] = field(default_factory=dict[str, State])
    value: float | None = None
    """What the metric was in the last whole minute, or in the one before where that has none."""

    @property
    def rules(self) -> dict[str, Rule]:
        """Return the alarms that AWS makes for it, by the end of their names."""
        low = LOW * self.target
        return {
            "AlarmHigh": Rule(self.query, "GreaterThanThreshold", self.target, _OUT_PERIODS, _OUT_PERIODS),
            "AlarmLow": Rule(self.query, "LessThanThreshold", low, _IN_PERIODS, _IN_PERIODS),
        }

    def look(self, readings: Readings, now: float) -> None:
        """Read the metric, and set the alarms by it."""
        values = readings.read(self.query, _IN_PERIODS + BEYOND, now)
        self.value = values[-2] if values[-1] is None else values[-1]
        for name, rule in self.rules.items():
            recent = values[-(rule.periods + BEYOND) :]
            self.states[name] = rule.state(recent, self.states.get(name, "INSUFFICIENT_DATA"))

    def wanted(self, capacity: int) -> int | None:
        """Return the capacity that would bring the metric to its target, None without a recent value."""
        return None if self.value is None else tracked(capacity, self.value, self.target)

    @property
    def alarm_names(self) -> dict[str, str]:
        """Return the names of its alarms, as AWS makes them up."""
        _, _, rest = self.arn.partition(":scalingPolicy:")
        number, _, resource = rest.partition(":resource/")
        resource = resource.partition("/")[2].partition(":policyName/")[0]
        return {name: f"TargetTracking-{resource}-{name}-{number}" for name in self.rules}

    def describe(self) -> dict[str, Any]:
        """Return what it holds, and how far from it the metric is."""
        told = {name: self.states.get(name, "INSUFFICIENT_DATA") for name in self.rules}
        return {"name": self.name, "kind": "TargetTrackingScaling", "target": self.target, "value": self.value, **told}


@dataclass
class Stepping:
    """Changes capacity by steps while an alarm tells it to."""

    name: str
    arn: str
    steps: tuple[Step, ...]
    kind: Kind
    least_change: int
    cooldown: int
    aggregate: str
    distance: float | None = None
    """How far beyond the threshold its alarm is; None while there is none."""
    alarm: str = ""

    def tell(self, alarm: str, rule: Rule, values: Sequence[float | None]) -> None:
        """Take that an alarm is on, with the values of its last periods."""
        known = [value for value in values[-rule.periods :] if value is not None]
        if known:
            self.alarm = alarm
            self.distance = _AGGREGATES[self.aggregate](known) - rule.threshold

    def wanted(self, capacity: int) -> int | None:
        """Return the capacity that its steps ask for, None while no alarm does."""
        if self.distance is None:
            return None
        return stepped(capacity, self.distance, self.steps, self.kind, self.least_change)

    def describe(self) -> dict[str, Any]:
        """Return how far beyond the threshold its alarm is."""
        return {"name": self.name, "kind": "StepScaling", "beyond": self.distance, "alarm": self.alarm}


Policy = Tracking | Stepping


def policy_of(outputs: Mapping[str, Any]) -> Policy:
    """Return a policy of the account.

    Raises:
        NotSimulatedError: It is of a kind that is not simulated.

    """
    kind = outputs.get("policyType") or "StepScaling"
    if outputs.get("targetTrackingScalingPolicyConfiguration"):
        return _tracking(outputs, outputs["targetTrackingScalingPolicyConfiguration"])
    if outputs.get("stepScalingPolicyConfiguration"):
        return _stepping(outputs, outputs["stepScalingPolicyConfiguration"])
    message = f"a policy of the type {kind}"
    raise NotSimulatedError(message)


def _tracking(outputs: Mapping[str, Any], given: Mapping[str, Any]) -> Tracking:
    usual = _COOLDOWNS.get(outputs["serviceNamespace"], 0)
    waits = [given.get(name) for name in ("scaleOutCooldown", "scaleInCooldown")]
    out_cooldown, in_cooldown = (usual if wait is None else int(wait) for wait in waits)
    predefined: Mapping[str, Any] | None = given.get("predefinedMetricSpecification")
    customized: Mapping[str, Any] = given.get("customizedMetricSpecification") or {}
    if predefined:
        query = single(_predefined(outputs["resourceId"], predefined))
    elif customized.get("metrics"):
        # A metric of a policy is a result unless it says that it is none.
        metrics = [{"returnData": True, **one} for one in customized["metrics"]]
        query = queries(metrics, "metricStat")
    else:
        names = (customized["namespace"], customized["metricName"], dimensions(customized.get("dimensions")))
        query = single(Metric(*names, customized["statistic"]))
    scales_in = not given.get("disableScaleIn")
    target = float(given["targetValue"])
    return Tracking(outputs["name"], outputs["arn"], query, target, out_cooldown, in_cooldown, scales_in)


def _predefined(resource_id: str, given: Mapping[str, Any]) -> Metric:
    kind = given["predefinedMetricType"]
    parts = resource_id.replace(":", "/").split("/")
    match kind:
        case "ECSServiceAverageCPUUtilization" | "ECSServiceAverageMemoryUtilization":
            name = kind.removeprefix("ECSServiceAverage")
            return Metric("AWS/ECS", name, {"ClusterName": parts[1], "ServiceName": parts[2]}, "Average")
        case "ALBRequestCountPerTarget":
            balancer, _, group = str(given["resourceLabel"]).partition("/targetgroup/")
            where = {"LoadBalancer": balancer, "TargetGroup": f"targetgroup/{group}"}
            return Metric("AWS/ApplicationELB", "RequestCountPerTarget", where, "Sum")
        case "LambdaProvisionedConcurrencyUtilization":
            where = {"FunctionName": parts[1], "Resource": f"{parts[1]}:{parts[2]}"}
            return Metric("AWS/Lambda", "ProvisionedConcurrencyUtilization", where, "Average")
        case _:
            message = f"the metric {kind}"
            raise NotSimulatedError(message)


def _stepping(outputs: Mapping[str, Any], given: Mapping[str, Any]) -> Stepping:
    def bound(step: Mapping[str, Any], name: str) -> float | None:
        found = step.get(name)
        return None if found in {None, ""} else float(str(found))

    steps = tuple(
        Step(
            bound(one, "metricIntervalLowerBound"),
            bound(one, "metricIntervalUpperBound"),
            int(one["scalingAdjustment"]),
        )
        for one in given["stepAdjustments"]
    )
    cooldown = given.get("cooldown")
    return Stepping(
        outputs["name"],
        outputs["arn"],
        steps,
        given["adjustmentType"],
        int(given.get("minAdjustmentMagnitude") or 0),
        _COOLDOWNS.get(outputs["serviceNamespace"], 0) if cooldown is None else int(cooldown),
        given.get("metricAggregationType") or "Average",
    )
