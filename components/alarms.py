"""Alarms, all made alike: what is watched, above which value people hear of it, and how urgent that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_aws as aws

from components.base import Component

SEVERITY_TAG = "Severity"
"""Tag by which a stack knows whom to tell of an alarm; it holds a `Severity`."""


class Severity(StrEnum):
    """How urgent an alarm is: `critical` wakes somebody up, `warning` is read at work."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One metric, and the value above which people should hear of it.

    `says` ends the alarm's sentence after the name of what it is about. The metric is taken over `period` seconds,
    and counts when it was `above` for `periods` of them in a row; times without data are good ones. `statistic` is as
    CloudWatch writes it, `Sum` or `p99`. `low` turns it round: people hear when it is below.
    """

    suffix: str
    says: str
    namespace: str
    metric: str
    above: float
    severity: Severity
    low: bool = False
    statistic: str = "Sum"
    period: int = 300
    periods: int = 1


def alarm(parent: Component, watch: Watch, dimensions: Mapping[str, pulumi.Input[str]]) -> aws.cloudwatch.MetricAlarm:
    """Create an alarm, a child of what it is about.

    Cost: 0.10 USD a month, ten in an account are free (AWS price list: AmazonCloudWatch).
    """
    percentile = watch.statistic.startswith("p")
    return aws.cloudwatch.MetricAlarm(
        parent.child_name(watch.suffix),
        alarm_description=f"{parent.name}: {watch.says}",
        namespace=watch.namespace,
        metric_name=watch.metric,
        dimensions=dimensions,
        statistic=None if percentile else watch.statistic,
        extended_statistic=watch.statistic if percentile else None,
        period=watch.period,
        evaluation_periods=watch.periods,
        comparison_operator="LessThanThreshold" if watch.low else "GreaterThanThreshold",
        threshold=watch.above,
        treat_missing_data="notBreaching",
        tags=parent.tags(watch.suffix, {SEVERITY_TAG: watch.severity}),
        opts=parent.opts(),
    )


def gap_alarm(
    parent: Component,
    watch: Watch,
    dimensions: Mapping[str, pulumi.Input[str]],
    *,
    wanted: str,
) -> aws.cloudwatch.MetricAlarm:
    """Create an alarm on how far a metric stays below another, `wanted`, of the same namespace and dimensions."""

    def query(name: str, metric: str) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
        return aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=name,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace=watch.namespace,
                metric_name=metric,
                dimensions=dimensions,
                stat=watch.statistic,
                period=watch.period,
            ),
        )

    return aws.cloudwatch.MetricAlarm(
        parent.child_name(watch.suffix),
        alarm_description=f"{parent.name}: {watch.says}",
        metric_queries=[
            aws.cloudwatch.MetricAlarmMetricQueryArgs(
                id="gap", expression="wanted - there", label=watch.says, return_data=True
            ),
            query("there", watch.metric),
            query("wanted", wanted),
        ],
        evaluation_periods=watch.periods,
        comparison_operator="GreaterThanThreshold",
        threshold=watch.above,
        treat_missing_data="notBreaching",
        tags=parent.tags(watch.suffix, {SEVERITY_TAG: watch.severity}),
        opts=parent.opts(),
    )
