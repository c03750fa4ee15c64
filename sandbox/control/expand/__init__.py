"""Remote components, expanded into the children that the real packages create."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.control.errors import Refusal
from sandbox.control.expand.eks import expand_cluster
from sandbox.control.expand.monitor import connected
from sandbox.control.expand.vpc import expand_vpc

if TYPE_CHECKING:
    from pulumi.runtime.proto import provider_pb2

__all__ = ["SERVED", "Refusal", "expand"]

_EXPANSIONS = {"awsx:ec2:Vpc": expand_vpc, "eks:index:Cluster": expand_cluster}
SERVED: frozenset[str] = frozenset(_EXPANSIONS)


def expand(request: provider_pb2.ConstructRequest) -> provider_pb2.ConstructResponse:
    """Register a component and its children with the engine and return the component's outputs.

    Raises:
        Refusal: The component is not served, or its arguments make no sense; the message is for the person.
    """
    if request.type not in SERVED:
        raise Refusal(
            f"The sandbox does not serve the component {request.type}. It serves {', '.join(sorted(SERVED))}; "
            "use the resources of pulumi_aws for the rest."
        )
    with connected(request) as monitor:
        return _EXPANSIONS[request.type](request, monitor)
