"""How many tasks take messages: as many as keep the backlog of each where it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pulumi

from components.autoscaling import ScaledService, scalable_target, tracking
from components.base import Component
from components.worker import WorkerScaling

if TYPE_CHECKING:
    from pulumi_aws.appautoscaling import (
        PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArgsDict as Metric,
    )

_WAITING = "ApproximateNumberOfMessagesVisible"
_UNDER_WAY = "ApproximateNumberOfMessagesNotVisible"
_MOST_METRICS = 10
"""What one expression may be made of, where an alarm is on it."""


def scale_by_backlog(
    parent: Component,
    scaling: WorkerScaling,
    *,
    service: ScaledService,
    queue_names: Sequence[pulumi.Input[str]],
    insights: bool,
) -> None:
    """Create the scaling of a worker's tasks by how many messages there are for each.

    A message under way counts as much as one that waits, so that the task that has it is not one too many; with more
    than four queues there is no room to count it.

    Container Insights counts the tasks, none too. Without it they are counted by their reports of CPU, of which no task
    makes none, so that nothing would start the first.

    SQS tells CloudWatch nothing of a queue that nobody used for six hours, and needs up to 15 minutes to begin again.

    Raises:
        ValueError: There may be no task, and then nothing would start one; or there are too many queues to count.

    Sources: Application Auto Scaling user guide (target-tracking-metric-math), SQS developer guide
    (sqs-monitoring-using-cloudwatch), ECS developer guide (cloudwatch-metrics), CloudWatch user guide (quotas).

    """
    if scaling.min == 0 and not insights:
        msg = f"{parent.name}: starting from no task takes Container Insights; turn it on, or keep one task."
        raise ValueError(msg)
    states = {"w": _WAITING, "u": _UNDER_WAY} if 2 * len(queue_names) < _MOST_METRICS else {"w": _WAITING}
    counted = [
        _metric(f"{letter}{position}", "AWS/SQS", metric, {"QueueName": queue}, "Sum")
        for position, queue in enumerate(queue_names)
        for letter, metric in states.items()
    ]
    if len(counted) >= _MOST_METRICS:
        msg = (
            f"{parent.name}: {len(counted)} queues are too many to scale by; a worker has {_MOST_METRICS - 1} at most."
        )
        raise ValueError(msg)
    tasks: dict[str, pulumi.Input[str]] = {"ClusterName": service.cluster_name, "ServiceName": service.service_name}
    running = (
        _metric("tasks", "ECS/ContainerInsights", "RunningTaskCount", tasks, "Average")
        if insights
        else _metric("tasks", "AWS/ECS", "CPUUtilization", tasks, "SampleCount")
    )
    target = scalable_target(parent, service, fewest=scaling.min, most=scaling.max)
    # A sum goes over what there is: a queue that nobody used yet has no metrics. Without tasks one message is too many.
    expression = (
        f"SUM([{', '.join(str(metric['id']) for metric in counted)}]) / IF(tasks > 0, tasks, 1 / {scaling.backlog + 1})"
    )
    tracking(
        parent,
        "backlog",
        target,
        {
            "target_value": scaling.backlog,
            "customized_metric_specification": {
                "metrics": [
                    *counted,
                    running,
                    {"id": "backlog", "expression": expression, "label": "Messages for each task", "return_data": True},
                ]
            },
            "scale_out_cooldown": scaling.scale_out_cooldown,
            "scale_in_cooldown": scaling.scale_in_cooldown,
        },
    )


def _metric(
    name: str, namespace: str, metric: str, dimensions: Mapping[str, pulumi.Input[str]], statistic: str
) -> Metric:
    return {
        "id": name,
        "metric_stat": {
            "metric": {
                "namespace": namespace,
                "metric_name": metric,
                "dimensions": [{"name": key, "value": value} for key, value in dimensions.items()],
            },
            "stat": statistic,
        },
        "return_data": False,
    }
