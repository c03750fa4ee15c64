"""Networks: VPCs, subnets, security groups and endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from policy.checks import WORLD, as_number, is_not_set, is_not_true, is_violated, must
from policy.checks import every as all_of
from policy.model import Check, Level, NotKnown, Outcomes, Relation, Resource, Rule, Severity, Violation
from policy.relations import companion
from policy.values import UNKNOWN, Found, Value, find, texts

DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
SUBNET = "aws:ec2/subnet:Subnet"
VPC = "aws:ec2/vpc:Vpc"

_SOURCES = ("cidrBlocks", "cidrIpv4", "cidrIpv6", "ipv6CidrBlocks")
_WEB_PORTS = (80, 443)
_ALL = "-1"
_DEFAULT_DESCRIPTION = "Managed by Pulumi"


def _openings(resource: Resource, direction: str) -> Iterator[Found]:
    """Yield each block of rules of one direction that a resource of any of the three kinds holds."""
    if resource.type in (GROUP, DEFAULT_GROUP):
        yield from find(resource.properties, f"{direction}[*]")
    elif resource.type in (INGRESS, EGRESS) or resource.properties.get("type") == direction:
        yield Found("", resource.properties)
    elif resource.properties.get("type") is UNKNOWN:
        yield Found("type", UNKNOWN)


def _worldwide(direction: str, is_fine: Check, says: str) -> Check:
    """Hold what is open to the whole world against a check of ports and protocol."""

    def check(resource: Resource) -> Outcomes:
        for found in _openings(resource, direction):
            if not isinstance(found.value, dict):
                yield NotKnown(found.path)
                continue
            sources = [found.value.get(name) for name in _SOURCES]
            if any(cidr in WORLD for source in sources for cidr in texts(source)):
                block = Resource(urn=resource.urn, type=resource.type, properties=found.value)
                if outcomes := list(is_fine(block)):
                    yield Violation(found.path, says) if is_violated(outcomes) else NotKnown(found.path)
            elif UNKNOWN in sources:
                yield NotKnown(found.path)

    return check


def _is_web_port(value: Value) -> bool:
    return as_number(value) in _WEB_PORTS


def _not_everything(block: Resource) -> Outcomes:
    protocol = block.properties.get("ipProtocol") or block.properties.get("protocol")
    if protocol is UNKNOWN:
        yield NotKnown("")
    elif protocol in (_ALL, "all"):
        yield Violation("", "")


def _one_port(block: Resource) -> Outcomes:
    ports = block.properties.get("fromPort"), block.properties.get("toPort")
    if UNKNOWN in ports:
        yield NotKnown("")
    elif ports[0] != ports[1]:
        yield Violation("", "")


def _described(resource: Resource) -> Outcomes:
    places = [Found("", resource.properties)]
    if resource.type == GROUP:
        places += [*_openings(resource, "ingress"), *_openings(resource, "egress")]
    for found in places:
        text = found.value.get("description") if isinstance(found.value, dict) else UNKNOWN
        if text is UNKNOWN:
            yield NotKnown(found.path)
        elif text in (None, "", _DEFAULT_DESCRIPTION):
            yield Violation(f"{found.path}.description".strip("."), "does not say what it is for")


def _endpoint(service: str) -> Relation:
    def is_its_name(name: Value) -> bool:
        return isinstance(name, str) and name.endswith(f".{service}")

    of_service = must("serviceName", is_its_name, "is of another service")
    return companion(ENDPOINT, "vpcId", f"reaches {service} through the internet", meets=of_service)


_WEB_ONLY = all_of(_not_everything, _one_port, must("fromPort", _is_web_port, ""))

RULES = (
    Rule(
        id="MS-NET-001",
        title="The stack owns the default security group of its network",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("EC2.2", "CKV2_AWS_12", "VPCDefaultSecurityGroupClosed", "CIS 6.5"),
        types=(VPC,),
        remedy="Add an `aws.ec2.DefaultSecurityGroup` without rules for the VPC.",
        relation=companion(DEFAULT_GROUP, "vpcId", "has a default security group that lets its members talk"),
    ),
    Rule(
        id="MS-NET-002",
        title="Default security groups have no rules",
        severity=Severity.HIGH,
        level=Level.MANDATORY,
        frameworks=("EC2.2", "CKV2_AWS_12", "VPCDefaultSecurityGroupClosed", "CIS 6.5"),
        types=(DEFAULT_GROUP,),
        remedy="Remove `ingress` and `egress`.",
        check=all_of(
            must("ingress", is_not_set, "lets something in"),
            must("egress", is_not_set, "lets something out"),
        ),
    ),
    Rule(
        id="MS-NET-003",
        title="Networks record their flows",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("EC2.6", "CKV2_AWS_11", "AwsSolutions-VPC7", "CIS 4.7"),
        types=(VPC,),
        remedy="Add an `aws.ec2.FlowLog` for the VPC.",
        relation=companion(FLOW_LOG, "vpcId", "does not record its flows"),
    ),
    Rule(
        id="MS-NET-004",
        title="Nothing gets a public address without asking",
        severity=Severity.MEDIUM,
        level=Level.MANDATORY,
        frameworks=("EC2.15", "CKV_AWS_130"),
        types=(SUBNET,),
        remedy="Leave `mapPublicIpOnLaunch` off.",
        check=must("mapPublicIpOnLaunch", is_not_true, "gives public addresses to whatever is started in it"),
    ),
    Rule(
        id="MS-NET-005",
        title="The world may reach ports 80 and 443 only",
        severity=Severity.CRITICAL,
        level=Level.MANDATORY,
        frameworks=(
            *("EC2.13", "EC2.14", "EC2.18", "EC2.19", "CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_260", "CKV_AWS_277"),
            "AwsSolutions-EC23",
        ),
        types=(GROUP, GROUP_RULE, INGRESS),
        remedy="Name the addresses or the security group that may come in, or serve on 443 behind a load balancer.",
        check=_worldwide("ingress", _WEB_ONLY, "opens other ports than 80 and 443 to the world"),
    ),
    Rule(
        id="MS-NET-006",
        title="Nothing may talk to everybody on every port",
        severity=Severity.MEDIUM,
        level=Level.PROD,
        frameworks=("CKV_AWS_382", "AWS-0104"),
        types=(GROUP, GROUP_RULE, EGRESS),
        remedy="Name the ports that are needed, 443 as a rule.",
        check=_worldwide("egress", _not_everything, "lets everything out to everybody"),
    ),
    Rule(
        id="MS-NET-007",
        title="Security groups and their rules say what they are for",
        severity=Severity.LOW,
        level=Level.MANDATORY,
        frameworks=("CKV_AWS_23", "AwsSolutions-EC27", "AWS-0099", "AWS-0124"),
        types=(GROUP, GROUP_RULE, INGRESS, EGRESS),
        remedy="Set `description`.",
        check=_described,
    ),
    Rule(
        id="MS-NET-008",
        title="A network reaches S3 without the internet",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("EC2.10", "CIS 6.8"),
        types=(VPC,),
        remedy="Add a gateway endpoint for S3; it is free.",
        relation=_endpoint("s3"),
    ),
    Rule(
        id="MS-NET-009",
        title="A network reaches DynamoDB without the internet",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("EC2.10", "CIS 6.8"),
        types=(VPC,),
        remedy="Add a gateway endpoint for DynamoDB; it is free.",
        relation=_endpoint("dynamodb"),
    ),
    Rule(
        id="MS-NET-010",
        title="A network reaches the image registry's API without the internet",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("EC2.55",),
        types=(VPC,),
        remedy="Add an interface endpoint for ecr.api (7.30 USD a month and zone).",
        relation=_endpoint("ecr.api"),
    ),
    Rule(
        id="MS-NET-011",
        title="A network reaches the images of the registry without the internet",
        severity=Severity.LOW,
        level=Level.PROD,
        frameworks=("EC2.56",),
        types=(VPC,),
        remedy="Add an interface endpoint for ecr.dkr (7.30 USD a month and zone).",
        relation=_endpoint("ecr.dkr"),
    ),
)
