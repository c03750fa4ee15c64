"""What a function may do: what its service was given, and the least that running takes."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.links import mount_statements
from components.service import Statement, WorkloadArgs


def function_statements(
    args: WorkloadArgs,
    *,
    log_group_arn: pulumi.Input[str],
    queue_arns: Sequence[pulumi.Input[str]],
    tracing: bool,
    in_network: bool,
) -> list[Statement]:
    """Return the statements of a function's role."""
    statements = [
        Statement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[pulumi.Output.concat(log_group_arn, ":*")],
        ),
        *args.permissions,
        *(statement for link in args.links for statement in link.statements),
        *mount_statements(args.volumes),
    ]
    if args.all_secrets:
        arns = [secret.arn for secret in args.all_secrets]
        statements.append(Statement(actions=["secretsmanager:GetSecretValue"], resources=arns))
    if queue_arns:
        statements.append(Statement(actions=["sqs:SendMessage"], resources=queue_arns))
    if args.key_arn is not None:
        # The environment and secrets are read with it; whoever puts messages into its queue makes a data key.
        actions = ["kms:Decrypt", "kms:GenerateDataKey"] if queue_arns else ["kms:Decrypt"]
        statements.append(Statement(actions=actions, resources=[args.key_arn]))
    if tracing:
        # X-Ray has no resources to name.
        statements.append(Statement(actions=["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources=["*"]))
    if in_network:
        statements.append(_NETWORK_INTERFACES)
    return statements


# Lambda asks for these on any resource: an interface has no name before it exists, and lists have none at all.
_NETWORK_INTERFACES = Statement(
    actions=[
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ],
    resources=["*"],
)
