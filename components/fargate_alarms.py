"""What people should hear about a container service. Whom to tell is attached by the stack."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.autoscaling import ScaledService
from components.base import Component


def service_alarms(parent: Component, service: ScaledService) -> tuple[aws.cloudwatch.MetricAlarm, ...]:
    """Create the alarms of a service: unhealthy targets, errors and CPU."""
    targets: dict[str, pulumi.Input[str]] = {
        "LoadBalancer": service.load_balancer_suffix,
        "TargetGroup": service.target_group_suffix,
    }
    tasks: dict[str, pulumi.Input[str]] = {"ClusterName": service.cluster_name, "ServiceName": service.service_name}
    unhealthy = aws.cloudwatch.MetricAlarm(
        parent.child_name("unhealthy"),
        alarm_description=f"{parent.name}: a target has been unhealthy for 5 minutes.",
        namespace="AWS/ApplicationELB",
        metric_name="UnHealthyHostCount",
        dimensions=targets,
        statistic="Maximum",
        period=60,
        evaluation_periods=5,
        comparison_operator="GreaterThanThreshold",
        threshold=0,
        treat_missing_data="notBreaching",
        tags=parent.tags("unhealthy"),
        opts=parent.opts(),
    )
    errors = aws.cloudwatch.MetricAlarm(
        parent.child_name("errors"),
        alarm_description=f"{parent.name}: more than 10 responses with status 5xx in 5 minutes.",
        namespace="AWS/ApplicationELB",
        metric_name="HTTPCode_Target_5XX_Count",
        dimensions=targets,
        statistic="Sum",
        period=300,
        evaluation_periods=1,
        comparison_operator="GreaterThanThreshold",
        threshold=10,
        treat_missing_data="notBreaching",
        tags=parent.tags("errors"),
        opts=parent.opts(),
    )
    busy = aws.cloudwatch.MetricAlarm(
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
    return unhealthy, errors, busy
