"""What a dashboard draws of each thing: the metrics that people look at first when something is slow or broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

Dimensions = Mapping[str, pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One metric of a chart. `statistic` is as CloudWatch writes it, `Sum` or `p99`."""

    label: str
    namespace: str
    metric: str
    dimensions: Dimensions
    statistic: str = "Sum"


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Metrics that are read together, on one axis."""

    title: str
    lines: Sequence[Line]


def function_charts(function_name: pulumi.Input[str]) -> list[Chart]:
    """Return the charts of a function: requests, how they fail, how long they take and how many run at once."""
    of: Dimensions = {"FunctionName": function_name}

    def line(label: str, metric: str, statistic: str = "Sum") -> Line:
        return Line(label=label, namespace="AWS/Lambda", metric=metric, dimensions=of, statistic=statistic)

    return [
        Chart(title="Invocations", lines=[line("invocations", "Invocations")]),
        Chart(title="Errors", lines=[line("errors", "Errors"), line("throttles", "Throttles")]),
        Chart(
            title="Duration, ms",
            lines=[line("p50", "Duration", "p50"), line("p95", "Duration", "p95"), line("p99", "Duration", "p99")],
        ),
        Chart(title="Instances at once", lines=[line("most", "ConcurrentExecutions", "Maximum")]),
    ]


def task_charts(of: Dimensions, *, insights: bool) -> list[Chart]:
    """Return the charts of a service on ECS: CPU, memory and, where Container Insights counts them, its tasks."""

    def line(label: str, metric: str, namespace: str = "AWS/ECS") -> Line:
        return Line(label=label, namespace=namespace, metric=metric, dimensions=of, statistic="Average")

    counted = "ECS/ContainerInsights"
    tasks = Chart(
        title="Tasks",
        lines=[line("running", "RunningTaskCount", counted), line("wanted", "DesiredTaskCount", counted)],
    )
    used = Chart(title="CPU and memory, %", lines=[line("CPU", "CPUUtilization"), line("memory", "MemoryUtilization")])
    return [used, tasks] if insights else [used]


def pod_charts(*, cluster_name: pulumi.Input[str], namespace: str) -> list[Chart]:
    """Return the charts of a service on EKS, from Container Insights: CPU, memory and pods."""
    of: Dimensions = {"ClusterName": cluster_name, "Namespace": namespace}

    def line(label: str, metric: str) -> Line:
        return Line(label=label, namespace="ContainerInsights", metric=metric, dimensions=of, statistic="Average")

    return [
        Chart(
            title="CPU and memory, % of limits",
            lines=[
                line("CPU", "pod_cpu_utilization_over_pod_limit"),
                line("memory", "pod_memory_utilization_over_pod_limit"),
            ],
        ),
        Chart(title="Pods", lines=[line("running", "namespace_number_of_running_pods")]),
    ]


def target_charts(*, load_balancer_suffix: pulumi.Input[str], target_group_suffix: pulumi.Input[str]) -> list[Chart]:
    """Return the charts of what answers behind a load balancer: requests, errors, latency and health."""
    of: Dimensions = {"LoadBalancer": load_balancer_suffix, "TargetGroup": target_group_suffix}

    def line(label: str, metric: str, statistic: str = "Sum") -> Line:
        return Line(label=label, namespace="AWS/ApplicationELB", metric=metric, dimensions=of, statistic=statistic)

    return [
        Chart(title="Requests", lines=[line("requests", "RequestCount")]),
        Chart(
            title="Errors",
            lines=[line("5xx", "HTTPCode_Target_5XX_Count"), line("4xx", "HTTPCode_Target_4XX_Count")],
        ),
        Chart(
            title="Latency, s",
            lines=[line(each, "TargetResponseTime", each) for each in ("p50", "p95", "p99")],
        ),
        Chart(
            title="Targets",
            lines=[line("healthy", "HealthyHostCount", "Minimum"), line("unhealthy", "UnHealthyHostCount", "Maximum")],
        ),
    ]


def queue_charts(queue_name: pulumi.Input[str], dead_letter_name: pulumi.Input[str]) -> list[Chart]:
    """Return the charts of a queue: what waits, for how long, and what was parked."""

    def line(label: str, metric: str, name: pulumi.Input[str]) -> Line:
        return Line(
            label=label, namespace="AWS/SQS", metric=metric, dimensions={"QueueName": name}, statistic="Maximum"
        )

    waiting = "ApproximateNumberOfMessagesVisible"
    return [
        Chart(
            title="Messages", lines=[line("waiting", waiting, queue_name), line("parked", waiting, dead_letter_name)]
        ),
        Chart(title="Oldest message, s", lines=[line("age", "ApproximateAgeOfOldestMessage", queue_name)]),
    ]


def database_charts(identifier: pulumi.Input[str]) -> list[Chart]:
    """Return the charts of a database: CPU, connections, free storage and latency."""

    def line(label: str, metric: str, statistic: str = "Average") -> Line:
        of: Dimensions = {"DBInstanceIdentifier": identifier}
        return Line(label=label, namespace="AWS/RDS", metric=metric, dimensions=of, statistic=statistic)

    return [
        Chart(title="Database CPU, %", lines=[line("CPU", "CPUUtilization")]),
        Chart(title="Connections", lines=[line("most", "DatabaseConnections", "Maximum")]),
        Chart(title="Free storage, bytes", lines=[line("free", "FreeStorageSpace", "Minimum")]),
        Chart(title="Disk latency, s", lines=[line("read", "ReadLatency"), line("write", "WriteLatency")]),
    ]


def table_charts(table_name: pulumi.Input[str]) -> list[Chart]:
    """Return the charts of a table: what is read and written, and what DynamoDB refused."""

    def line(label: str, metric: str) -> Line:
        return Line(label=label, namespace="AWS/DynamoDB", metric=metric, dimensions={"TableName": table_name})

    return [
        Chart(
            title="Capacity units",
            lines=[line("read", "ConsumedReadCapacityUnits"), line("write", "ConsumedWriteCapacityUnits")],
        ),
        Chart(
            title="Throttled",
            lines=[line("reads", "ReadThrottleEvents"), line("writes", "WriteThrottleEvents")],
        ),
    ]


def http_api_charts(api_id: pulumi.Input[str]) -> list[Chart]:
    """Return the charts of an HTTP API: requests, errors and latency."""
    return _api_charts({"ApiId": api_id}, errors="5xx", refused="4xx")


def rest_api_charts(api_name: pulumi.Input[str], stage: pulumi.Input[str]) -> list[Chart]:
    """Return the charts of a REST API: requests, errors and latency."""
    return _api_charts({"ApiName": api_name, "Stage": stage}, errors="5XXError", refused="4XXError")


def _api_charts(of: Dimensions, *, errors: str, refused: str) -> list[Chart]:
    def line(label: str, metric: str, statistic: str = "Sum") -> Line:
        return Line(label=label, namespace="AWS/ApiGateway", metric=metric, dimensions=of, statistic=statistic)

    return [
        Chart(title="Requests", lines=[line("requests", "Count", "SampleCount")]),
        Chart(title="Errors", lines=[line("5xx", errors), line("4xx", refused)]),
        Chart(title="Latency, ms", lines=[line(each, "Latency", each) for each in ("p50", "p95", "p99")]),
    ]
