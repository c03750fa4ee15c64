"""Remote components: expand `awsx:ec2:Vpc` into the children that the real package creates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi.runtime.proto import provider_pb2

SERVED: frozenset[str] = frozenset({"awsx:ec2:Vpc"})


def expand(request: provider_pb2.ConstructRequest) -> provider_pb2.ConstructResponse:
    """Register a component and its children with the engine and return the component's state."""
    message = f"The sandbox does not expand {request.type}."
    raise NotImplementedError(message)
