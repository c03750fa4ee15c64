"""Expand `awsx:ec2:Vpc`: a VPC, its subnets with a route table each, and the ways out of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from sandbox.control.errors import Refusal
from sandbox.control.expand.arguments import VpcArguments, vpc_arguments
from sandbox.control.expand.inputs import merged, read_inputs
from sandbox.control.expand.layout import Layout, Request, Subnet, divide
from sandbox.control.expand.monitor import Child, Monitor, Registered
from sandbox.control.expand.outputs import BY_RANK, Children, response
from sandbox.control.expand.specs import UNUSED
from sandbox.control.wire import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi.runtime.proto import provider_pb2

_DEFAULT_ZONES = 3
_ANY = "0.0.0.0/0"


def expand_vpc(request: provider_pb2.ConstructRequest, monitor: Monitor) -> provider_pb2.ConstructResponse:
    """Register a VPC's resources and return what the component offers the program."""
    component = monitor.component()
    arguments = vpc_arguments(read_inputs(request))
    zones = arguments.zones or _default_zones(monitor, arguments.zone_count or _DEFAULT_ZONES)
    _check_addresses(arguments, zones)
    layout = divide(
        Request(
            name=request.name,
            cidr=arguments.cidr,
            zones=zones,
            specs=arguments.specs,
            strategy=arguments.strategy,
            zone_mask=arguments.zone_mask,
        )
    )
    _check_nat(arguments.nat, layout)
    uses = {name: tuple(given.urns) for name, given in request.inputDependencies.items()}
    uses["tags"] = (*uses.get("tags", ()), *uses.get("subnetSpecs", ()))
    uses["allocationId"] = uses.get("natGateways", ())
    children = _Vpc(request.name, arguments, uses, zones, layout).register(monitor, component)
    monitor.finish(component)
    return response(component, children, layout)


def _default_zones(monitor: Monitor, count: int) -> list[str]:
    found = monitor.invoke("aws:index/getAvailabilityZones:getAvailabilityZones").get("names")
    if not isinstance(found, list):
        raise Refusal(
            "Could not fetch default Availability Zones. If this is an opt-in region, please enable the region first. "
            "Alternatively, you may specify an explicit list of zones in `availabilityZoneNames`."
        )
    if len(found) < count:
        raise Refusal(
            f"The configured region for this provider does not have at least {count} Availability Zones. Either "
            "specify an explicit list of zones in availabilityZoneNames or choose a region with at least "
            f"{count} AZs."
        )
    return [str(zone) for zone in found[:count]]


def _check_addresses(arguments: VpcArguments, zones: Sequence[str]) -> None:
    """Refuse a number of Elastic IPs that does not fit the NAT gateways."""
    nat, given = arguments.nat, len(arguments.allocation_ids)
    if nat == "None" and given:
        raise Refusal(f"Elastic IP allocation IDs cannot be specified when NAT Gateway strategy is '{nat}'.")
    if nat == "Single" and given > 1:
        raise Refusal(f"Exactly one Elastic IP may be specified when NAT Gateway strategy is '{nat}'.")
    if nat == "OnePerAz" and given not in {0, len(zones)}:
        raise Refusal(
            "The number of Elastic IPs, if specified, must match the number of availability zones for the VPC "
            f"({len(zones)}) when NAT Gateway strategy is '{nat}'"
        )


def _check_nat(strategy: str, layout: Layout) -> None:
    types = {subnet.type for subnet in layout.subnets}
    if strategy != "None" and not ("Public" in types and types & {"Private", "Isolated"}):
        raise Refusal(
            "If NAT Gateway strategy is 'OnePerAz' or 'Single', public subnets must be declared to host the NAT "
            "Gateway resource, along with private or isolated subnets to route through it."
        )


