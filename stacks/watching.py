"""What watches a stack: whom its alarms tell, what ECS says of its tasks, and the page that shows it all."""

from __future__ import annotations

import pulumi

from components.alarms import Severity
from components.cluster import Cluster
from components.notifications import Notifications, Slack
from stacks.base import Base
from stacks.load import Resolved


def make_notifications(
    resolved: Resolved, key_arn: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> Notifications:
    """Create the topics that a stack's alarms tell."""
    wanted = resolved.settings.alarms
    slack = wanted.slack
    return Notifications(
        f"{resolved.stack}-alarms",
        email=wanted.email,
        pagerduty=wanted.pagerduty,
        slack=None if slack is None else Slack(workspace=slack.workspace, channel=slack.channel),
        key_arn=key_arn,
        opts=opts,
    )


def watch_tasks(base: Base, cluster: Cluster, told: Notifications) -> None:
    """Tell people of tasks that fail and of deployments."""
    from components.task_events import TaskEvents  # noqa: PLC0415

    TaskEvents(base.name("tasks"), cluster_arn=cluster.arn, topics=told.topics, opts=base.opts)


def draw(base: Base, told: Notifications) -> None:
    """Create the dashboard, once all alarms are there."""
    from components.dashboard import Dashboard  # noqa: PLC0415

    region = base.resolved.region
    watched = sorted(told.watched, key=lambda each: (each.about, each.namespace))
    Dashboard(base.name("stack"), watched=watched, region=region, opts=base.opts)


def topics_of(told: Notifications) -> dict[str, pulumi.Output[str]]:
    """Return where people may subscribe themselves, by severity."""
    return {severity.value: told.topics[severity] for severity in Severity}
