"""What people should hear about a function. Whom to tell is attached by the stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component


@dataclass(frozen=True, kw_only=True)
class _Watch:
    """One metric over five minutes, and the value above which people should hear of it."""

    suffix: str
    says: str
    namespace: str
    metric: str
    statistic: str
    above: int


_ERRORS = _Watch(
    suffix="errors",
    says="more than 5 errors in 5 minutes.",
    namespace="AWS/Lambda",
    metric="Errors",
    statistic="Sum",
    above=5,
)
_THROTTLES = _Watch(
    suffix="throttles",
    says="more than 10 throttles in 5 minutes.",
    namespace="AWS/Lambda",
    metric="Throttles",
    statistic="Sum",
    above=10,
)
_GIVEN_UP = _Watch(
    suffix="given-up",
    says="events failed every retry and wait in the dead-letter queue.",
    namespace="AWS/SQS",
    metric="ApproximateNumberOfMessagesVisible",
    statistic="Maximum",
    above=0,
)


def function_alarms(
    parent: Component, *, function_name: pulumi.Input[str], queue: aws.sqs.Queue | None
) -> tuple[aws.cloudwatch.MetricAlarm, ...]:
    """Create the alarms of a function: errors, throttles and events given up."""
    function = {"FunctionName": function_name}
    alarms = [_alarm(parent, watch, function) for watch in (_ERRORS, _THROTTLES)]
    if queue is not None:
        alarms.append(_alarm(parent, _GIVEN_UP, {"QueueName": queue.name}))
    return tuple(alarms)


def _alarm(parent: Component, watch: _Watch, dimensions: Mapping[str, pulumi.Input[str]]) -> aws.cloudwatch.MetricAlarm:
    return aws.cloudwatch.MetricAlarm(
        parent.child_name(watch.suffix),
        alarm_description=f"{parent.name}: {watch.says}",
        namespace=watch.namespace,
        metric_name=watch.metric,
        dimensions=dimensions,
        statistic=watch.statistic,
        period=300,
        evaluation_periods=1,
        comparison_operator="GreaterThanThreshold",
        threshold=watch.above,
        treat_missing_data="notBreaching",
        tags=parent.tags(watch.suffix),
        opts=parent.opts(),
    )
