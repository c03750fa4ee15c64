"""Expand `eks:index:Cluster` with Auto Mode: roles, the cluster, who may enter it, a provider for what runs there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi.runtime.proto import provider_pb2

from sandbox.control.expand.eks_arguments import PASSED_ON, ClusterArguments, cluster_arguments
from sandbox.control.expand.eks_outputs import Made, cluster_outputs
from sandbox.control.expand.inputs import merged, read_inputs
from sandbox.control.expand.kubeconfig import kubeconfig
from sandbox.control.expand.monitor import Child, Monitor, Registered
from sandbox.control.wire import UNKNOWN, Value, has_unknown, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CLUSTER_POLICIES = (
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
_NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
_NODE_POOLS = ("general-purpose", "system")
# The principal that creates the cluster is made its administrator, and neither can be changed later.
_IGNORED = ("accessConfig.bootstrapClusterCreatorAdminPermissions", "bootstrapSelfManagedAddons")


def expand_cluster(request: provider_pb2.ConstructRequest, monitor: Monitor) -> provider_pb2.ConstructResponse:
    """Register a cluster's resources and return what the component offers the program."""
    component = monitor.component()
    arguments = cluster_arguments(read_inputs(request))
    uses = {name: tuple(given.urns) for name, given in request.inputDependencies.items()}
    made = _Expansion(request.name, component, arguments, uses, monitor).register()
    outputs = cluster_outputs(arguments, made)
    monitor.finish(component, outputs)
    urns = [made.cluster.urn, made.provider.urn]
    return provider_pb2.ConstructResponse(
        urn=component,
        state=write(outputs),
        stateDependencies={
            name: provider_pb2.ConstructResponse.PropertyDependencies(urns=urns)
            for name, value in outputs.items()
            if value not in ("", [])
        },
    )


@dataclass(frozen=True)
class _Role:
    """A role for a service, and the attachments without which it is of no use."""

    role: Registered
    attachments: Sequence[Registered]


