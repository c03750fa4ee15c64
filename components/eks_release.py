"""Pods of a service on EKS, whatever they do: their namespace, their role, and the release of the chart they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.alarms import Severity, Watch, alarm
from components.base import Component
from components.iam import grant, pod_trust_policy
from components.service import WorkloadArgs
from components.task_roles import read_secrets

if TYPE_CHECKING:
    from components.eks_cluster import EksCluster

CHART = "charts/service"
"""The chart, from the root of the repository, which is where programs and providers run."""

_ROLLOUT_SECONDS = 900
_RELEASES_KEPT = 10
_RESTRICTED = "restricted"
_BUSY = Watch(
    suffix="busy",
    says="average CPU above 80 % of what pods get for 10 minutes.",
    namespace="ContainerInsights",
    metric="pod_cpu_utilization_over_pod_limit",
    statistic="Average",
    above=80,
    period=60,
    periods=10,
    severity=Severity.WARNING,
)


@dataclass(frozen=True, kw_only=True)
class Pods:
    """A release of the chart, the role that its pods take, and what people should hear about them."""

    release: kubernetes.helm.v3.Release
    role: aws.iam.Role
    alarms: Sequence[aws.cloudwatch.MetricAlarm]


def pods(
    parent: Component,
    args: WorkloadArgs,
    told: Mapping[str, Any],
    *,
    cluster: EksCluster,
    labels: Mapping[str, str] | None = None,
    depends_on: Sequence[pulumi.Resource] = (),
) -> Pods:
    """Release the chart into a namespace of its own, which takes restricted pods only.

    Args:
        parent: Component that everything belongs to; namespace, service account and release are called after it.
        args: What the pods' code needs.
        told: Values of the chart.
        cluster: Where they run.
        labels: More labels of the namespace.
        depends_on: What has to stand before a pod starts.

    Raises:
        ValueError: A link brings files.

    """
    if args.volumes:
        names = ", ".join(sorted(volume.name for volume in args.volumes))
        msg = f"{parent.name}: EKS in Auto Mode cannot mount EFS, and links bring {names}. Run it on lambda or fargate."
        raise ValueError(msg)
    cluster.traffic.let_out(args.links, user=parent.name)
    namespace = kubernetes.core.v1.Namespace(
        parent.child_name(),
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=parent.name,
            labels={
                **{f"pod-security.kubernetes.io/{mode}": _RESTRICTED for mode in ("enforce", "audit", "warn")},
                **(labels or {}),
            },
        ),
        opts=_inside(parent, cluster),
    )
    allowed = grant(
        parent,
        "pod",
        trust=pod_trust_policy(cluster_arn=cluster.arn, namespace=parent.name, service_account=parent.name),
        description=f"What the code of {parent.name} may do.",
        statements=[
            *args.permissions,
            *(statement for link in args.links for statement in link.statements),
            *read_secrets(args),
        ],
    )
    identity = aws.eks.PodIdentityAssociation(
        parent.child_name(),
        cluster_name=cluster.cluster_name,
        namespace=parent.name,
        service_account=parent.name,
        role_arn=allowed.role.arn,
        tags=parent.tags(),
        opts=parent.opts(depends_on=allowed.resources),
    )
    release = kubernetes.helm.v3.Release(
        parent.child_name(),
        name=parent.name,
        namespace=parent.name,
        chart=CHART,
        values=told,
        # Wait for it, and when it fails go back to what ran before.
        atomic=True,
        cleanup_on_fail=True,
        skip_await=False,
        timeout=_ROLLOUT_SECONDS,
        max_history=_RELEASES_KEPT,
        # A pod gets its credentials when it is made.
        opts=_inside(parent, cluster, depends_on=[namespace, identity, *depends_on]),
    )
    busy = {"ClusterName": cluster.cluster_name, "Namespace": parent.name}
    alarms = (alarm(parent, _BUSY, busy),) if cluster.insights else ()
    return Pods(release=release, role=allowed.role, alarms=alarms)


def _inside(
    parent: Component, cluster: EksCluster, *, depends_on: Sequence[pulumi.Resource] = ()
) -> pulumi.ResourceOptions:
    """Return the options of what stands in the cluster: there once it is ready, gone before it is."""
    return pulumi.ResourceOptions.merge(
        parent.opts(depends_on=[*cluster.ready, *depends_on]),
        pulumi.ResourceOptions(provider=cluster.provider),
    )
