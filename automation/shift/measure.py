"""What AWS says of the computes of a shift: the health of their targets, and what the load balancer measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from automation.cloud import Session
from automation.errors import Exit, UserError
from automation.shift.judge import Health, Interval, Sample
from automation.shift.live import Group

INTERVAL_SECONDS = 60
"""The load balancer reports once a minute, and says nothing of a minute without requests."""

_NAMESPACE = "AWS/ApplicationELB"
_REQUESTS, _P95 = "RequestCount", "TargetResponseTime"
# What a target answers with, and what the load balancer answers in the place of one that it could not reach.
_ERRORS = ("HTTPCode_Target_5XX_Count", "TargetConnectionErrorCount")
_FUNCTION_ERRORS = ("HTTPCode_Target_5XX_Count", "LambdaUserError", "LambdaInternalError")
# Health checks of functions are off: an invocation costs money, and a function is there when it is asked.
_UNCHECKED = "Target.HealthCheckDisabled"
_STILL_THERE = frozenset({"draining", "unhealthy.draining"})

Points = Mapping[tuple[str, str], Mapping[datetime, float]]


@dataclass(frozen=True)
class Meter:
    """What looks at a stack; its clients are made once."""

    balancers: Any
    metrics: Any

    @classmethod
    def of(cls, session: Session) -> Meter:
        """Return one for a stack, on AWS or in the sandbox."""
        return cls(session.aws_client("elbv2"), session.aws_client("cloudwatch"))

    def health(self, group: Group) -> Health:
        """Look at the targets of a group."""
        answer = _asked(lambda: self.balancers.describe_target_health(TargetGroupArn=group.arn))
        states = [one["TargetHealth"] for one in answer["TargetHealthDescriptions"]]
        counts = {"healthy": 0, "unhealthy": 0, "waiting": 0}
        reason = ""
        for state in states:
            kind = _kind(state)
            if kind:
                counts[kind] += 1
            if kind in {"unhealthy", "waiting"}:
                reason = state.get("Reason", "")
        return Health(**counts, reason=reason)

    def intervals(self, old: Group | None, new: Group, start: datetime, end: datetime) -> list[Interval]:
        """Return what was measured in every full minute between two times."""
        first = start.astimezone(UTC).replace(second=0, microsecond=0)
        if first < start:
            first += timedelta(seconds=INTERVAL_SECONDS)
        count = int((end - first).total_seconds() // INTERVAL_SECONDS)
        if count <= 0:
            return []
        times = [first + timedelta(seconds=INTERVAL_SECONDS * number) for number in range(count)]
        points = self._points([one for one in (old, new) if one is not None], first, times[-1])
        return [Interval(old=_sample(points, old, time), new=_sample(points, new, time)) for time in times]

    def _points(self, groups: Sequence[Group], first: datetime, last: datetime) -> Points:
        wanted = [
            (group, metric, "p95" if metric == _P95 else "Sum")
            for group in groups
            for metric in (_REQUESTS, _P95, *_errors(group))
        ]
        queries = [
            {"Id": f"m{number}", "MetricStat": _stat(group, metric, stat)}
            for number, (group, metric, stat) in enumerate(wanted)
        ]
        pages = self.metrics.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=first,
            EndTime=last + timedelta(seconds=INTERVAL_SECONDS),
            ScanBy="TimestampAscending",
        )
        points: dict[tuple[str, str], dict[datetime, float]] = {}
        for page in _asked(lambda: list(pages)):
            for result in page["MetricDataResults"]:
                group, metric, _ = wanted[int(result["Id"].removeprefix("m"))]
                times = (time.astimezone(UTC) for time in result["Timestamps"])
                points.setdefault((group.arn, metric), {}).update(zip(times, result["Values"], strict=True))
        return points


def _kind(state: Mapping[str, str]) -> str:
    if state["State"] == "healthy" or state.get("Reason") == _UNCHECKED:
        return "healthy"
    if state["State"] in _STILL_THERE:
        return ""
    return "unhealthy" if state["State"] == "unhealthy" else "waiting"


def _errors(group: Group) -> Sequence[str]:
    return _FUNCTION_ERRORS if group.is_function else _ERRORS


def _stat(group: Group, metric: str, stat: str) -> dict[str, object]:
    dimensions = [{"Name": "TargetGroup", "Value": group.name}, {"Name": "LoadBalancer", "Value": group.balancer}]
    named = {"Namespace": _NAMESPACE, "MetricName": metric, "Dimensions": dimensions}
    return {"Metric": named, "Period": INTERVAL_SECONDS, "Stat": stat}


def _sample(points: Points, group: Group | None, time: datetime) -> Sample:
    if group is None:
        return Sample()

    def at(metric: str) -> float | None:
        return points.get((group.arn, metric), {}).get(time)

    errors = sum(at(metric) or 0 for metric in _errors(group))
    return Sample(requests=int(at(_REQUESTS) or 0), errors=int(errors), p95=at(_P95))


def _asked(ask: Any) -> Any:  # noqa: ANN401 boto3 has no types of its own
    """Return an answer of AWS.

    Raises:
        UserError: AWS refuses, or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 slow, and only a shift asks

    try:
        return ask()
    except (BotoCoreError, ClientError) as error:
        raise UserError(
            "AWS does not say how the computes are doing.",
            hint=f"{error} The role needs elasticloadbalancing:DescribeTargetHealth and cloudwatch:GetMetricData.",
            code=Exit.FAILED,
        ) from None