@dataclass(frozen=True)
class _Expansion:
    name: str
    component: str
    arguments: ClusterArguments
    uses: Mapping[str, Sequence[str]]
    monitor: Monitor

    def register(self) -> Made:
        """Register every child, in waves: each needs what the one before it learned."""
        partition = self.monitor.invoke("aws:index/getPartition:getPartition")
        role = self._role("eksRole", "eks.amazonaws.com", _CLUSTER_POLICIES, partition, of_cluster=True)
        nodes = None
        if self.arguments.makes_node_role:
            nodes = self._role("nodeRole", f"ec2.{partition['dnsSuffix']}", _NODE_POLICIES, partition)
        (cluster,) = self.monitor.register([self._cluster(role, nodes)])
        config = kubeconfig(cluster.outputs)
        text = UNKNOWN if has_unknown(config) else json.dumps(config, separators=(",", ":"))
        first = [
            self._child("pulumi:providers:kubernetes", "eks-k8s", {"kubeconfig": text}, {"kubeconfig": [cluster.urn]}),
            *(self._entry(cluster, name, entry) for name, entry in self.arguments.entries.items()),
            *self._coredns(cluster),
        ]
        provider, *rest = self.monitor.register(first)
        entries = dict(zip(self.arguments.entries, rest, strict=False))
        self.monitor.register([one for name, made in entries.items() for one in self._policies(cluster, name, made)])
        return Made(cluster, provider, role.role, nodes.role if nodes else None, config)

    def _role(
        self,
        suffix: str,
        service: str,
        policies: Sequence[str],
        partition: Mapping[str, Value],
        *,
        of_cluster: bool = False,
    ) -> _Role:
        name = f"{self.name}-{suffix}"
        (owner,) = self.monitor.register(
            [Child(type="eks:index:ServiceRole", name=name, parent=self.component, custom=False)]
        )
        # Auto Mode tags the sessions of the cluster's role.
        actions = ["sts:AssumeRole", "sts:TagSession"] if of_cluster else ["sts:AssumeRole"]
        statement = {"Action": actions, "Effect": "Allow", "Principal": {"Service": [service]}}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
        inputs: dict[str, Value] = {"assumeRolePolicy": policy, **self._given("tags")}
        if of_cluster:
            inputs["description"] = "Allows EKS to manage clusters on your behalf."
        (role,) = self.monitor.register(
            [
                Child(
                    type="aws:iam/role:Role",
                    name=f"{name}-role",
                    parent=owner,
                    inputs=inputs,
                    uses=self.uses,
                    secrets=self._secrets("tags"),
                )
            ]
        )
        attachments = self.monitor.register(
            [
                Child(
                    type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                    name=f"{name}-{_short_hash(f'arn:aws:iam::aws:policy/{policy}')}",
                    parent=owner,
                    links={"role": role},
                    inputs={"policyArn": f"arn:{partition['partition']}:iam::aws:policy/{policy}"},
                )
                for policy in policies
            ]
        )
        self.monitor.finish(owner.urn, {"directRole": role.reference, "resolvedRole": role.reference})
        return _Role(role, attachments)

    def _cluster(self, role: _Role, nodes: _Role | None) -> Child:
        given = self.arguments.inputs
        auto_mode = self._auto_mode(nodes)
        inputs: dict[str, Value] = {
            **auto_mode,
            **self._given(*PASSED_ON),
            "bootstrapSelfManagedAddons": False,
            "roleArn": role.role.outputs.get("arn", UNKNOWN),
            "tags": merged({"Name": f"{self.name}-eksCluster"}, given.get("clusterTags"), given.get("tags")),
            "vpcConfig": {
                "subnetIds": self.arguments.subnets,
                **self._given("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs"),
            },
        }
        if self.arguments.mode:
            inputs["accessConfig"] = {
                "authenticationMode": self.arguments.mode,
                "bootstrapClusterCreatorAdminPermissions": True,
            }
        key = given.get("encryptionConfigKeyArn")
        if key is not None:
            encryption: Value = {"provider": {"keyArn": key}, "resources": ["secrets"]}
            inputs["encryptionConfig"] = UNKNOWN if key == UNKNOWN else encryption
        roles = [one for one in (role, nodes) if one]
        used_by = {
            "vpcConfig": ("subnetIds", "publicSubnetIds", "privateSubnetIds", "publicAccessCidrs"),
            "encryptionConfig": ("encryptionConfigKeyArn",),
            "tags": ("tags", "clusterTags"),
        }
        uses = {name: list(self.uses.get(name, ())) for name in PASSED_ON}
        uses |= {name: [urn for one in names for urn in self.uses.get(one, ())] for name, names in used_by.items()}
        uses["roleArn"] = [role.role.urn]
        uses |= {name: [nodes.role.urn] for name in auto_mode if nodes}
        return Child(
            type="aws:eks/cluster:Cluster",
            name=f"{self.name}-eksCluster",
            parent=self.component,
            inputs=inputs,
            uses=uses,
            secrets=[
                *self._secrets(*PASSED_ON),
                *([("tags",)] if self.arguments.secret & {"tags", "clusterTags"} else []),
            ],
            after=[made for one in roles for made in (one.role, *one.attachments)],
            ignored=_IGNORED,
        )

    def _auto_mode(self, nodes: _Role | None) -> dict[str, Value]:
        """Return Auto Mode's three settings; AWS's provider wants all of them known, or none."""
        compute: dict[str, Value] = {"enabled": True, "nodePools": [*_NODE_POOLS]}
        if nodes:
            compute["nodeRoleArn"] = nodes.role.outputs.get("arn", UNKNOWN)
        network: dict[str, Value] = {
            "ipFamily": self.arguments.inputs.get("ipFamily", "ipv4"),
            "elasticLoadBalancing": {"enabled": True},
        }
        addresses = self.arguments.inputs.get("kubernetesServiceIpAddressRange")
        if addresses is not None and network["ipFamily"] == "ipv4":
            network["serviceIpv4Cidr"] = addresses
        settings: dict[str, Value] = {
            "computeConfig": merged(compute, self.arguments.compute),
            "kubernetesNetworkConfig": network,
            "storageConfig": {"blockStorage": {"enabled": True}},
        }
        return dict.fromkeys(settings, UNKNOWN) if has_unknown(settings) else settings

    def _entry(self, cluster: Registered, name: str, entry: Mapping[str, Value]) -> Child:
        inputs = {key: value for key, value in entry.items() if key not in {"accessPolicies", "username"}}
        if "username" in entry:
            inputs["userName"] = entry["username"]
        inputs["clusterName"] = cluster.outputs.get("name", UNKNOWN)
        uses = dict.fromkeys(inputs, self.uses.get("accessEntries", ())) | {"clusterName": [cluster.urn]}
        return self._child("aws:eks/accessEntry:AccessEntry", name, inputs, uses, after=[cluster])

    def _policies(self, cluster: Registered, name: str, entry: Registered) -> list[Child]:
        given = self.arguments.entries[name]
        policies = given.get("accessPolicies")
        return [
            Child(
                type="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
                name=f"{self.name}-{name}-{key}",
                parent=entry,
                inputs={
                    "clusterName": cluster.outputs.get("name", UNKNOWN),
                    "principalArn": given.get("principalArn"),
                    **(policy if isinstance(policy, dict) else {"accessScope": UNKNOWN, "policyArn": UNKNOWN}),
                },
                uses={"clusterName": [cluster.urn], "principalArn": self.uses.get("accessEntries", ())},
                after=[entry],
            )
            for key, policy in (policies.items() if isinstance(policies, dict) else ())
        ]

    def _coredns(self, cluster: Registered) -> list[Child]:
        options = self.arguments.coredns
        if options is None:
            return []
        inputs: dict[str, Value] = {
            "addonName": "coredns",
            "addonVersion": options.get("version") or self._newest("coredns", cluster.outputs.get("version", UNKNOWN)),
            "clusterName": cluster.outputs.get("name", UNKNOWN),
            "preserve": True,
            "resolveConflictsOnCreate": options.get("resolveConflictsOnCreate") or "OVERWRITE",
            "resolveConflictsOnUpdate": options.get("resolveConflictsOnUpdate") or "OVERWRITE",
            **self._given("tags"),
        }
        uses = {"clusterName": [cluster.urn], "addonVersion": [cluster.urn], "tags": self.uses.get("tags", ())}
        return [self._child("aws:eks/addon:Addon", "coredns", inputs, uses)]

    def _newest(self, addon: str, kubernetes: Value) -> Value:
        if kubernetes == UNKNOWN:
            return UNKNOWN
        args: dict[str, Value] = {"addonName": addon, "kubernetesVersion": kubernetes, "mostRecent": True}
        return self.monitor.invoke("aws:eks/getAddonVersion:getAddonVersion", args).get("version")

    def _child(
        self,
        kind: str,
        suffix: str,
        inputs: Mapping[str, Value],
        uses: Mapping[str, Sequence[str]],
        after: Sequence[Registered] = (),
    ) -> Child:
        return Child(
            type=kind,
            name=f"{self.name}-{suffix}",
            parent=self.component,
            inputs=inputs,
            uses=uses,
            secrets=self._secrets("tags"),
            after=after,
        )

    def _given(self, *names: str) -> dict[str, Value]:
        return {name: self.arguments.inputs[name] for name in names if name in self.arguments.inputs}

    def _secrets(self, *names: str) -> list[tuple[str, ...]]:
        return [(name,) for name in names if name in self.arguments.secret]


def _short_hash(text: str) -> str:
    """Return what the real package tells policies apart by, in the names of their attachments."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:8]
