"""How many tasks of an ECS service run: targets to track, times of day, steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.service import Scaling, ScalingStep

if TYPE_CHECKING:
    from pulumi_aws.appautoscaling import PolicyTargetTrackingScalingPolicyConfigurationArgsDict as Tracking

_NAMESPACE = "ecs"
_DIMENSION = "ecs:service:DesiredCount"


@dataclass(frozen=True, kw_only=True)
class ScaledService:
    """The ECS service that is scaled; `requests_label` names the load balancer and target group of its requests."""

    cluster_name: pulumi.Output[str]
    service_name: pulumi.Output[str]
    requests_label: pulumi.Output[str] | None = None


def scalable_target(parent: Component, service: ScaledService, *, fewest: int, most: int) -> aws.appautoscaling.Target:
    """Create what policies scale: the number of a service's tasks, between bounds."""
    return aws.appautoscaling.Target(
        parent.child_name(),
        service_namespace=_NAMESPACE,
        scalable_dimension=_DIMENSION,
        resource_id=pulumi.Output.concat("service/", service.cluster_name, "/", service.service_name),
        min_capacity=fewest,
        max_capacity=most,
        tags=parent.tags(),
        opts=parent.opts(),
    )


def tracking(
    parent: Component, suffix: str, target: aws.appautoscaling.Target, configuration: Tracking
) -> aws.appautoscaling.Policy:
    """Create the policy that keeps a metric at a value by the number of tasks."""
    return aws.appautoscaling.Policy(
        parent.child_name(suffix),
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        target_tracking_scaling_policy_configuration=configuration,
        opts=parent.opts(),
    )


class Autoscaling:
    """The scalable target of a service and its policies, children of the service's component.

    A schedule moves the bounds from its moment on, so a refresh between two schedules shows bounds that differ from
    `min` and `max`.
    """

    def __init__(self, parent: Component, scaling: Scaling, *, service: ScaledService) -> None:
        self._parent = parent
        self._scaling = scaling
        self._service = service
        self._target = scalable_target(parent, service, fewest=scaling.min, most=scaling.max)
        self._track()
        self._schedule()
        if scaling.steps:
            self._step()

    def _track(self) -> None:
        scaling = self._scaling
        self._track_metric("cpu", "ECSServiceAverageCPUUtilization", scaling.cpu_percent)
        self._track_metric("memory", "ECSServiceAverageMemoryUtilization", scaling.memory_percent)
        self._track_metric(
            "requests", "ALBRequestCountPerTarget", scaling.requests_per_target, self._service.requests_label
        )

    def _track_metric(
        self, suffix: str, metric: str, value: int | None, label: pulumi.Input[str] | None = None
    ) -> None:
        if value is None:
            return
        configuration: Tracking = {
            "target_value": value,
            "predefined_metric_specification": {"predefined_metric_type": metric},
            "scale_out_cooldown": self._scaling.scale_out_cooldown,
            "scale_in_cooldown": self._scaling.scale_in_cooldown,
        }
        if label is not None:
            configuration["predefined_metric_specification"] = {
                "predefined_metric_type": metric,
                "resource_label": label,
            }
        tracking(self._parent, suffix, self._target, configuration)

    def _schedule(self) -> None:
        before: list[pulumi.Resource] = []
        for schedule in self._scaling.schedules:
            action = aws.appautoscaling.ScheduledAction(
                self._parent.child_name(schedule.name),
                service_namespace=self._target.service_namespace,
                scalable_dimension=self._target.scalable_dimension,
                resource_id=self._target.resource_id,
                schedule=schedule.cron,
                timezone=schedule.timezone,
                scalable_target_action=aws.appautoscaling.ScheduledActionScalableTargetActionArgs(
                    min_capacity=schedule.min, max_capacity=schedule.max
                ),
                # One after the other: AWS refuses two changes to one target at a time.
                opts=self._parent.opts(depends_on=before),
            )
            before = [action]

    def _step(self) -> None:
        steps = sorted(self._scaling.steps, key=lambda step: step.cpu_percent)
        threshold = steps[0].cpu_percent
        policy = aws.appautoscaling.Policy(
            self._parent.child_name("steps"),
            policy_type="StepScaling",
            service_namespace=self._target.service_namespace,
            scalable_dimension=self._target.scalable_dimension,
            resource_id=self._target.resource_id,
            step_scaling_policy_configuration=aws.appautoscaling.PolicyStepScalingPolicyConfigurationArgs(
                adjustment_type="ChangeInCapacity",
                metric_aggregation_type="Average",
                cooldown=self._scaling.scale_out_cooldown,
                step_adjustments=list(_adjustments(steps)),
            ),
            opts=self._parent.opts(),
        )
        aws.cloudwatch.MetricAlarm(
            self._parent.child_name("steps"),
            alarm_description=f"Scales {self._parent.name} in steps while average CPU is at least {threshold} %.",
            namespace="AWS/ECS",
            metric_name="CPUUtilization",
            dimensions={"ClusterName": self._service.cluster_name, "ServiceName": self._service.service_name},
            statistic="Average",
            period=60,
            evaluation_periods=2,
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=threshold,
            alarm_actions=[policy.arn],
            tags=self._parent.tags("steps"),
            opts=self._parent.opts(),
        )


def _adjustments(
    steps: Sequence[ScalingStep],
) -> Iterator[aws.appautoscaling.PolicyStepScalingPolicyConfigurationStepAdjustmentArgs]:
    """Yield one adjustment for each step; AWS counts their bounds from the alarm's threshold."""
    threshold = steps[0].cpu_percent
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        yield aws.appautoscaling.PolicyStepScalingPolicyConfigurationStepAdjustmentArgs(
            scaling_adjustment=step.change,
            metric_interval_lower_bound=str(step.cpu_percent - threshold),
            metric_interval_upper_bound=None if following is None else str(following.cpu_percent - threshold),
        )
