"""What a dashboard draws of each thing: the metrics that people look at first when something is slow or broken.

One table, by the namespace of a metric: whatever has an alarm there is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pulumi

Dimensions = Mapping[str, pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One metric of a chart. `statistic` is as CloudWatch writes it, `Sum` or `p99`."""

    label: str
    metric: str
    statistic: str = "Sum"


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Metrics of one namespace that are read together, on one axis."""

    title: str
    lines: Sequence[Line]


def _levels(metric: str) -> list[Line]:
    return [Line(label=each, metric=metric, statistic=each) for each in ("p50", "p95", "p99")]


CHARTS: Mapping[str, Sequence[Chart]] = MappingProxyType(
    {
        "AWS/Lambda": [
            Chart(title="Invocations", lines=[Line(label="invocations", metric="Invocations")]),
            Chart(
                title="Errors",
                lines=[Line(label="errors", metric="Errors"), Line(label="throttles", metric="Throttles")],
            ),
            Chart(title="Duration, ms", lines=_levels("Duration")),
            Chart(
                title="Instances at once",
                lines=[Line(label="most", metric="ConcurrentExecutions", statistic="Maximum")],
            ),
        ],
        "AWS/ECS": [
            Chart(
                title="CPU and memory, %",
                lines=[
                    Line(label="CPU", metric="CPUUtilization", statistic="Average"),
                    Line(label="memory", metric="MemoryUtilization", statistic="Average"),
                ],
            )
        ],
        "ECS/ContainerInsights": [
            Chart(
                title="Tasks",
                lines=[
                    Line(label="running", metric="RunningTaskCount", statistic="Average"),
                    Line(label="wanted", metric="DesiredTaskCount", statistic="Average"),
                ],
            )
        ],
        "ContainerInsights": [
            Chart(
                title="CPU and memory, % of limits",
                lines=[
                    Line(label="CPU", metric="pod_cpu_utilization_over_pod_limit", statistic="Average"),
                    Line(label="memory", metric="pod_memory_utilization_over_pod_limit", statistic="Average"),
                ],
            ),
            Chart(
                title="Pods",
                lines=[Line(label="running", metric="namespace_number_of_running_pods", statistic="Average")],
            ),
        ],
        "AWS/ApplicationELB": [
            Chart(title="Requests", lines=[Line(label="requests", metric="RequestCount")]),
            Chart(
                title="Errors",
                lines=[
                    Line(label="5xx", metric="HTTPCode_Target_5XX_Count"),
                    Line(label="4xx", metric="HTTPCode_Target_4XX_Count"),
                ],
            ),
            Chart(title="Latency, s", lines=_levels("TargetResponseTime")),
            Chart(
                title="Targets",
                lines=[
                    Line(label="healthy", metric="HealthyHostCount", statistic="Minimum"),
                    Line(label="unhealthy", metric="UnHealthyHostCount", statistic="Maximum"),
                ],
            ),
        ],
        "AWS/SQS": [
            Chart(
                title="Messages",
                lines=[Line(label="wait", metric="ApproximateNumberOfMessagesVisible", statistic="Maximum")],
            ),
            Chart(
                title="Oldest message, s",
                lines=[Line(label="age", metric="ApproximateAgeOfOldestMessage", statistic="Maximum")],
            ),
        ],
        "AWS/RDS": [
            Chart(title="CPU, %", lines=[Line(label="CPU", metric="CPUUtilization", statistic="Average")]),
            Chart(title="Connections", lines=[Line(label="most", metric="DatabaseConnections", statistic="Maximum")]),
            Chart(
                title="Free storage, bytes", lines=[Line(label="free", metric="FreeStorageSpace", statistic="Minimum")]
            ),
            Chart(
                title="Disk latency, s",
                lines=[
                    Line(label="read", metric="ReadLatency", statistic="Average"),
                    Line(label="write", metric="WriteLatency", statistic="Average"),
                ],
            ),
        ],
        "AWS/ApiGateway": [
            Chart(title="Requests", lines=[Line(label="requests", metric="Count", statistic="SampleCount")]),
            Chart(title="Latency, ms", lines=_levels("Latency")),
        ],
    }
)
