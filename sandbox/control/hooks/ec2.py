"""Networks: address ranges, zones, and what a VPC brings along."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable

from sandbox.control import paths
from sandbox.control.hooks.base import Hook, Operation
from sandbox.control.regions import zones
from sandbox.control.wire import UNKNOWN, Values

_VPC = "aws:ec2/vpc:Vpc"
_SUBNET = "aws:ec2/subnet:Subnet"
_FIRST_HOST = 4  # AWS keeps the first four addresses of a subnet


class Vpc(Hook):
    def create(self, operation: Operation) -> None:
        given = ("cidrBlock", "ipv4IpamPoolId")
        if not any(name in operation.inputs for name in given):
            raise operation.error("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")

    def handles(self, outputs: Values) -> Iterable[tuple[str, str]]:
        yield "aws:ec2/securityGroup:SecurityGroup", str(outputs["defaultSecurityGroupId"])
        yield "aws:ec2/routeTable:RouteTable", str(outputs["defaultRouteTableId"])


class DefaultSecurityGroup(Hook):
    def create(self, operation: Operation) -> None:
        if "vpcId" not in operation.inputs:
            raise operation.error("VPCIdNotSpecified", "No default VPC for this user; name one with vpcId.")


class Subnet(Hook):
    def create(self, operation: Operation) -> None:
        _place(operation)
        text = operation.inputs.get("cidrBlock")
        vpc = operation.find(_VPC, operation.inputs["vpcId"])
        if vpc is None or not isinstance(text, str):
            return
        network = ipaddress.IPv4Network(text)
        if not network.subnet_of(ipaddress.IPv4Network(str(vpc.outputs["cidrBlock"]))):
            raise operation.error("InvalidSubnet.Range", f"The CIDR '{text}' is invalid.")
        for other in operation.account.of_type(_SUBNET, operation.region):
            if other.inputs["vpcId"] != operation.inputs["vpcId"] or "cidrBlock" not in other.inputs:
                continue
            if network.overlaps(ipaddress.IPv4Network(str(other.inputs["cidrBlock"]))):
                message = f"The CIDR '{text}' conflicts with another subnet: {other.id} has {other.inputs['cidrBlock']}"
                raise operation.error("InvalidSubnet.Conflict", message)


def _place(operation: Operation) -> None:
    """Fill in a subnet's zone by its id or the other way round; AWS picks one when neither is given."""
    known = zones(operation.region)
    by_id = {zone_id: name for name, zone_id in known.items()}
    name = operation.inputs.get("availabilityZone") or by_id.get(str(operation.inputs.get("availabilityZoneId")))
    if name is None and "availabilityZoneId" not in operation.inputs:
        name = next(iter(known))
    if name not in known:
        asked = operation.inputs.get("availabilityZone") or operation.inputs.get("availabilityZoneId")
        message = (
            f"Value ({asked}) for parameter availabilityZone is invalid. Subnets can currently only be created in the "
            f"following availability zones: {', '.join(known)}."
        )
        raise operation.error("InvalidParameterValue", message)
    operation.outputs["availabilityZone"] = name
    operation.outputs["availabilityZoneId"] = known[str(name)]


class NatGateway(Hook):
    def check(self, inputs: Values) -> Iterable[tuple[paths.Path, str]]:
        if inputs.get("availabilityMode", "zonal") == "regional" or UNKNOWN in inputs.values():
            return
        for name in ("subnetId", *(["allocationId"] if inputs.get("connectivityType") == "public" else [])):
            if name not in inputs:
                mode = "a zonal NAT gateway" if name == "subnetId" else 'connectivity_type "public"'
                yield (name,), f'"{paths.snake((name,))}" is required for {mode}'

    def create(self, operation: Operation) -> None:
        subnet = operation.find(_SUBNET, operation.inputs.get("subnetId"))
        if subnet and "cidrBlock" in subnet.outputs:
            hosts = ipaddress.IPv4Network(str(subnet.outputs["cidrBlock"]))
            operation.outputs.setdefault("privateIp", str(hosts[_FIRST_HOST]))


class Eip(Hook):
    def create(self, operation: Operation) -> None:
        # 198.18.0.0/15 belongs to nobody: it is set aside for tests of networks.
        address = ipaddress.IPv4Address("198.18.0.0") + secrets.randbelow(2**17)
        domain = "compute-1" if operation.region == "us-east-1" else f"{operation.region}.compute"
        operation.outputs["publicIp"] = str(address)
        operation.outputs["publicDns"] = f"ec2-{str(address).replace('.', '-')}.{domain}.amazonaws.com"


class Route(Hook):
    def create(self, operation: Operation) -> None:
        if operation.inputs.get("gatewayId") == "local":
            raise operation.error("InvalidParameterValue", "cannot create local Route; it exists, so import it")
