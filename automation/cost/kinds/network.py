"""Network: NAT gateways, public addresses, interface endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from automation.cost.bill import Bill
from automation.cost.money import plain
from automation.cost.resources import Resources

NAT: Final = "aws:ec2/natGateway:NatGateway"
ENDPOINT: Final = "aws:ec2/vpcEndpoint:VpcEndpoint"
SUBNET: Final = "aws:ec2/subnet:Subnet"


def nat_gateway(bill: Bill) -> None:
    """Price a NAT gateway by the hour and its part of the data; its address is a resource of its own."""
    count = len(bill.resources.of(NAT))
    bill.hourly("hours", "nat.hours")
    bill.assume(f"{plain(bill.usage.network.nat_gb)} GB go through NAT gateways")
    bill.add("data", "nat.gb", bill.usage.network.nat_gb / count)


def address(bill: Bill) -> None:
    """Price a public address; it costs the same in use and idle."""
    bill.hourly("public IPv4", "ipv4.hours")


def endpoint(bill: Bill) -> None:
    """Price an interface endpoint in each of its zones; a gateway endpoint is free."""
    kind = bill.resource.get("vpcEndpointType", "Gateway")
    if kind == "Gateway":
        return
    zones = zone_count(bill.resource.get("subnetIds", []), bill.resources)
    if kind != "Interface" or not zones:
        bill.unknown("hours", "its kind or its zones are not known before the run")
        return
    others = [each for each in bill.resources.of(ENDPOINT) if each.get("vpcEndpointType") == "Interface"]
    bill.hourly("hours", "endpoint.hours", zones)
    bill.assume(f"{plain(bill.usage.network.endpoint_gb)} GB go through interface endpoints")
    bill.add("data", "endpoint.gb", bill.usage.network.endpoint_gb / len(others))


def zone_count(subnets: object, resources: Resources) -> int:
    """Return how many subnets a list names; where the list is unknown, how many zones the stack's subnets are in."""
    if isinstance(subnets, Sequence) and not isinstance(subnets, str):
        return len(subnets)
    return len({each.get("availabilityZone") for each in resources.of(SUBNET)} - {None})
