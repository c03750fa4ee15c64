"""The access logs of APIs, and what lets those of REST APIs be written."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import assume_role_policy


class ApiLogs(Component):
    """The role by which API Gateway writes the access logs of REST APIs; HTTP APIs need none.

    AWS has one such setting for an account and region, so no stack can own it: the last one to go would silence all
    others. It belongs to what an account has once, and is free.

    Example:
        >>> ApiLogs("modeshift-api-logs", regions=["us-east-1"])

    """

    def __init__(self, name: str, *, regions: Sequence[str], opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the role and set it.

        Args:
            name: Logical name; children are called after it.
            regions: Where APIs are.
            opts: Options of the component.

        """
        super().__init__("ApiLogs", name, opts)
        role = aws.iam.Role(
            self.child_name(),
            assume_role_policy=assume_role_policy("apigateway.amazonaws.com"),
            description="API Gateway writes the logs of REST APIs",
            tags=self.tags(),
            opts=self.opts(),
        )
        partition = aws.get_partition_output(opts=pulumi.InvokeOptions(parent=self)).partition
        attached = aws.iam.RolePolicyAttachment(
            self.child_name(),
            role=role.name,
            # API Gateway refuses a role that cannot do all that this policy allows.
            policy_arn=pulumi.Output.concat(
                "arn:", partition, ":iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
            ),
            opts=self.opts(),
        )
        for region in regions:
            aws.apigateway.Account(
                self.child_name(region),
                cloudwatch_role_arn=role.arn,
                region=region,
                opts=self.opts(depends_on=[attached]),
            )
        self.register_outputs({"roleArn": role.arn})


def access_log_group(
    parent: Component, name: str, retention_days: int, key_arn: pulumi.Input[str] | None
) -> aws.cloudwatch.LogGroup:
    """Create the group of an API's access log; `name` tells it from those of other APIs."""
    return aws.cloudwatch.LogGroup(
        parent.child_name(),
        # Below this path the service's permission to write does not count against the account's policy size.
        name=f"/aws/vendedlogs/apis/{name}",
        retention_in_days=retention_days,
        kms_key_id=key_arn,
        tags=parent.tags(),
        opts=parent.opts(),
    )
