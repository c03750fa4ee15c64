"""What the roles of GitHub Actions may do: reading for previews, pushing images, one environment's resources.

AWS generates the ids of many resources, so that a policy cannot name them before they exist. Where the id holds the
name, the policy asks for the environment's prefix; where AWS looks at tags, for the environment's tag; what remains is
bound to single actions and to the regions of the stacks. `docs/bootstrap.md` says what stays wide, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.github_actions import FILES, PROXIES, PUSH, READS, ROLES, SECRETS, UNNAMEABLE
from components.service import Statement

_EVERYTHING = ("*",)

# Each in a cluster's name: `access-entry/staging-eks/role/…`.
_OF_CLUSTERS = ("access-entry", "addon", "cluster", "podidentityassociation")
_OF_CACHES = ("serverlesscache", "serverlesscachesnapshot", "user", "usergroup")
_LOG_FOLDERS = (
    "",
    "/aws/containerinsights/",
    "/aws/eks/",
    "/aws/lambda/",
    "/aws/rds/instance/",
    "/aws/vendedlogs/apis/",
    "/ecs/",
    "aws-waf-logs-",
)

# Who may be handed a role: what the components make roles for.
_PASSED_TO = (
    "chatbot.amazonaws.com",
    "ec2.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "ecs.amazonaws.com",
    "eks.amazonaws.com",
    "lambda.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "pipes.amazonaws.com",
    "pods.eks.amazonaws.com",
    "rds.amazonaws.com",
    "scheduler.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)
# Whose own roles AWS makes on first use.
_SERVICE_LINKED = (
    "backup.amazonaws.com",
    "ecs.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
    "eks.amazonaws.com",
    "elasticache.amazonaws.com",
    "elasticfilesystem.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "management.chatbot.amazonaws.com",
    "ops.apigateway.amazonaws.com",
    "rds.amazonaws.com",
    "wafv2.amazonaws.com",
)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all stacks share and the roles need to name; `regions` are those that stacks are deployed to."""

    state_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    registry_arn: pulumi.Input[str]
    partition: pulumi.Input[str]
    account: pulumi.Input[str]
    regions: Sequence[str]
    zones: Sequence[str] = ()

    def arn(self, rest: str) -> pulumi.Output[str]:
        """Return an ARN of this account; `{account}` in `rest` is filled in."""
        return pulumi.Output.all(self.partition, self.account).apply(
            lambda place: f"arn:{place[0]}:{rest.replace('{account}', place[1])}"
        )


def preview_statements(shared: Shared) -> list[Statement]:
    """Return what a preview needs besides `read_statements`: reading the state and decrypting the secrets in it."""
    return [
        Statement(actions=["s3:ListBucket"], resources=[shared.state_arn]),
        Statement(actions=["s3:GetObject"], resources=[_objects(shared)]),
        Statement(actions=["kms:Decrypt"], resources=[shared.key_arn]),
    ]


def read_statements() -> list[Statement]:
    """Return what looks at what exists, for previews and deployments alike: a policy apart, which many roles can hold.

    AWS takes 10,240 characters for all policies inside a role, and 6,144 for each that stands by itself.
    """
    return [Statement(actions=READS, resources=_EVERYTHING)]


def publish_statements(shared: Shared) -> list[Statement]:
    """Return what pushing an image needs, and finding one that was pushed before."""
    return [
        Statement(actions=["ecr:GetAuthorizationToken"], resources=_EVERYTHING),
        Statement(actions=[*PUSH, "ecr:DescribeImages"], resources=[shared.registry_arn]),
    ]


def deploy_statements(environment: str, shared: Shared) -> list[Statement]:
    """Return what deploying the stacks of one environment needs; their names begin with the environment's."""
    own_tag = {"StringEquals": {"aws:ResourceTag/Environment": environment}}
    return [
        *preview_statements(shared),
        Statement(actions=["s3:DeleteObject", "s3:PutObject"], resources=[_objects(shared)]),
        Statement(actions=["kms:Encrypt", "kms:GenerateDataKey"], resources=[shared.key_arn]),
        Statement(actions=PUSH, resources=[shared.registry_arn]),
        _named(environment, shared),
        Statement(actions=SECRETS, resources=[shared.arn(f"secretsmanager:*:{{account}}:secret:{environment}-*")]),
        Statement(
            actions=UNNAMEABLE,
            resources=_EVERYTHING,
            conditions={"StringEquals": {"aws:RequestedRegion": sorted(shared.regions)}},
        ),
        # AWS gives these their ids, so that a tag alone tells whose each is; what has one keeps it.
        Statement(
            actions=[
                "chatbot:CreateSlackChannelConfiguration",
                "elasticfilesystem:CreateFileSystem",
                "elasticfilesystem:TagResource",
                "kms:CreateKey",
                "kms:TagResource",
                "rds:AddTagsToResource",
                "rds:CreateDBProxy",
            ],
            resources=_EVERYTHING,
            conditions={
                "StringEquals": {"aws:RequestTag/Environment": environment},
                "Null": {"aws:ResourceTag/Environment": "true"},
            },
        ),
        Statement(
            actions=["kms:*", *FILES, *PROXIES],
            resources=[
                shared.arn("elasticfilesystem:*:{account}:*"),
                shared.arn("kms:*:{account}:key/*"),
                shared.arn("rds:*:{account}:db-proxy:*"),
            ],
            conditions=own_tag,
        ),
        Statement(
            actions=["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"],
            resources=[shared.arn(f"kms:*:{{account}}:alias/{environment}-*")],
        ),
        *_database_secret_statements(environment, shared),
        *_mapping_statements(environment, shared),
        *_role_statements(environment, shared),
        *_zone_statements(shared),
    ]


