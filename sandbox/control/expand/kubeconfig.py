"""How to reach a cluster, in the form that `kubectl` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.control import paths
from sandbox.control.wire import UNKNOWN, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

_CERTIFICATE = paths.parse("certificateAuthority.data")
_AUTHENTICATION = "client.authentication.k8s.io/v1beta1"


def kubeconfig(cluster: Mapping[str, Value]) -> Value:
    """Return the configuration for a cluster by its outputs; unknown as a whole until all of them are known."""
    certificate = paths.first(dict(cluster), _CERTIFICATE)
    arn, name, endpoint = (cluster.get(key) for key in ("arn", "name", "endpoint"))
    if None in (certificate, arn, name, endpoint) or UNKNOWN in (certificate, arn, name, endpoint):
        return UNKNOWN
    region = str(arn).split(":")[3]
    command: dict[str, Value] = {
        "apiVersion": _AUTHENTICATION,
        "command": "aws",
        "args": ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"],
        "env": [{"name": "KUBERNETES_EXEC_INFO", "value": f'{{"apiVersion": "{_AUTHENTICATION}"}}'}],
    }
    server: dict[str, Value] = {"server": endpoint, "certificate-authority-data": certificate}
    return {
        "apiVersion": "v1",
        "clusters": [{"cluster": server, "name": "kubernetes"}],
        "contexts": [{"context": {"cluster": "kubernetes", "user": "aws"}, "name": "aws"}],
        "current-context": "aws",
        "kind": "Config",
        "users": [{"name": "aws", "user": {"exec": command}}],
    }
