"""What people should hear about whatever answers behind a load balancer."""

from __future__ import annotations

from dataclasses import replace

import pulumi
import pulumi_aws as aws

from components.alarms import Severity, Watch, alarm
from components.base import Component

NAMESPACE = "AWS/ApplicationELB"

_UNHEALTHY = Watch(
    suffix="unhealthy",
    says="a target has been unhealthy for 5 minutes.",
    namespace=NAMESPACE,
    metric="UnHealthyHostCount",
    statistic="Maximum",
    above=0,
    period=60,
    periods=5,
    severity=Severity.CRITICAL,
)
_ERRORS = Watch(
    suffix="errors",
    says="more than 10 responses with status 5xx in 5 minutes.",
    namespace=NAMESPACE,
    metric="HTTPCode_Target_5XX_Count",
    above=10,
    severity=Severity.CRITICAL,
)


def target_alarms(
    parent: Component,
    suffix: str = "",
    *,
    load_balancer_suffix: pulumi.Input[str],
    target_group_suffix: pulumi.Input[str],
) -> tuple[aws.cloudwatch.MetricAlarm, aws.cloudwatch.MetricAlarm]:
    """Create the alarms of one target group: unhealthy targets and errors."""
    targets = {"LoadBalancer": load_balancer_suffix, "TargetGroup": target_group_suffix}

    def made(watch: Watch) -> aws.cloudwatch.MetricAlarm:
        return alarm(parent, replace(watch, suffix=f"{suffix}-{watch.suffix}" if suffix else watch.suffix), targets)

    return made(_UNHEALTHY), made(_ERRORS)
