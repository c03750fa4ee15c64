"""What ECS says of a cluster's tasks as it happens: a task that failed, a deployment that begins or fails."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.alarms import Severity
from components.base import Component

_DEPLOYMENTS = {
    "deployment-started": (Severity.WARNING, "SERVICE_DEPLOYMENT_IN_PROGRESS"),
    "deployment-failed": (Severity.CRITICAL, "SERVICE_DEPLOYMENT_FAILED"),
}


class TaskEvents(Component):
    """Rules that pass a cluster's events on to the topic of their severity.

    A task whose container ended with an exit code other than 0 is critical, and so is a deployment that failed; one
    that begins is only told. Tasks that ECS stops end with 0: the app leaves in order.

    Cost: nothing; events of AWS are free (AWS price list: AWSEvents).

    Sources: ECS developer guide, "Task state change events" and "Service deployment state change events".
    """

    def __init__(
        self,
        name: str,
        *,
        cluster_arn: pulumi.Input[str],
        topics: Mapping[Severity, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the rules.

        Args:
            name: Logical name; children are called after it.
            cluster_arn: Whose events.
            topics: Whom to tell, by severity; their policies let EventBridge publish.
            opts: Options of the component.

        """
        super().__init__("TaskEvents", name, opts)
        cluster = pulumi.Output.from_input(cluster_arn)
        self._rule("task-failed", cluster.apply(_failed_task), topics[Severity.CRITICAL], "A container failed.")
        for suffix, (severity, event) in _DEPLOYMENTS.items():
            self._rule(
                suffix,
                cluster.apply(lambda arn, event=event: _deployment(arn, event)),
                topics[severity],
                f"{suffix.replace('-', ' ').capitalize()}.",
            )
        self.register_outputs({})

    def _rule(self, suffix: str, pattern: pulumi.Output[str], topic: pulumi.Input[str], says: str) -> None:
        rule = aws.cloudwatch.EventRule(
            self.child_name(suffix),
            description=says,
            event_pattern=pattern,
            tags=self.tags(suffix),
            opts=self.opts(),
        )
        aws.cloudwatch.EventTarget(self.child_name(suffix), rule=rule.name, arn=topic, opts=self.opts())


def _failed_task(cluster_arn: str) -> str:
    detail = {
        "clusterArn": [cluster_arn],
        "lastStatus": ["STOPPED"],
        "containers": {"exitCode": [{"anything-but": [0]}]},
    }
    return _pattern("ECS Task State Change", detail=detail)


def _deployment(cluster_arn: str, event: str) -> str:
    services = f"{cluster_arn.replace(':cluster/', ':service/')}/"
    return _pattern("ECS Deployment State Change", resources=[{"prefix": services}], detail={"eventName": [event]})


def _pattern(kind: str, **more: object) -> str:
    return json.dumps({"source": ["aws.ecs"], "detail-type": [kind], **more}, sort_keys=True)
