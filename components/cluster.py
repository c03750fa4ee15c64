"""The ECS cluster that a stack's container services run in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.service import Statement

Insights = Literal["disabled", "enabled", "enhanced"]


class Cluster(Component):
    """An ECS cluster on Fargate and Fargate Spot, with Container Insights and audited ECS Exec sessions.

    Who runs what in a task through ECS Exec is written to a log group of its own, encrypted with `key_arn` if there is
    one. Everything but the name changes in place.

    Cost in us-east-1: the cluster itself is free. Container Insights bills its metrics, 0.30 USD a month each, more of
    them with `enhanced`, and its logs, 0.50 per GB (AWS price list: AmazonCloudWatch).
    """

    def __init__(
        self,
        name: str,
        *,
        insights: Insights = "enabled",
        log_retention_days: int = 7,
        key_arn: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the cluster.

        Args:
            name: Logical name; children are called after it.
            insights: How much Container Insights records.
            log_retention_days: How long the record of ECS Exec sessions is kept.
            key_arn: KMS key of ECS Exec sessions and their record; unset, AWS uses its own.
            opts: Options of the component.

        """
        super().__init__("Cluster", name, opts)
        self.insights = insights
        self._key_arn = key_arn
        self._exec_log = aws.cloudwatch.LogGroup(
            self.child_name("exec"),
            retention_in_days=log_retention_days,
            kms_key_id=key_arn,
            tags=self.tags("exec"),
            opts=self.opts(),
        )
        cluster = aws.ecs.Cluster(
            self.child_name(),
            settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value=insights)],
            configuration=self._configuration(),
            tags=self.tags(),
            opts=self.opts(),
        )
        self.arn: pulumi.Output[str] = cluster.arn
        self.cluster_name: pulumi.Output[str] = cluster.name
        self.exec_log_group_name: pulumi.Output[str] = self._exec_log.name
        self.capacity_providers = aws.ecs.ClusterCapacityProviders(
            self.child_name(),
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            default_capacity_provider_strategies=[
                aws.ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs(
                    capacity_provider="FARGATE", weight=100
                )
            ],
            opts=self.opts(),
        )
        self.register_outputs({"arn": self.arn, "name": self.cluster_name})

    def _configuration(self) -> aws.ecs.ClusterConfigurationArgs:
        log = aws.ecs.ClusterConfigurationExecuteCommandConfigurationLogConfigurationArgs(
            cloud_watch_log_group_name=self._exec_log.name,
            # Sessions are refused when this is on and the log group has no key.
            cloud_watch_encryption_enabled=self._key_arn is not None,
        )
        return aws.ecs.ClusterConfigurationArgs(
            execute_command_configuration=aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgs(
                logging="OVERRIDE", kms_key_id=self._key_arn, log_configuration=log
            )
        )

    @property
    def exec_statements(self) -> Sequence[Statement]:
        """Return what a task's role needs so that people can open a session in it and the session is recorded."""
        statements = [
            # Session channels have no ARN, and the log groups can only be listed as a whole.
            Statement(
                actions=[
                    "logs:DescribeLogGroups",
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel",
                ],
                resources=["*"],
            ),
            Statement(
                actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                resources=[pulumi.Output.concat(self._exec_log.arn, ":*")],
            ),
        ]
        if self._key_arn is not None:
            statements.append(Statement(actions=["kms:Decrypt"], resources=[self._key_arn]))
        return statements
