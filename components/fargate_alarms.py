"""What people should hear about a container service. Whom to tell is attached by the stack."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.alarms import Severity, Watch, alarm, gap_alarm
from components.autoscaling import ScaledService
from components.base import Component

_BUSY = Watch(
    suffix="busy",
    says="average CPU above 80 % for 10 minutes.",
    namespace="AWS/ECS",
    metric="CPUUtilization",
    statistic="Average",
    above=80,
    period=60,
    periods=10,
    severity=Severity.WARNING,
)
_SHORT = Watch(
    suffix="short",
    says="fewer tasks run than are wanted, for 10 minutes.",
    namespace="ECS/ContainerInsights",
    metric="RunningTaskCount",
    statistic="Average",
    above=0,
    period=60,
    # A rollout starts tasks before it stops any, and a task that starts has a minute or two.
    periods=10,
    severity=Severity.CRITICAL,
)


def task_alarms(parent: Component, service: ScaledService, *, insights: bool) -> tuple[aws.cloudwatch.MetricAlarm, ...]:
    """Create the alarms of a service's tasks: too much to do and, where Container Insights counts them, too few."""
    tasks: dict[str, pulumi.Input[str]] = {"ClusterName": service.cluster_name, "ServiceName": service.service_name}
    busy = alarm(parent, _BUSY, tasks)
    return (busy, gap_alarm(parent, _SHORT, tasks, wanted="DesiredTaskCount")) if insights else (busy,)
