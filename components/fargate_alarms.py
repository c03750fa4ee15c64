"""What people should hear about a container service. Whom to tell is attached by the stack."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.autoscaling import ScaledService
from components.base import Component


def busy_alarm(parent: Component, service: ScaledService) -> aws.cloudwatch.MetricAlarm:
    """Create the alarm of a service whose tasks have too much to do."""
    tasks: dict[str, pulumi.Input[str]] = {"ClusterName": service.cluster_name, "ServiceName": service.service_name}
    return aws.cloudwatch.MetricAlarm(
        parent.child_name("busy"),
        alarm_description=f"{parent.name}: average CPU above 80 % for 10 minutes.",
        namespace="AWS/ECS",
        metric_name="CPUUtilization",
        dimensions=tasks,
        statistic="Average",
        period=60,
        evaluation_periods=10,
        comparison_operator="GreaterThanThreshold",
        threshold=80,
        treat_missing_data="notBreaching",
        tags=parent.tags("busy"),
        opts=parent.opts(),
    )
