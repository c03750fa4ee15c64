"""Where what runs writes its log."""

from __future__ import annotations

import pulumi_aws as aws

from components.base import Component
from components.service import WorkloadArgs


def log_group(parent: Component, folder: str, args: WorkloadArgs) -> aws.cloudwatch.LogGroup:
    """Create the log group `{folder}/{parent}`, the place people look in; it forgets after the days the args say.

    Cost: 0.50 USD per GB written (AWS price list: AmazonCloudWatch).
    """
    return aws.cloudwatch.LogGroup(
        parent.child_name(),
        # The name holds the stack's, so that no two stacks share it.
        name=f"{folder}/{parent.name}",
        retention_in_days=args.log_retention_days,
        kms_key_id=args.key_arn,
        tags=parent.tags(),
        opts=parent.opts(),
    )
