"""Clusters: versions, ways in, protection, and what lives in a cluster and goes with it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from sandbox.control import paths
from sandbox.control.account import Resource
from sandbox.control.diff import Difference
from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.kubernetes import CLUSTER, ENTRY, POLICY, creator_is_admin, server_of
from sandbox.control.kubernetes_versions import ADDONS, SUPPORTED
from sandbox.control.scope import ACCOUNT_ID, CALLER_ARN
from sandbox.control.wire import UNKNOWN, Value, Values, has_unknown

_SUBNET = "aws:ec2/subnet:Subnet"
# What EKS itself keeps for a cluster, by the input that names the cluster.
_INSIDE = (ENTRY, POLICY, "aws:eks/addon:Addon", "aws:eks/podIdentityAssociation:PodIdentityAssociation")
_ZONES = 2
_MODE = paths.parse("accessConfig.authenticationMode")
_AUTO_MODE = tuple(
    paths.parse(text)
    for text in (
        "computeConfig.enabled",
        "kubernetesNetworkConfig.elasticLoadBalancing.enabled",
        "storageConfig.blockStorage.enabled",
    )
)
_MODES = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
_NODES = frozenset({"EC2", "EC2_LINUX", "EC2_WINDOWS", "HYBRID_LINUX", "HYPERPOD_LINUX"})


class Cluster(Hook):
    def check(self, inputs: Values) -> Iterable[tuple[paths.Path, str]]:
        blocks = [inputs.get(path[0]) for path in _AUTO_MODE]
        if any(has_unknown(block) for block in blocks):
            return
        if len({paths.first(inputs, path) is True for path in _AUTO_MODE}) > 1:
            message = (
                "compute_config.enabled, kubernetes_networking_config.elastic_load_balancing.enabled, and "
                "storage_config.block_storage.enabled must all be set to either true or false"
            )
            yield ("computeConfig",), message

    def diff(self, difference: Difference, old: Values, new: Values) -> None:
        # Envelope encryption is put on in place and taken off never.
        if old.get("encryptionConfig") and not new.get("encryptionConfig"):
            difference.replaces |= {path for path in difference.changes if path[0] == "encryptionConfig"}

    def create(self, operation: Operation) -> None:
        _judge_version(operation, operation.inputs.get("version"))
        _judge_subnets(operation)
        if paths.first(operation.inputs, _AUTO_MODE[0]) is True:
            _judge_auto_mode(operation)

    def update(self, operation: Operation) -> None:
        before = operation.old.outputs if operation.old else {}
        _judge_upgrade(operation, before)
        old, new = (str(paths.first(values, _MODE)) for values in (before, operation.outputs))
        if _MODES.index(new) < _MODES.index(old):
            message = f"Unsupported authentication mode update from {old} to {new}"
            raise operation.error("InvalidRequestException", message)
        if "encryptionConfig" in operation.changed and before.get("encryptionConfig"):
            message = "Encryption is already enabled on the cluster; its key cannot be changed."
            raise operation.error("InvalidRequestException", message)
        if "vpcConfig" in operation.changed:
            _judge_subnets(operation)

    def delete(self, operation: Operation) -> None:
        if operation.outputs.get("deletionProtection") is True:
            message = (
                f"Cannot delete cluster {operation.outputs['name']} because deletion protection is enabled. "
                "Disable deletion protection, then delete the cluster."
            )
            raise operation.error("InvalidRequestException", message)
        for kind in _INSIDE:
            for resource in operation.account.of_type(kind, operation.region):
                if resource.inputs.get("clusterName") == operation.outputs["name"]:
                    operation.account.remove(resource.key)
        if operation.old:
            for resource in operation.account.of_region(server_of(operation.old)):
                operation.account.remove(resource.key)

    def handles(self, outputs: Values) -> Iterable[tuple[str, str]]:
        group = paths.first(outputs, paths.parse("vpcConfig.clusterSecurityGroupId"))
        yield "aws:ec2/securityGroup:SecurityGroup", str(group)
        yield CLUSTER, str(outputs["endpoint"])


def _judge_version(operation: Operation, version: Value) -> None:
    if version is not None and version not in SUPPORTED:
        message = f"unsupported Kubernetes version {version}; EKS runs {', '.join(SUPPORTED)}"
        raise operation.error("InvalidParameterException", message)


def _judge_upgrade(operation: Operation, before: Values) -> None:
    if "version" not in operation.changed:
        return
    old, new = str(before["version"]), str(operation.inputs["version"])
    _judge_version(operation, new)
    if old in SUPPORTED and SUPPORTED.index(new) != SUPPORTED.index(old) + 1:
        message = f"Unsupported Kubernetes minor version update from {old} to {new}"
        raise operation.error("InvalidParameterException", message)


def _judge_subnets(operation: Operation) -> None:
    given = paths.first(operation.inputs, paths.parse("vpcConfig.subnetIds"))
    found = [operation.find(_SUBNET, subnet) for subnet in given] if isinstance(given, list) else []
    if len({str(one.outputs.get("availabilityZone")) for one in found if one}) < _ZONES:
        raise operation.error("InvalidParameterException", "Subnets specified must be in at least two different AZs")


def _judge_auto_mode(operation: Operation) -> None:
    if operation.inputs.get("bootstrapSelfManagedAddons") is not False:
        message = "bootstrapSelfManagedAddons must be false when EKS Auto Mode is enabled."
        raise operation.error("InvalidParameterException", message)
    if paths.first(operation.outputs, _MODE) not in {"API", "API_AND_CONFIG_MAP"}:
        message = "EKS Auto Mode requires the authentication mode API or API_AND_CONFIG_MAP."
        raise operation.error("InvalidParameterException", message)


class Addon(Hook):
    def create(self, operation: Operation) -> None:
        self._judge(operation)

    def update(self, operation: Operation) -> None:
        self._judge(operation)

    def _judge(self, operation: Operation) -> None:
        name = str(operation.inputs["addonName"])
        cluster = operation.find(CLUSTER, operation.inputs["clusterName"])
        if name not in ADDONS:
            message = f"Addon {name} specified is not supported (the sandbox knows {', '.join(sorted(ADDONS))})"
            raise operation.error("InvalidParameterException", message)
        if cluster is not None:
            operation.outputs.setdefault("addonVersion", ADDONS[name].get(str(cluster.outputs["version"])))


class AccessEntry(Hook):
    def create(self, operation: Operation) -> None:
        cluster = _cluster_with_entries(operation)
        principal = str(operation.inputs["principalArn"])
        if principal == CALLER_ARN and creator_is_admin(cluster):
            message = "The specified access entry resource is already in use on this cluster."
            raise operation.error("ResourceInUseException", message)
        self._judge(operation)
        _describe_principal(operation, principal)

    def update(self, operation: Operation) -> None:
        self._judge(operation)
        _describe_principal(operation, str(operation.inputs["principalArn"]))

    def delete(self, operation: Operation) -> None:
        for association in _of_principal(operation, POLICY):
            operation.account.remove(association.key)

    def _judge(self, operation: Operation) -> None:
        for _, group in paths.find(operation.inputs, paths.parse("kubernetesGroups[]")):
            if operation.inputs.get("type") != "STANDARD":
                message = f"The type {operation.inputs.get('type')} does not take kubernetesGroups."
                raise operation.error("InvalidParameterException", message)
            if str(group).startswith("system:"):
                message = f"The kubernetes group name {group} is invalid, it cannot start with system:"
                raise operation.error("InvalidParameterException", message)


class AccessPolicyAssociation(Hook):
    def create(self, operation: Operation) -> None:
        _cluster_with_entries(operation)
        scope = operation.inputs.get("accessScope")
        if isinstance(scope, dict) and (scope.get("type") == "namespace") != bool(scope.get("namespaces")):
            message = "Namespaces must be given with the access scope type namespace, and only with it."
            raise operation.error("InvalidParameterException", message)
        if not any(entry.inputs.get("type") in {"STANDARD", "EC2"} for entry in _of_principal(operation, ENTRY)):
            message = (
                "The specified principalArn could not be found. You can view your available access entries with "
                "'list-access-entries'."
            )
            raise operation.error("ResourceNotFoundException", message)
        for same in _of_principal(operation, POLICY):
            if same.inputs["policyArn"] == operation.inputs["policyArn"]:
                operation.account.remove(same.key)


def _cluster_with_entries(operation: Operation) -> Values:
    """Return the cluster, whose authentication mode must be one that has access entries."""
    cluster = operation.find(CLUSTER, operation.inputs["clusterName"])
    outputs = cluster.outputs if cluster else {}
    if paths.first(outputs, _MODE) not in {"API", "API_AND_CONFIG_MAP", UNKNOWN}:
        message = (
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this "
            "operation."
        )
        raise operation.error("InvalidRequestException", message)
    return outputs


def _of_principal(operation: Operation, kind: str) -> list[Resource]:
    wanted = {name: operation.inputs[name] for name in ("clusterName", "principalArn")}
    return [
        one
        for one in operation.account.of_type(kind, operation.region)
        if wanted.items() <= {name: one.inputs.get(name) for name in wanted}.items()
    ]


def _describe_principal(operation: Operation, principal: str) -> None:
    _, partition, _, _, account, resource = principal.split(":", 5)
    kind, _, name = resource.partition("/")
    values = operation.outputs
    cluster = operation.inputs["clusterName"]
    values.setdefault(
        "accessEntryArn",
        f"arn:{partition}:eks:{operation.region}:{ACCOUNT_ID}:access-entry/{cluster}/{kind}/{account}/{name}/"
        f"{uuid.uuid4()}",
    )
    if operation.inputs.get("type") in _NODES:
        values.setdefault("userName", "system:node:{{EC2PrivateDNSName}}")
    elif kind == "role":
        role = name.rsplit("/", 1)[-1]
        values.setdefault("userName", f"arn:{partition}:sts::{account}:assumed-role/{role}/{{{{SessionName}}}}")
