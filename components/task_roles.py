"""The two roles of a task: one with which ECS starts it, one with which its code runs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import Grant, assume_role_policy, grant
from components.links import mount_statements
from components.service import ImageArtifact, Statement, WorkloadArgs

_TASKS = "ecs-tasks.amazonaws.com"

_ECR_HOST = r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)"
_ECR_IMAGE = re.compile(_ECR_HOST + r"/(?P<repository>[^:@]+)")


def execution_role(
    parent: Component, args: WorkloadArgs, *, image: ImageArtifact, log_group: aws.cloudwatch.LogGroup
) -> Grant:
    """Create the role with which ECS pulls this image, reads these secrets and writes this log."""
    return grant(
        parent,
        "execution",
        trust=assume_role_policy(_TASKS),
        description=f"Starts tasks of {parent.name}: image, secrets and log.",
        statements=[*_pull(image), *read_secrets(args), *_write_log(log_group)],
    )


def task_role(parent: Component, args: WorkloadArgs, *, exec_statements: Sequence[Statement]) -> Grant:
    """Create the role of the service's own code: what it was given, what its links bring, and its volumes."""
    linked = [statement for link in args.links for statement in link.statements]
    return grant(
        parent,
        "task",
        trust=assume_role_policy(_TASKS),
        description=f"What the code of {parent.name} may do.",
        statements=[*args.permissions, *linked, *mount_statements(args.volumes), *exec_statements],
    )


def repository_arn(reference: str) -> str | None:
    """Return the ARN of the ECR repository an image reference names; None for an image from elsewhere."""
    match = _ECR_IMAGE.match(reference)
    if match is None:
        return None
    region = match["region"]
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:ecr:{region}:{match['account']}:repository/{match['repository']}"


def _pull(image: ImageArtifact) -> list[Statement]:
    arn = repository_arn(image.reference)
    if arn is None:
        return []
    return [
        # The token is for the registry as a whole: AWS takes no narrower resource.
        Statement(actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        Statement(
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=[arn],
        ),
    ]


def read_secrets(args: WorkloadArgs) -> list[Statement]:
    """Return what reading a service's secrets takes."""
    if not args.all_secrets:
        return []
    arns = [secret.arn for secret in args.all_secrets]
    statements = [Statement(actions=["secretsmanager:GetSecretValue"], resources=arns)]
    if args.key_arn is not None:
        statements.append(Statement(actions=["kms:Decrypt"], resources=[args.key_arn]))
    return statements


def _write_log(log_group: aws.cloudwatch.LogGroup) -> list[Statement]:
    streams = pulumi.Output.concat(log_group.arn, ":*")
    return [Statement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[streams])]
