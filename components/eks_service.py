"""A service as pods on EKS behind a load balancer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.alarms import Severity, Watch, alarm
from components.base import Component
from components.eks_traffic import probe_value
from components.eks_values import PodRollout, values
from components.fargate_traffic import HealthCheck, probe_rule, target_group
from components.iam import Grant, grant, pod_trust_policy
from components.images import container_image
from components.service import IpTarget, ServiceArgs
from components.target_alarms import target_alarms
from components.task_roles import read_secrets

if TYPE_CHECKING:
    from components.eks_cluster import EksCluster
    from components.load_balancer import LoadBalancer
    from components.network import Network

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


class EksService(Component):
    """A service of `ServiceArgs` as pods of `charts/service`, scaled, watched and reachable through a target group.

    Creates a namespace of the service's own (its quota, limits and network policies are a namespace's), which takes
    restricted pods only; a role that the pods take by Pod Identity; the target group, tagged for the cluster, which may
    register targets in no other and takes this one for its own alone; a rule that lets it be probed before it has a
    route; the release of the chart with a TargetGroupBinding; and alarms.

    Secrets stay references: `MODESHIFT_SECRETS` maps each variable to `arn:KEY::`, which the app reads when it starts.

    A pod counts as ready once the load balancer finds it healthy, an update waits until all are, and one that fails
    goes back to the release before it. A change of port replaces the target group, a change of name replaces
    everything; all else is rolled out in place. Nothing here holds data.

    Cost in us-east-1: pods are paid as nodes (`EksCluster`), alarms 0.10 USD a month each, logs 0.50 per GB (AWS price
    list: AmazonEC2, AmazonEKS, AmazonCloudWatch).

    Sources: EKS user guide (pod-identities, auto-configure-alb, auto-networking); the tag `eks:eks-cluster-name` is a
    condition of the policy AmazonEKSLoadBalancingPolicy.
    """

    def __init__(
        self,
        name: str,
        args: ServiceArgs,
        *,
        cluster: EksCluster,
        network: Network,
        load_balancer: LoadBalancer,
        rollout: PodRollout | None = None,
        health_check: HealthCheck | None = None,
        deregistration_delay: int = 300,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the service.

        Args:
            name: Logical name, and that of the namespace and the release; at most 24 characters (`naming.py`).
            args: The service, the same in every mode.
            cluster: Where it runs.
            network: Where its pods have their addresses.
            load_balancer: What its requests come through.
            rollout: How a new version takes over.
            health_check: How the load balancer checks pods.
            deregistration_delay: Seconds a pod that leaves may finish its requests in.
            opts: Options of the component.

        """
        super().__init__("EksService", name, opts)
        image = container_image(name, args, "an EKS service")
        if args.volumes:
            names = ", ".join(sorted(volume.name for volume in args.volumes))
            msg = f"{name}: EKS in Auto Mode cannot mount EFS, and links bring {names}. Run it on lambda or fargate."
            raise ValueError(msg)

        targets = target_group(
            self,
            args,
            vpc_id=network.vpc_id,
            check=health_check or HealthCheck(),
            deregistration_delay=deregistration_delay,
            tags={"eks:eks-cluster-name": cluster.cluster_name},
        )
        probe = probe_rule(self, probe_value(name), listener=load_balancer.listener, targets=targets)
        cluster.traffic.let_in(load_balancer.security_group, args.port)
        cluster.traffic.let_out(args.links)
        namespace = self._namespace(cluster)
        allowed = self._role(args, cluster)
        identity = aws.eks.PodIdentityAssociation(
            self.child_name(),
            cluster_name=cluster.cluster_name,
            namespace=name,
            service_account=name,
            role_arn=allowed.role.arn,
            tags=self.tags(),
            opts=self.opts(depends_on=allowed.resources),
        )
        self.release = self._release(
            values(
                args,
                image,
                rollout=rollout or PodRollout(),
                target_group_arn=targets.arn,
                network_cidr=network.cidr,
            ),
            cluster,
            # A pod gets its credentials when it is made, and is never ready in a group that no listener knows.
            depends_on=[namespace, identity, probe],
        )

        self.target = IpTarget(target_group_arn=targets.arn)
        self.role: aws.iam.Role = allowed.role
        self.security_group_id: pulumi.Output[str] = cluster.security_group_id
        self.log_group_name: pulumi.Output[str] = cluster.log_group_name
        self.alarms: tuple[aws.cloudwatch.MetricAlarm, ...] = (
            *target_alarms(
                self,
                load_balancer_suffix=load_balancer.load_balancer.arn_suffix,
                target_group_suffix=targets.arn_suffix,
            ),
            *([self._busy(cluster)] if cluster.insights else []),
        )
        self.register_outputs({"namespace": name, "targetGroupArn": targets.arn})

    def _namespace(self, cluster: EksCluster) -> kubernetes.core.v1.Namespace:
        standard = "pod-security.kubernetes.io"
        return kubernetes.core.v1.Namespace(
            self.child_name(),
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=self.name,
                labels={
                    **{f"{standard}/{mode}": _RESTRICTED for mode in ("enforce", "audit", "warn")},
                    # A pod is ready when the load balancer says so, not before.
                    "eks.amazonaws.com/pod-readiness-gate-inject": "enabled",
                },
            ),
            opts=self._inside(cluster),
        )

    def _role(self, args: ServiceArgs, cluster: EksCluster) -> Grant:
        linked = [statement for link in args.links for statement in link.statements]
        return grant(
            self,
            "pod",
            trust=pod_trust_policy(cluster_arn=cluster.arn, namespace=self.name, service_account=self.name),
            description=f"What the code of {self.name} may do.",
            statements=[*args.permissions, *linked, *read_secrets(args)],
        )

    def _release(
        self, told: dict[str, Any], cluster: EksCluster, *, depends_on: list[pulumi.Resource]
    ) -> kubernetes.helm.v3.Release:
        return kubernetes.helm.v3.Release(
            self.child_name(),
            name=self.name,
            namespace=self.name,
            chart=CHART,
            values=told,
            # Wait for it, and when it fails go back to what ran before.
            atomic=True,
            cleanup_on_fail=True,
            skip_await=False,
            timeout=_ROLLOUT_SECONDS,
            max_history=_RELEASES_KEPT,
            opts=self._inside(cluster, depends_on=depends_on),
        )

    def _busy(self, cluster: EksCluster) -> aws.cloudwatch.MetricAlarm:
        return alarm(self, _BUSY, {"ClusterName": cluster.cluster_name, "Namespace": self.name})

    def _inside(
        self, cluster: EksCluster, *, depends_on: list[pulumi.Resource] | None = None
    ) -> pulumi.ResourceOptions:
        """Return the options of what stands in the cluster: there once it is ready, gone before it is."""
        return pulumi.ResourceOptions.merge(
            self.opts(depends_on=[*cluster.ready, *(depends_on or [])]),
            pulumi.ResourceOptions(provider=cluster.provider),
        )
