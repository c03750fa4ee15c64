"""Clusters as the kubernetes package knows them: by a kubeconfig, whose server is a cluster of the account."""

from __future__ import annotations

from typing import cast

import yaml

from sandbox.control import paths
from sandbox.control.account import Resource, Transaction
from sandbox.control.errors import Refusal
from sandbox.control.scope import Scope
from sandbox.control.wire import UNKNOWN, Value, Values

CLUSTER = "aws:eks/cluster:Cluster"
ENTRY = "aws:eks/accessEntry:AccessEntry"
POLICY = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
_SCHEME = "https://"
_CREATOR_IS_ADMIN = paths.parse("accessConfig.bootstrapClusterCreatorAdminPermissions")


def configured(args: Values) -> Scope:
    """Return the scope of a provider's inputs: the server of the cluster stands for the region.

    Raises:
        Refusal: There is no kubeconfig, or it names no server.
    """
    given = args.get("kubeconfig")
    if not isinstance(given, str) or not given:
        raise Refusal(
            "The kubernetes provider has no kubeconfig; the sandbox reaches the clusters of its account only."
        )
    server = paths.first(_active_cluster(given), ("cluster", "server"))
    if not isinstance(server, str):
        raise Refusal("failed to parse kubeconfig data: its current context names no cluster with a server.")
    return Scope(server.removeprefix(_SCHEME))


def replaced(old: Values, new: Values) -> list[str]:
    """Return what makes a provider another one, and with it everything it made."""
    if "clusterIdentifier" in old and "clusterIdentifier" in new:
        return [] if old["clusterIdentifier"] == new["clusterIdentifier"] else ["clusterIdentifier"]
    before, after = old.get("kubeconfig"), new.get("kubeconfig")
    if before == after:
        return []
    known = isinstance(before, str) and isinstance(after, str) and after != UNKNOWN
    return [] if known and _active_cluster(str(before)) == _active_cluster(str(after)) else ["kubeconfig"]


def cluster_of(account: Transaction, server: str) -> Resource | None:
    """Return the cluster behind a server, as in `B000.gr7.us-west-2.eks.amazonaws.com`."""
    parts = server.split(".")
    region = parts[2] if len(parts) > 2 else ""  # noqa: PLR2004 - the third part is the region
    return account.named((CLUSTER,), region, f"{_SCHEME}{server}")


def server_of(cluster: Resource) -> str:
    """Return what stands for the region of everything in a cluster."""
    return str(cluster.outputs["endpoint"]).removeprefix(_SCHEME)


def creator_is_admin(cluster: Values) -> bool:
    """Tell whether who creates a cluster may do everything in it, without an entry that says so."""
    return paths.first(cluster, _CREATOR_IS_ADMIN) is not False


def lets_somebody_in(account: Transaction, cluster: Resource) -> bool:
    """Tell whether there is any principal that may do anything in a cluster."""
    if creator_is_admin(cluster.outputs):
        return True
    found = (one for kind in (ENTRY, POLICY) for one in account.of_type(kind, cluster.region))
    return any(
        one.inputs.get("clusterName") == cluster.id and (one.type == POLICY or one.inputs.get("kubernetesGroups"))
        for one in found
    )


def _active_cluster(text: str) -> Values:
    try:
        config = cast("Value", yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise Refusal(f"failed to parse kubeconfig data: {error}") from error
    if not isinstance(config, dict):
        return {}
    contexts = _named(config.get("contexts"))
    context = contexts.get(str(config.get("current-context")), {})
    return _named(config.get("clusters")).get(str(paths.first(context, ("context", "cluster"))), {})


def _named(value: Value) -> dict[str, Values]:
    entries = value if isinstance(value, list) else []
    return {str(entry.get("name")): entry for entry in entries if isinstance(entry, dict)}
