"""The logs and metrics of an EKS cluster: log groups that forget, and the add-on that fills them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.iam import grant, pod_trust_policy
from components.service import Statement

_ADD_ON = "amazon-cloudwatch-observability"
_NAMESPACE = "amazon-cloudwatch"
_SERVICE_ACCOUNT = "cloudwatch-agent"


def control_plane_log_group(
    parent: Component, *, cluster: str, retention_days: int, key_arn: pulumi.Input[str] | None
) -> aws.cloudwatch.LogGroup:
    """Create the group that a control plane writes to, before EKS makes one of that name that never forgets."""
    return _log_group(parent, "control-plane", f"/aws/eks/{cluster}/cluster", retention_days, key_arn)


def container_logs(
    parent: Component,
    *,
    cluster: str,
    cluster_name: pulumi.Output[str],
    cluster_arn: pulumi.Output[str],
    insights: bool,
    retention_days: int,
    key_arn: pulumi.Input[str] | None,
    depends_on: Sequence[pulumi.Resource],
) -> aws.cloudwatch.LogGroup:
    """Send what containers write to CloudWatch, and with `insights` what they use; return the containers' log group.

    AWS's add-on does it (EKS user guide: amazon-cloudwatch-observability). Its groups are made here, under the names it
    looks for, so that they have a retention and a key. It gets its role by Pod Identity and may write to these groups
    alone. Application Signals, which would restart pods to instrument them and is billed for each request, stays off.
    """
    kinds = ["application", "dataplane", "host", *(["performance"] if insights else [])]
    groups = {
        kind: _log_group(parent, kind, f"/aws/containerinsights/{cluster}/{kind}", retention_days, key_arn)
        for kind in kinds
    }
    writer = grant(
        parent,
        "logs",
        trust=pod_trust_policy(cluster_arn=cluster_arn, namespace=_NAMESPACE, service_account=_SERVICE_ACCOUNT),
        description=f"Writes what containers of {parent.name} say to their log groups.",
        statements=_statements(list(groups.values()), insights=insights),
    )
    aws.eks.Addon(
        parent.child_name("logs"),
        cluster_name=cluster_name,
        addon_name=_ADD_ON,
        configuration_values=json.dumps(_configuration(insights=insights), sort_keys=True),
        pod_identity_associations=[
            aws.eks.AddonPodIdentityAssociationArgs(role_arn=writer.role.arn, service_account=_SERVICE_ACCOUNT)
        ],
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        tags=parent.tags("logs"),
        opts=parent.opts(depends_on=[*groups.values(), *writer.resources, *depends_on]),
    )
    return groups["application"]


def _configuration(*, insights: bool) -> dict[str, object]:
    return {
        "containerLogs": {"enabled": True},
        "containerInsights": {"enabled": insights},
        "applicationSignals": {"enabled": False},
        "manager": {"applicationSignals": {"autoMonitor": {"monitorAllServices": False, "restartPods": False}}},
    }


def _statements(groups: Sequence[aws.cloudwatch.LogGroup], *, insights: bool) -> list[Statement]:
    statements = [
        Statement(
            actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[part for group in groups for part in (group.arn, pulumi.Output.concat(group.arn, ":*"))],
        )
    ]
    if insights:
        # What a node is called and which disks it has; EC2 takes no narrower resource.
        statements.append(Statement(actions=["ec2:DescribeTags", "ec2:DescribeVolumes"], resources=["*"]))
    return statements


def _log_group(
    parent: Component, suffix: str, name: str, retention_days: int, key_arn: pulumi.Input[str] | None
) -> aws.cloudwatch.LogGroup:
    return aws.cloudwatch.LogGroup(
        parent.child_name(suffix),
        name=name,
        retention_in_days=retention_days,
        kms_key_id=key_arn,
        tags=parent.tags(suffix),
        opts=parent.opts(),
    )
