"""What the targets of a load balancer are said to do: the sandbox runs none, so their health and metrics are rules.

The rules lie beside the faults. Where none speaks of a target group, its targets are healthy and get no requests; those
of a function are not checked, as on AWS. The newest rule that speaks of a group wins.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

from sandbox.control import faults
from sandbox.control.account import Account, Resource
from sandbox.control.errors import Refusal

STATES: Final = ("healthy", "unhealthy", "initial", "draining", "unused")
_REASONS: Final = {
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "unused": ("Target.NotRegistered", "Target is not registered to the target group"),
    "unavailable": ("Target.HealthCheckDisabled", "Health checks are not enabled for this target group"),
}
_GROUP: Final = "aws:lb/targetGroup:TargetGroup"
_ATTACHMENT: Final = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
_NAMESPACE: Final = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
_SECONDS: Final = 60


@dataclass(frozen=True)
class Traffic:
    """What a target group gets in a minute: requests, how many end with a 5xx, and the 95th percentile in seconds."""

    requests: int
    errors: int = 0
    p95: float | None = None

    def value(self, metric: str, seconds: int) -> float | None:
        """Return what a metric of the load balancer is over some seconds; what did not happen is not reported."""
        per_minute = {"RequestCount": self.requests, "HTTPCode_Target_5XX_Count": self.errors}.get(metric, 0)
        if metric == "TargetResponseTime":
            return self.p95 if self.requests else None
        return per_minute * seconds / _SECONDS or None


def say_health(account: Account, target: str, state: str) -> faults.Rule:
    """Let the targets of matching groups be in a state from now on."""
    if state not in STATES:
        message = f"No such health: {state}. It is one of {', '.join(STATES)}."
        raise Refusal(message)
    return faults.insert(account, faults.Rule(target, "health", state, nth=0))


def say_traffic(account: Account, target: str, traffic: Traffic) -> faults.Rule:
    """Let matching groups have had this traffic in every minute."""
    return faults.insert(account, faults.Rule(target, "metrics", "traffic", nth=0, message=json.dumps(vars(traffic))))


def words(rule: faults.Rule) -> str:
    """Say what a rule says of targets; nothing for a rule that is a fault."""
    if rule.operation == "health":
        return f"targets of {rule.type} are {rule.kind}"
    if rule.operation != "metrics":
        return ""
    traffic = Traffic(**json.loads(rule.message))
    slowest = "" if traffic.p95 is None else f", 95 % within {traffic.p95} s"
    return f"{rule.type} gets {traffic.requests} requests a minute, {traffic.errors} fail{slowest}"


def speak_of(account: Account, request: Mapping[str, Any]) -> bool:
    """Whether a rule says how the targets are, or were, that a request for their health or metrics is about."""
    stats = [query.get("MetricStat", {}) for query in request.get("MetricDataQueries", ())]
    operation = "metrics" if stats else "health"
    dimensions = [one for stat in stats for one in stat.get("Metric", {}).get("Dimensions", ())]
    wanted = [one["Value"] for one in dimensions if one["Name"] == "TargetGroup"]
    if arn := request.get("TargetGroupArn"):
        wanted.append(arn)
    groups = [
        one for one in _groups(account) if one.outputs.get("arn") in wanted or one.outputs.get("arnSuffix") in wanted
    ]
    return any(_matching(account, group, operation) for group in groups)


def describe_target_health(account: Account, form: Mapping[str, str]) -> str | None:
    """Answer DescribeTargetHealth; None when there is no such target group."""
    arn = form.get("TargetGroupArn", "")
    group = next((one for one in _groups(account) if one.outputs.get("arn") == arn), None)
    if group is None:
        return None
    rule = _rule(account, group, "health")
    default = "unavailable" if group.inputs.get("targetType") == "lambda" else "healthy"
    state = rule.kind if rule else default
    code, words = _REASONS.get(state, ("", ""))
    why = f"<Reason>{code}</Reason><Description>{words}</Description>" if code else ""
    targets = [
        str(one.inputs.get("targetId"))
        for one in account.list_resources()
        if one.type == _ATTACHMENT and one.inputs.get("targetGroupArn") == arn
    ]
    members = "".join(
        f"<member><Target><Id>{escape(target)}</Id></Target>"
        f"<TargetHealth><State>{state}</State>{why}</TargetHealth></member>"
        for target in targets or ["of the sandbox"]
    )
    result = f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>"
    return (
        f'<DescribeTargetHealthResponse xmlns="{_NAMESPACE}"><DescribeTargetHealthResult>{result}'
        "</DescribeTargetHealthResult></DescribeTargetHealthResponse>"
    )


def metric_data(account: Account, request: Mapping[str, Any]) -> dict[str, object]:
    """Answer GetMetricData for the metrics of target groups."""
    results: list[dict[str, object]] = []
    for query in request["MetricDataQueries"]:
        points = _points(account, query["MetricStat"], request["StartTime"], request["EndTime"])
        if request.get("ScanBy") != "TimestampAscending":
            points.reverse()
        times, values = [time for time, _ in points], [value for _, value in points]
        results.append({"Id": query["Id"], "Timestamps": times, "Values": values, "StatusCode": "Complete"})
    return {"MetricDataResults": results}


def _points(account: Account, stat: Mapping[str, Any], start: float, end: float) -> list[tuple[float, float]]:
    """Return time and value of every period that begins between two times."""
    metric, period = stat["Metric"], stat["Period"]
    wanted = {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())}.get("TargetGroup")
    group = next((one for one in _groups(account) if one.outputs.get("arnSuffix") == wanted), None)
    rule = _rule(account, group, "metrics") if group else None
    value = Traffic(**json.loads(rule.message)).value(metric["MetricName"], period) if rule else None
    if value is None:
        return []
    first = start - start % period
    return [(first + period * number, value) for number in range(max(0, int((end - first) // period)))]


def _groups(account: Account) -> list[Resource]:
    return [one for one in account.list_resources() if one.type == _GROUP]


def _matching(account: Account, group: Resource, operation: str) -> list[faults.Rule]:
    """Return the rules that speak of a group, by what kind of targets it has or a part of its URN."""
    said = f"{group.inputs.get('targetType')} {group.urn}".lower()
    return [
        one
        for one in faults.rules(account)
        if one.operation == operation and fnmatch.fnmatchcase(said, f"*{one.type.lower()}*")
    ]


def _rule(account: Account, group: Resource, operation: str) -> faults.Rule | None:
    """Return the newest rule that speaks of a group, which is counted as seen."""
    matching = _matching(account, group, operation)
    if not matching:
        return None
    faults.count(account, matching[-1])
    return matching[-1]