def _named(environment: str, shared: Shared) -> Statement:
    """Allow everything on what carries the environment's prefix in its ARN."""
    names = (
        f"chatbot::{{account}}:chat-configuration/slack-channel/{environment}-*",
        f"cloudwatch:*:{{account}}:alarm:{environment}-*",
        f"cloudwatch::{{account}}:dashboard/{environment}-*",
        f"dynamodb:*:{{account}}:table/{environment}-*",
        f"ecs:*:{{account}}:cluster/{environment}-*",
        f"ecs:*:{{account}}:service/{environment}-*/*",
        f"ecs:*:{{account}}:task/{environment}-*/*",
        f"ecs:*:{{account}}:task-definition/{environment}-*:*",
        *(f"eks:*:{{account}}:{kind}/{environment}-*" for kind in _OF_CLUSTERS),
        *(f"elasticache:*:{{account}}:{kind}:{environment}-*" for kind in _OF_CACHES),
        *(
            f"elasticloadbalancing:*:{{account}}:{kind}/{environment}-*"
            for kind in ("listener/app", "listener-rule/app", "loadbalancer/app", "targetgroup")
        ),
        f"events:*:{{account}}:rule/{environment}-*",
        f"lambda:*:{{account}}:function:{environment}-*",
        *(f"logs:*:{{account}}:log-group:{folder}{environment}-*" for folder in _LOG_FOLDERS),
        f"pipes:*:{{account}}:pipe/{environment}-*",
        "rds:*:{account}:og:default*",
        *(f"rds:*:{{account}}:{kind}:{environment}-*" for kind in ("db", "pg", "snapshot", "subgrp")),
        f"s3:::{environment}-*",
        f"scheduler:*:{{account}}:schedule/default/{environment}-*",
        f"sns:*:{{account}}:{environment}-*",
        f"sqs:*:{{account}}:{environment}-*",
        f"wafv2:*:{{account}}:regional/webacl/{environment}-*",
        "wafv2:*:*:regional/managedruleset/*",  # AWS's own rules, which a web ACL refers to
    )
    services = sorted({name.partition(":")[0] for name in names})
    return Statement(actions=[f"{service}:*" for service in services], resources=[shared.arn(name) for name in names])


def _database_secret_statements(environment: str, shared: Shared) -> list[Statement]:
    """Allow what RDS asks of whoever makes a database with a managed password, and its rotation; never its value."""
    secrets = [shared.arn("secretsmanager:*:{account}:secret:rds!db-*")]
    owner = {
        "secretsmanager:ResourceTag/aws:rds:primaryDBInstanceArn": shared.arn(f"rds:*:{{account}}:db:{environment}-*")
    }
    return [
        Statement(actions=["secretsmanager:CreateSecret", "secretsmanager:TagResource"], resources=secrets),
        Statement(
            actions=["secretsmanager:CancelRotateSecret", "secretsmanager:RotateSecret"],
            resources=secrets,
            conditions={"StringLike": owner},
        ),
    ]


def _mapping_statements(environment: str, shared: Shared) -> list[Statement]:
    """Allow what feeds functions: its ARN has an id alone, but AWS looks at the function that it feeds."""
    functions = shared.arn(f"lambda:*:{{account}}:function:{environment}-*")
    return [
        Statement(
            actions=[f"lambda:{verb}EventSourceMapping" for verb in ("Create", "Delete", "Update")],
            resources=_EVERYTHING,
            conditions={"ArnLike": {"lambda:FunctionArn": functions}},
        ),
        Statement(
            actions=["lambda:TagResource", "lambda:UntagResource"],
            resources=[shared.arn("lambda:*:{account}:event-source-mapping:*")],
        ),
    ]


def _role_statements(environment: str, shared: Shared) -> list[Statement]:
    own_roles = shared.arn(f"iam::{{account}}:role/{environment}-*")
    return [
        Statement(actions=ROLES, resources=[own_roles]),
        Statement(
            actions=["iam:PassRole"],
            resources=[own_roles],
            conditions={"StringEquals": {"iam:PassedToService": list(_PASSED_TO)}},
        ),
        Statement(
            actions=["iam:CreateServiceLinkedRole"],
            resources=[shared.arn("iam::{account}:role/aws-service-role/*")],
            conditions={"StringEquals": {"iam:AWSServiceName": list(_SERVICE_LINKED)}},
        ),
    ]


def _zone_statements(shared: Shared) -> list[Statement]:
    if not shared.zones:
        return []
    zones = [shared.arn(f"route53:::hostedzone/{zone}") for zone in sorted(shared.zones)]
    return [Statement(actions=["route53:ChangeResourceRecordSets"], resources=zones)]


def _objects(shared: Shared) -> pulumi.Output[str]:
    return pulumi.Output.concat(shared.state_arn, "/*")
