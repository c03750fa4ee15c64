"""What an expanded cluster offers the program: how to reach it, and the resources themselves by reference."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.control import paths
from sandbox.control.wire import UNKNOWN, Value

if TYPE_CHECKING:
    from sandbox.control.expand.eks_arguments import ClusterArguments
    from sandbox.control.expand.monitor import Registered

_GROUP = paths.parse("vpcConfig.clusterSecurityGroupId")
_ISSUER = paths.parse("identities[].oidcs[].issuer")


@dataclass(frozen=True)
class Made:
    """What was registered of a cluster, and how to reach it."""

    cluster: Registered
    provider: Registered
    role: Registered
    node_role: Registered | None
    kubeconfig: Value


def cluster_outputs(arguments: ClusterArguments, made: Made) -> dict[str, Value]:
    """Return the component's outputs; what only AWS can tell is unknown until it did."""
    cluster = dict(made.cluster.outputs)
    unknown = made.kubeconfig == UNKNOWN
    group = paths.first(cluster, _GROUP) or UNKNOWN
    issuer = paths.first(cluster, _ISSUER) or UNKNOWN
    node_role = made.node_role.outputs.get("name", UNKNOWN) if made.node_role else ""
    core: dict[str, Value] = {
        "accessEntries": [dict(entry) for entry in arguments.entries.values()],
        "autoModeNodeRoleName": node_role,
        "cluster": made.cluster.reference,
        "clusterIamRole": made.role.reference,
        "endpoint": cluster.get("endpoint", UNKNOWN),
        "instanceRoles": [],
        "kubeconfig": made.kubeconfig,
        "nodeGroupOptions": {name: arguments.inputs[name] for name in ("version",) if name in arguments.inputs},
        "provider": made.provider.reference,
        "storageClasses": {},
        "subnetIds": arguments.subnets,
        "vpcId": arguments.inputs["vpcId"],
    }
    core |= {
        name: arguments.inputs[name]
        for name in ("privateSubnetIds", "publicSubnetIds", "tags")
        if name in arguments.inputs
    }
    return {
        "autoModeNodeRoleName": node_role,
        "clusterIngressRuleId": "",
        "clusterSecurityGroupId": group,
        "core": core,
        "defaultNodeGroupAsgName": "",
        "eksCluster": made.cluster.reference,
        "fargateProfileId": "",
        "fargateProfileStatus": "",
        "instanceRoles": [],
        "kubeconfig": made.kubeconfig,
        "kubeconfigJson": UNKNOWN if unknown else json.dumps(made.kubeconfig, separators=(",", ":")),
        "nodeSecurityGroupId": group,
        "oidcIssuer": issuer if issuer == UNKNOWN else str(issuer).removeprefix("https://"),
        "oidcProviderArn": "",
        "oidcProviderUrl": issuer,
    }
