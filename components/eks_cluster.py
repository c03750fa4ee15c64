"""The EKS cluster that a stack's pods run in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as kubernetes

from components.base import Component
from components.eks_logs import container_logs, control_plane_log_group
from components.eks_traffic import ClusterTraffic
from components.eks_values import ARCHITECTURES
from components.eks_versions import NEWEST, SUPPORTED
from components.key import CustomerKey
from components.service import Architecture

if TYPE_CHECKING:
    from components.network import Network

CONTROL_PLANE_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All the logs that a control plane can write."""

_ADMIN_POLICY = "arn:{0}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
_MOST_NAME = 100


class EksCluster(Component):
    """An EKS cluster in Auto Mode: AWS runs its nodes, its network, its DNS and its load balancer controller.

    Nobody gets in but the roles in `admins`, by access entries: there is no aws-auth ConfigMap, and who creates the
    cluster is not its administrator by that. Its API is reached from inside the network, and from outside by
    `public_cidrs` alone. Secrets are encrypted with `key_arn`, or with a key of the cluster's own. Everything that the
    control plane can log goes to `/aws/eks/{name}/cluster`, what containers write to
    `/aws/containerinsights/{name}/application`. Network policies are enforced, and Pod Identity is there.

    Nodes stand in the private subnets, with the processor of `architecture` and no more than `most_vcpus` in all. AWS
    replaces each within 14 days, and moves a version whose standard support ended to the next one by itself.

    A change of the name, of the key or of the subnets' network replaces the cluster and all in it; a version goes up by
    one at a time and never down; all else changes in place. Auto Mode cannot be turned off.

    Cost in us-east-1: 73.00 USD a month for the control plane (730 hours at 0.10); nodes at the price of EC2 and 12 %
    on top for Auto Mode, as in 59.57 and 7.15 for an m7g.large; 1 for a key of its own; logs 0.50 per GB; Container
    Insights by what it records (AWS price list: AmazonEKS, AmazonEC2, awskms, AmazonCloudWatch).

    Sources: EKS user guide (automode, auto-net-pol, create-node-pool, access-entries), terraform-aws-eks for what is
    private by default, and pulumi-eks 4.4 for what it makes of these arguments.

    Example:
        >>> cluster = EksCluster("staging-eks", network=network, admins=["arn:aws:iam::123456789012:role/deploy"])

    """

    def __init__(
        self,
        name: str,
        *,
        network: Network,
        version: str = NEWEST,
        public_cidrs: Sequence[str] = (),
        admins: Sequence[str] = (),
        key_arn: pulumi.Input[str] | None = None,
        log_retention_days: int = 7,
        insights: bool = True,
        architecture: Architecture = "arm64",
        most_vcpus: int = 32,
        deletion_protection: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the cluster.

        Args:
            name: Logical name and the cluster's own, at most 92 characters; children are called after it.
            network: Where it stands; its private subnets need a way out, or endpoints.
            version: Kubernetes version in standard support.
            public_cidrs: Who reaches its API from outside the network; none, nobody.
            admins: ARNs of the roles that may do everything in it. What deploys services must be one of them.
            key_arn: KMS key of secrets and logs; unset, secrets get a key of the cluster's own.
            log_retention_days: How long logs are kept.
            insights: Record what nodes and pods use, by Container Insights.
            architecture: Processor of the nodes.
            most_vcpus: vCPU of all nodes together beyond which no node is added.
            deletion_protection: Refuse to delete it, and its key.
            opts: Options of the component.

        """
        super().__init__("EksCluster", name, opts)
        _check(name, version, public_cidrs)
        control_plane_logs = control_plane_log_group(
            self, cluster=name, retention_days=log_retention_days, key_arn=key_arn
        )
        cluster = eks.Cluster(
            self.child_name(),
            # Said, not generated: its log group has to be there, under this name, before it is.
            name=name,
            version=version,
            vpc_id=network.vpc_id,
            # No public ones: nodes are placed in whatever subnet the cluster knows.
            private_subnet_ids=network.private_subnet_ids,
            endpoint_private_access=True,
            endpoint_public_access=bool(public_cidrs),
            public_access_cidrs=sorted(public_cidrs) or None,
            authentication_mode=eks.AuthenticationMode.API,
            # The pool `system` brings the node class `default`; the other one that is built in has x86 only, no limit.
            auto_mode=eks.AutoModeOptionsArgs(
                enabled=True, compute_config=eks.ClusterComputeConfigArgs(node_pools=["system"])
            ),
            # Nodes of Auto Mode answer DNS themselves; the add-on's version would move from preview to preview.
            coredns_addon_options=eks.CoreDnsAddonOptionsArgs(enabled=False),
            skip_default_node_group=True,
            create_instance_role=False,
            encryption_config_key_arn=self._key(key_arn, guarded=deletion_protection),
            enabled_cluster_log_types=list(CONTROL_PLANE_LOGS),
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            deletion_protection=deletion_protection,
            tags=self.tags(),
            opts=pulumi.ResourceOptions.merge(
                self.opts(depends_on=[control_plane_logs]), pulumi.ResourceOptions(transforms=[no_creator_admin])
            ),
        )
        self.cluster_name: pulumi.Output[str] = cluster.eks_cluster.apply(lambda made: made.name)
        self.arn: pulumi.Output[str] = cluster.eks_cluster.apply(lambda made: made.arn)
        self.security_group_id: pulumi.Output[str] = cluster.cluster_security_group_id
        self.traffic = ClusterTraffic(self, self.security_group_id)
        self.insights = insights
        self.provider = kubernetes.Provider(
            self.child_name(),
            kubeconfig=cluster.kubeconfig_json,
            # The same cluster when its address or certificate changes; or all in it would be replaced.
            cluster_identifier=self.arn,
            enable_server_side_apply=True,
            # A cluster that cannot be reached has not lost its resources.
            delete_unreachable=False,
            skip_update_unreachable=False,
            opts=self.opts(depends_on=self._let_in(admins)),
        )
        enforced = self._network_policies()
        pool = self._node_pool(architecture, most_vcpus)
        self._metrics(pool)
        logs = container_logs(
            self,
            cluster=name,
            cluster_name=self.cluster_name,
            cluster_arn=self.arn,
            insights=insights,
            retention_days=log_retention_days,
            key_arn=key_arn,
            depends_on=[pool],
        )
        self.log_group_name: pulumi.Output[str] = logs.name
        self.ready: Sequence[pulumi.Resource] = (enforced, pool)
        self.register_outputs({"arn": self.arn, "name": self.cluster_name})

    def _key(self, given: pulumi.Input[str] | None, *, guarded: bool) -> pulumi.Input[str]:
        if given is not None:
            return given
        return CustomerKey(self.child_name("key"), guarded=guarded, opts=self.opts()).arn

    def _let_in(self, admins: Sequence[str]) -> list[pulumi.Resource]:
        """Make each role an administrator; the rights go first when one leaves."""
        partition = aws.get_partition_output(opts=pulumi.InvokeOptions(parent=self)).partition
        associations: list[pulumi.Resource] = []
        for admin in sorted(set(admins)):
            # By the role's name, so that neither order nor number of the others moves it.
            suffix = f"admin-{admin.rpartition('/')[2]}"
            entry = aws.eks.AccessEntry(
                self.child_name(suffix),
                cluster_name=self.cluster_name,
                principal_arn=admin,
                type="STANDARD",
                tags=self.tags(suffix),
                opts=self.opts(),
            )
            associations.append(
                aws.eks.AccessPolicyAssociation(
                    self.child_name(suffix),
                    cluster_name=self.cluster_name,
                    principal_arn=admin,
                    policy_arn=pulumi.Output.format(_ADMIN_POLICY, partition),
                    access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                    opts=self.opts(depends_on=[entry]),
                )
            )
        return associations

    def _network_policies(self) -> pulumi.Resource:
        """Switch on what enforces network policies; nodes are ready for it (NodeClass.networkPolicy DefaultAllow)."""
        return kubernetes.core.v1.ConfigMap(
            self.child_name("network-policies"),
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name="amazon-vpc-cni", namespace="kube-system"),
            data={"enable-network-policy-controller": "true"},
            opts=self._inside(),
        )

    def _node_pool(self, architecture: Architecture, most_vcpus: int) -> pulumi.Resource:
        """Say which machines may be started: general ones that are not old, for as long as there is a need."""
        return kubernetes.apiextensions.CustomResource(
            self.child_name("nodes"),
            api_version="karpenter.sh/v1",
            kind="NodePool",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name="services"),
            spec={
                "template": {
                    "spec": {
                        "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "default"},
                        "expireAfter": "336h",
                        "requirements": [
                            _requirement("eks.amazonaws.com/instance-category", "In", "c", "m", "r"),
                            _requirement("eks.amazonaws.com/instance-generation", "Gt", "4"),
                            _requirement("kubernetes.io/arch", "In", ARCHITECTURES[architecture]),
                            _requirement("karpenter.sh/capacity-type", "In", "on-demand"),
                        ],
                    }
                },
                "disruption": {
                    "consolidationPolicy": "WhenEmptyOrUnderutilized",
                    "consolidateAfter": "30s",
                    "budgets": [{"nodes": "10%"}],
                },
                "limits": {"cpu": str(most_vcpus)},
            },
            opts=self._inside(),
        )

    def _metrics(self, pool: pulumi.Resource) -> None:
        """Install what pods are scaled by: Auto Mode brings it to clusters made in the console only."""
        aws.eks.Addon(
            self.child_name("metrics"),
            cluster_name=self.cluster_name,
            addon_name="metrics-server",
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=self.tags("metrics"),
            opts=self.opts(depends_on=[pool]),
        )

    def _inside(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(self.opts(), pulumi.ResourceOptions(provider=self.provider))


def no_creator_admin(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Keep who creates a cluster from being its administrator for ever, without an entry that anybody could see.

    pulumi-eks says yes to that and leaves no argument to say no (pulumi-eks#2373). It is decided at creation and later
    changes replace the cluster, so it has to be said here, while the child is registered.
    """
    if args.type_ != "aws:eks/cluster:Cluster":
        return None
    given = cast("Mapping[str, object]", args.props.get("accessConfig") or {})
    access = {**given, "bootstrapClusterCreatorAdminPermissions": False}
    return pulumi.ResourceTransformResult(props={**args.props, "accessConfig": access}, opts=args.opts)


def _requirement(key: str, operator: str, *values: str) -> dict[str, object]:
    return {"key": key, "operator": operator, "values": list(values)}


def _check(name: str, version: str, public_cidrs: Sequence[str]) -> None:
    """Refuse what EKS would refuse after minutes, and what would show the cluster to the world.

    Raises:
        ValueError: The arguments cannot be used.

    """
    problems: list[str] = []
    if len(name) > _MOST_NAME:
        problems.append(f"the name has {len(name)} characters, EKS takes {_MOST_NAME}")
    if version not in SUPPORTED:
        problems.append(f"Kubernetes {version} is not in standard support; take one of {', '.join(SUPPORTED)}")
    if everywhere := sorted({"0.0.0.0/0", "::/0"} & set(public_cidrs)):
        problems.append(f"{', '.join(everywhere)} would show its API to the world; list who needs it")
    if problems:
        msg = f"{name}: {'; '.join(problems)}."
        raise ValueError(msg)
