"""What an expanded VPC offers the program: identifiers, and the resources themselves by reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi.runtime.proto import provider_pb2

from sandbox.control.wire import UNKNOWN, Value, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.control.expand.layout import Layout, Subnet
    from sandbox.control.expand.monitor import Registered
    from sandbox.control.expand.specs import SubnetSpec

BY_RANK = ("Public", "Private", "Isolated")


@dataclass(frozen=True, kw_only=True)
class Children:
    """What was registered; `subnets` and what belongs to them are in the order of `plan`."""

    plan: Sequence[Subnet]
    vpc: Registered
    gateway: Registered
    subnets: Sequence[Registered]
    tables: Sequence[Registered]
    associations: Sequence[Registered]
    routes: Sequence[Registered]
    addresses: Sequence[Registered]
    nat_gateways: Sequence[Registered]


def response(component: str, children: Children, layout: Layout) -> provider_pb2.ConstructResponse:
    """Return the component's outputs and what each came from."""
    lists: dict[str, Sequence[Registered]] = {
        "eips": children.addresses,
        "natGateways": children.nat_gateways,
        "routeTableAssociations": children.associations,
        "routeTables": children.tables,
        "routes": children.routes,
        "subnets": children.subnets,
        "vpcEndpoints": [],
    }
    state: dict[str, Value] = {
        "internetGateway": children.gateway.reference,
        "subnetLayout": [_resolved(spec) for spec in layout.specs],
        "vpc": children.vpc.reference,
        "vpcId": children.vpc.id,
    }
    uses = {
        "internetGateway": [children.gateway],
        "vpc": [children.vpc],
        "vpcId": [children.vpc],
    }
    for kind in BY_RANK:
        of_kind = [made for subnet, made in zip(children.plan, children.subnets, strict=True) if subnet.type == kind]
        ids = [made.id for made in of_kind]
        # Like the real package: one identifier that is not known yet makes the whole list unknown.
        state[f"{kind.lower()}SubnetIds"] = UNKNOWN if UNKNOWN in ids else [*ids]
        uses[f"{kind.lower()}SubnetIds"] = of_kind
        lists[f"{kind.lower()}Subnets"] = of_kind
    for name, resources in lists.items():
        state[name] = [resource.reference for resource in resources]
        uses[name] = list(resources)
    return provider_pb2.ConstructResponse(
        urn=component,
        state=write(state),
        stateDependencies={
            name: provider_pb2.ConstructResponse.PropertyDependencies(urns=[resource.urn for resource in resources])
            for name, resources in uses.items()
        },
    )


def _resolved(spec: SubnetSpec) -> Value:
    known: dict[str, Value] = {
        "cidrBlocks": None if spec.blocks is None else [*spec.blocks],
        "cidrMask": spec.mask,
        "name": spec.name,
        "size": spec.size,
        "type": spec.type,
    }
    return {name: value for name, value in known.items() if value}
