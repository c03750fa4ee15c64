"""What people should hear about whatever answers behind a load balancer."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.base import Component


def target_alarms(
    parent: Component,
    suffix: str = "",
    *,
    load_balancer_suffix: pulumi.Input[str],
    target_group_suffix: pulumi.Input[str],
) -> tuple[aws.cloudwatch.MetricAlarm, aws.cloudwatch.MetricAlarm]:
    """Create the alarms of one target group: unhealthy targets and errors."""
    targets = {"LoadBalancer": load_balancer_suffix, "TargetGroup": target_group_suffix}
    names = [f"{suffix}-{name}" if suffix else name for name in ("unhealthy", "errors")]
    unhealthy = aws.cloudwatch.MetricAlarm(
        parent.child_name(names[0]),
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
        tags=parent.tags(names[0]),
        opts=parent.opts(),
    )
    errors = aws.cloudwatch.MetricAlarm(
        parent.child_name(names[1]),
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
        tags=parent.tags(names[1]),
        opts=parent.opts(),
    )
    return unhealthy, errors
