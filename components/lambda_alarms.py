"""What people should hear about a function. Whom to tell is attached by the stack."""

from __future__ import annotations

from dataclasses import replace

import pulumi
import pulumi_aws as aws

from components.alarms import Severity, Watch, alarm
from components.base import Component

_ERRORS = Watch(
    suffix="errors",
    says="more than 5 errors in 5 minutes.",
    namespace="AWS/Lambda",
    metric="Errors",
    above=5,
    severity=Severity.CRITICAL,
)
_THROTTLES = Watch(
    suffix="throttles",
    says="more than 10 throttles in 5 minutes.",
    namespace="AWS/Lambda",
    metric="Throttles",
    above=10,
    severity=Severity.WARNING,
)
_GIVEN_UP = Watch(
    suffix="given-up",
    says="events failed every retry and wait in the dead-letter queue.",
    namespace="AWS/SQS",
    metric="ApproximateNumberOfMessagesVisible",
    statistic="Maximum",
    above=0,
    severity=Severity.CRITICAL,
)
_FAILED_ANSWERS = Watch(
    suffix="answers",
    says="more than 10 responses with status 5xx in 5 minutes.",
    namespace="Modeshift/ServerErrors",
    metric="",
    above=10,
    severity=Severity.CRITICAL,
)


def function_alarms(
    parent: Component, *, function_name: pulumi.Input[str], queue: aws.sqs.Queue | None
) -> tuple[aws.cloudwatch.MetricAlarm, ...]:
    """Create the alarms of a function: errors, throttles and events given up."""
    function = {"FunctionName": function_name}
    alarms = [alarm(parent, watch, function) for watch in (_ERRORS, _THROTTLES)]
    if queue is not None:
        alarms.append(alarm(parent, _GIVEN_UP, {"QueueName": queue.name}))
    return tuple(alarms)


def answers_alarm(parent: Component, *, log_group_name: pulumi.Input[str]) -> aws.cloudwatch.MetricAlarm:
    """Create the alarm on 5xx that a function answers itself, which Lambda counts as successful invocations.

    They are counted from the lines that the app writes for its metrics (unless `METRICS` is off), as a custom metric
    named after the function: 0.30 USD a month, ten in an account are free (AWS price list: AmazonCloudWatch).
    """
    # A filter takes the values of dimensions from the line alone, which does not name the function.
    watch = replace(_FAILED_ANSWERS, metric=parent.name)
    aws.cloudwatch.LogMetricFilter(
        parent.child_name(watch.suffix),
        log_group_name=log_group_name,
        pattern='{ $.Status = "5xx" }',
        metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
            namespace=watch.namespace, name=watch.metric, value="1", unit="Count"
        ),
        opts=parent.opts(),
    )
    return alarm(parent, watch, {})
