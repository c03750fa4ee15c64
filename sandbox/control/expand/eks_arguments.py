"""The arguments of `eks:index:Cluster`, and the combinations that the real package refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.control.errors import Refusal
from sandbox.control.expand import readers
from sandbox.control.wire import UNKNOWN, Bag, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODES = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
_WITH_ENTRIES = ("API", "API_AND_CONFIG_MAP")
_WITH_CONFIG_MAP = (None, "CONFIG_MAP", "API_AND_CONFIG_MAP")
_OF_CONFIG_MAP = ("roleMappings", "userMappings", "instanceRoles")
# Handed to the cluster as they are.
PASSED_ON = ("deletionProtection", "enabledClusterLogTypes", "name", "upgradePolicy", "version")
_KNOWN = (
    *PASSED_ON,
    *_OF_CONFIG_MAP,
    "accessEntries",
    "authenticationMode",
    "autoMode",
    "clusterTags",
    "corednsAddonOptions",
    "createInstanceRole",
    "encryptionConfigKeyArn",
    "endpointPrivateAccess",
    "endpointPublicAccess",
    "ipFamily",
    "kubernetesServiceIpAddressRange",
    "privateSubnetIds",
    "publicAccessCidrs",
    "publicSubnetIds",
    "skipDefaultNodeGroup",
    "skipDefaultSecurityGroups",
    "subnetIds",
    "tags",
    "vpcId",
)
_KNOWN_OF_AUTO_MODE = ("computeConfig", "createNodeRole", "enabled")
_KNOWN_OF_COREDNS = ("enabled", "resolveConflictsOnCreate", "resolveConflictsOnUpdate", "version")
_KNOWN_OF_ENTRY = ("accessPolicies", "kubernetesGroups", "principalArn", "tags", "type", "username")


@dataclass(frozen=True, kw_only=True)
class ClusterArguments:
    """What the program asked for; `inputs` holds every argument as it was given."""

    inputs: Mapping[str, Value]
    mode: str | None
    compute: Value
    """What the program says of Auto Mode's nodes."""
    makes_node_role: bool
    entries: Mapping[str, Mapping[str, Value]]
    coredns: Mapping[str, Value] | None
    """The options of the CoreDNS add-on; None leaves it out."""
    secret: frozenset[str]
    """The arguments that hold a secret."""

    @property
    def subnets(self) -> Value:
        """The subnets of the cluster, the public ones first; one that is not known makes the whole list so."""
        given = self.inputs.get("subnetIds")
        if given is not None:
            return given
        both = [self.inputs.get(f"{kind}SubnetIds") or [] for kind in ("public", "private")]
        lists = [ids for ids in both if isinstance(ids, list)]
        joined = [subnet for ids in lists for subnet in ids]
        return UNKNOWN if len(lists) < len(both) or UNKNOWN in joined else joined


def cluster_arguments(bag: Bag) -> ClusterArguments:
    """Read the inputs of a cluster.

    Raises:
        Refusal: The real package refuses the combination, or the sandbox does not serve an argument.
    """
    inputs = {name: value for name, value in bag.values.items() if value is not None}
    # What is said no to is not asked for.
    readers.refuse_unserved((name for name in inputs if inputs[name] is not False), _KNOWN, "eks:index:Cluster")
    mode = _mode(inputs)
    if "subnetIds" in inputs and {"publicSubnetIds", "privateSubnetIds"} & set(inputs):
        raise Refusal(
            "subnetIds, and the use of publicSubnetIds and/or privateSubnetIds are mutually exclusive. Choose a single "
            "approach."
        )
    auto_mode = readers.mapping(inputs.get("autoMode"), "autoMode")
    readers.refuse_unserved(auto_mode, _KNOWN_OF_AUTO_MODE, "autoMode")
    if auto_mode.get("enabled") is True and mode not in _WITH_ENTRIES:
        raise Refusal(
            "Access entries are required when using EKS Auto Mode. Use the authentication mode 'API' or "
            "'API_AND_CONFIG_MAP'."
        )
    if inputs.get("publicAccessCidrs") and inputs.get("endpointPublicAccess") is False:
        raise Refusal("`publicAccessCidrs` can only be set when `endpointPublicAccess` is true")
    _refuse_nodes(inputs, auto_mode)
    return ClusterArguments(
        inputs=inputs,
        mode=mode,
        compute=auto_mode.get("computeConfig"),
        makes_node_role=auto_mode.get("createNodeRole") is not False,
        entries=_entries(inputs),
        coredns=_coredns(inputs),
        secret=frozenset(bag.secret_roots()),
    )


def _mode(inputs: Mapping[str, Value]) -> str | None:
    mode = readers.text(inputs, "authenticationMode")
    if mode is not None and mode not in _MODES:
        raise Refusal(f"Invalid value for authenticationMode: {mode}. Allowed values are: {', '.join(_MODES)}.")
    for name in _OF_CONFIG_MAP if mode not in _WITH_CONFIG_MAP else ():
        if inputs.get(name):
            raise Refusal(
                f"The '{name}' property does not support non-empty values when 'authenticationMode' is set to '{mode}'."
            )
    if mode not in _WITH_ENTRIES and inputs.get("accessEntries"):
        how = f"set to '{mode}'" if mode else "not set"
        raise Refusal(f"The 'accessEntries' property is not supported when 'authenticationMode' is {how}.")
    return mode


def _refuse_nodes(inputs: Mapping[str, Value], auto_mode: Mapping[str, Value]) -> None:
    """Refuse what would make nodes, roles and groups beside those of Auto Mode."""
    if auto_mode.get("enabled") is not True:
        raise Refusal("The sandbox serves clusters with EKS Auto Mode only: set autoMode.enabled to true.")
    if "vpcId" not in inputs:
        raise Refusal("The sandbox has no default VPC: set vpcId.")
    if inputs.get("skipDefaultSecurityGroups") is False:
        raise Refusal(
            "The sandbox does not serve a cluster's default security groups: leave skipDefaultSecurityGroups."
        )
    default = inputs.get("skipDefaultNodeGroup") is not True and "createInstanceRole" not in inputs
    if default or inputs.get("createInstanceRole") is True:
        raise Refusal(
            "With Auto Mode the instance role of a default node group is made and never used, and the sandbox does "
            "not serve it: set skipDefaultNodeGroup to true and createInstanceRole to false."
        )


def _entries(inputs: Mapping[str, Value]) -> Mapping[str, Mapping[str, Value]]:
    given = readers.mapping(inputs.get("accessEntries"), "accessEntries")
    entries = {name: readers.mapping(entry, f"accessEntries.{name}") for name, entry in given.items()}
    for name, entry in entries.items():
        readers.refuse_unserved(entry, _KNOWN_OF_ENTRY, f"accessEntries.{name}")
    return entries


def _coredns(inputs: Mapping[str, Value]) -> Mapping[str, Value] | None:
    options = readers.mapping(inputs.get("corednsAddonOptions"), "corednsAddonOptions")
    readers.refuse_unserved(options, _KNOWN_OF_COREDNS, "corednsAddonOptions")
    return None if options.get("enabled") is False else options