@dataclass(frozen=True)
class _Vpc:
    """Registers the children in waves: each wave needs the identifiers of the one before it."""

    name: str
    arguments: VpcArguments
    uses: Mapping[str, Sequence[str]]
    zones: Sequence[str]
    layout: Layout

    def register(self, monitor: Monitor, component: str) -> Children:
        """Register every child and return them."""
        plan = self._plan()
        (vpc,) = monitor.register([self._vpc(component)])
        gateway, *subnets = monitor.register([self._gateway(vpc), *(self._subnet(vpc, one) for one in plan)])
        hosts = [(zone, subnets[at]) for zone, at in self._nat_hosts(plan)]
        wave = [self._table(vpc, one, subnet) for one, subnet in zip(plan, subnets, strict=True)]
        if not self.arguments.allocation_ids:
            wave += [self._child("eip", self._numbered(zone), host, tags=self._zone_tags(zone)) for zone, host in hosts]
        made = monitor.register(wave)
        tables, addresses = made[: len(plan)], made[len(plan) :]
        wave = [
            self._child("routeTableAssociation", one.name, table, {"routeTableId": table, "subnetId": subnet})
            for one, subnet, table in zip(plan, subnets, tables, strict=True)
        ]
        wave += [self._nat_gateway(zone, host, addresses) for zone, host in hosts]
        made = monitor.register(wave)
        associations, nats = made[: len(plan)], made[len(plan) :]
        routes = monitor.register(
            [
                self._child(
                    "route", one.name, table, {"routeTableId": table, **way_out}, {"destinationCidrBlock": _ANY}
                )
                for one, table in zip(plan, tables, strict=True)
                if (way_out := self._way_out(one, gateway, nats))
            ]
        )
        return Children(
            plan=plan,
            vpc=vpc,
            gateway=gateway,
            subnets=subnets,
            tables=tables,
            associations=associations,
            routes=routes,
            addresses=addresses,
            nat_gateways=nats,
        )

    def _plan(self) -> list[Subnet]:
        """Return the subnets to be made: zone by zone, in each the public ones first."""
        made = [subnet for subnet in self.layout.subnets if subnet.type != UNUSED]
        return sorted(made, key=lambda subnet: (self.zones.index(subnet.zone), BY_RANK.index(subnet.type)))

    def _nat_hosts(self, plan: Sequence[Subnet]) -> list[tuple[int, int]]:
        """Return each zone that gets a NAT gateway, with the position of its first public subnet."""
        count = {"None": 0, "Single": 1}.get(self.arguments.nat, len(self.zones))
        public = [(self.zones.index(one.zone), at) for at, one in enumerate(plan) if one.type == "Public"]
        return [next(pair for pair in public if pair[0] == zone) for zone in range(count)]

    def _way_out(self, subnet: Subnet, gateway: Registered, nats: Sequence[Registered]) -> dict[str, Registered]:
        if subnet.type == "Public":
            return {"gatewayId": gateway}
        if subnet.type == "Private" and nats:
            return {"natGatewayId": nats[0] if len(nats) == 1 else nats[self.zones.index(subnet.zone)]}
        return {}

    def _vpc(self, component: str) -> Child:
        inputs = {"cidrBlock": self.arguments.cidr, **self.arguments.passed_on}
        return self._child("vpc", self.name, component, inputs=inputs, tags=self._shared_tags())

    def _gateway(self, vpc: Registered) -> Child:
        return self._child("internetGateway", self.name, vpc, {"vpcId": vpc}, tags=self._shared_tags())

    def _subnet(self, vpc: Registered, subnet: Subnet) -> Child:
        inputs: dict[str, Value] = {
            "assignIpv6AddressOnCreation": False,
            "availabilityZone": subnet.zone,
            "cidrBlock": str(subnet.block),
            "mapPublicIpOnLaunch": subnet.type == "Public",
        }
        tags = merged(self._shared_tags(), subnet.tags, {"Name": subnet.name, "SubnetType": subnet.type})
        return self._child("subnet", subnet.name, vpc, {"vpcId": vpc}, inputs, tags=tags)

    def _table(self, vpc: Registered, subnet: Subnet, parent: Registered) -> Child:
        tags = merged(self._shared_tags(), {"Name": subnet.name, "SubnetType": subnet.type})
        return self._child("routeTable", subnet.name, parent, {"vpcId": vpc}, tags=tags)

    def _nat_gateway(self, zone: int, host: Registered, addresses: Sequence[Registered]) -> Child:
        given = self.arguments.allocation_ids
        inputs: dict[str, Value] = {"allocationId": given[zone]} if given else {}
        # The id of an address is its allocation id.
        links = {"subnetId": host} if given else {"subnetId": host, "allocationId": addresses[zone]}
        return self._child("natGateway", self._numbered(zone), host, links, inputs, tags=self._zone_tags(zone))

    def _child(
        self,
        kind: str,
        name: str,
        parent: Registered | str,
        links: Mapping[str, Registered] = MappingProxyType({}),
        inputs: Mapping[str, Value] = MappingProxyType({}),
        *,
        tags: Value = None,
    ) -> Child:
        return Child(
            type=f"aws:ec2/{kind}:{kind[0].upper()}{kind[1:]}",
            name=name,
            parent=parent,
            links=links,
            inputs=inputs if tags is None else {**inputs, "tags": tags},
            uses=self.uses,
            secrets=self.arguments.secrets,
        )

    def _numbered(self, zone: int) -> str:
        return f"{self.name}-{zone + 1}"

    def _zone_tags(self, zone: int) -> Value:
        return merged(self.arguments.tags, {"Name": self._numbered(zone)})

    def _shared_tags(self) -> Value:
        return merged({"Name": self.name}, self.arguments.tags)
