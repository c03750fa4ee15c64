"""A service as pods on EKS behind a load balancer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.eks_release import pods
from components.eks_traffic import probe_value
from components.eks_values import PodRollout, values
from components.fargate_traffic import HealthCheck, probe_rule, target_group
from components.images import container_image
from components.service import IpTarget, ServiceArgs
from components.target_alarms import target_alarms

if TYPE_CHECKING:
    from components.eks_cluster import EksCluster
    from components.load_balancer import LoadBalancer
    from components.network import Network


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
        made = pods(
            self,
            args,
            values(
                args,
                image,
                rollout=rollout or PodRollout(),
                target_group_arn=targets.arn,
                network_cidr=network.cidr,
            ),
            cluster=cluster,
            # A pod is ready when the load balancer says so, not before.
            labels={"eks.amazonaws.com/pod-readiness-gate-inject": "enabled"},
            # It never is in a group that no listener knows.
            depends_on=[probe],
        )

        self.release = made.release
        self.target = IpTarget(target_group_arn=targets.arn)
        self.role: aws.iam.Role = made.role
        self.security_group_id: pulumi.Output[str] = cluster.security_group_id
        self.log_group_name: pulumi.Output[str] = cluster.log_group_name
        self.alarms: tuple[aws.cloudwatch.MetricAlarm, ...] = (
            *target_alarms(
                self,
                load_balancer_suffix=load_balancer.load_balancer.arn_suffix,
                target_group_suffix=targets.arn_suffix,
            ),
            *made.alarms,
        )
        self.register_outputs({"namespace": name, "targetGroupArn": targets.arn})
