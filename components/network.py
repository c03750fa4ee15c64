"""The network every mode shares: a VPC with public and private subnets, its endpoints and its flow logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from components.base import Component
from components.iam import assume_role_policy, grant
from components.service import Statement

Nat = Literal["none", "single", "per-az"]

GATEWAY_ENDPOINTS = ("dynamodb", "s3")
"""Services reached through route tables: free of charge, so every network has them."""

_NAT_STRATEGIES = {
    "none": awsx.ec2.NatGatewayStrategy.NONE,
    "single": awsx.ec2.NatGatewayStrategy.SINGLE,
    "per-az": awsx.ec2.NatGatewayStrategy.ONE_PER_AZ,
}


class Network(Component):
    """A VPC over two or three zones, base of a stack in any mode.

    Creates the VPC with one public and one private subnet per zone, gateway endpoints for S3 and DynamoDB, an interface
    endpoint per name in `endpoints`, flow logs into a log group, and an emptied default security group.

    Changing `cidr` or `azs` replaces subnets and all that stands in them; everything else changes in place.

    Cost in us-east-1, 730 hours a month (AWS price list: AmazonVPC, AmazonCloudWatch):

    | choice                                | USD a month                                             |
    |---------------------------------------|---------------------------------------------------------|
    | `nat="none"`, no interface endpoints  | 0                                                       |
    | `nat="single"`                        | 36.50 (0.045 an hour + address 0.005), 0.045 per GB     |
    | `nat="per-az"`                        | 36.50 for each zone, 0.045 per GB                       |
    | one interface endpoint                | 7.30 for each zone (0.01 an hour), 0.01 per GB          |
    | gateway endpoints                     | 0                                                       |
    | `flow_logs=True`                      | 0.50 per GB taken in, 0.03 per GB kept                  |

    Example:
        >>> network = Network("dev-network", cidr="10.20.0.0/16", nat="single", endpoints=["ecr.api", "ecr.dkr"])

    """

    def __init__(
        self,
        name: str,
        *,
        cidr: str = "10.20.0.0/16",
        azs: int = 2,
        nat: Nat = "none",
        endpoints: Sequence[str] = (),
        flow_logs: bool = True,
        log_retention_days: int = 7,
        key_arn: pulumi.Input[str] | None = None,
        public_ips_on_launch: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the network.

        Args:
            name: Logical name; children are called after it.
            cidr: Private IPv4 block, /16 to /22.
            azs: Availability zones, 2 or 3.
            nat: Way out of the private subnets: `none`, one gateway for all zones (`single`), one for each (`per-az`).
            endpoints: Interface endpoints by service, as in `ecr.api`; S3 and DynamoDB are there without asking.
            flow_logs: Record accepted and rejected flows.
            log_retention_days: How long flow logs are kept.
            key_arn: KMS key of the flow logs; unset, CloudWatch uses its own.
            public_ips_on_launch: Give anything launched in a public subnet a public address without asking for it.
            opts: Options of the component.

        """
        super().__init__("Network", name, opts)
        if not_needed := sorted(set(endpoints) & set(GATEWAY_ENDPOINTS)):
            msg = (
                f"{name}: {', '.join(not_needed)} has a gateway endpoint in every network; take it out of `endpoints`."
            )
            raise ValueError(msg)

        self.cidr = cidr
        self.azs = azs
        self.region = aws.get_region_output(opts=pulumi.InvokeOptions(parent=self)).region
        vpc = self._vpc(nat, public_ips_on_launch=public_ips_on_launch)
        self.vpc_id: pulumi.Output[str] = vpc.vpc_id
        # The number of subnets is known while their ids are not, so each is addressed by itself: a resource that loops
        # over them shows in a preview.
        self.public_subnet_ids: list[pulumi.Output[str]] = [vpc.public_subnet_ids[zone] for zone in range(azs)]
        self.private_subnet_ids: list[pulumi.Output[str]] = [vpc.private_subnet_ids[zone] for zone in range(azs)]
        self._empty_default_security_group()
        self._gateway_endpoints(vpc)
        self._interface_endpoints(endpoints)
        self.flow_log_group_name = self._flow_logs(log_retention_days, key_arn) if flow_logs else None
        self.register_outputs({"vpcId": self.vpc_id})

    def _vpc(self, nat: Nat, *, public_ips_on_launch: bool) -> awsx.ec2.Vpc:
        transforms: list[pulumi.ResourceTransform] = [] if public_ips_on_launch else [no_public_ip_on_launch]
        return awsx.ec2.Vpc(
            self.child_name(),
            cidr_block=self.cidr,
            number_of_availability_zones=self.azs,
            nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=_NAT_STRATEGIES[nat]),
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=self.tags(),
            opts=pulumi.ResourceOptions.merge(self.opts(), pulumi.ResourceOptions(transforms=transforms)),
        )

    def _empty_default_security_group(self) -> None:
        aws.ec2.DefaultSecurityGroup(
            self.child_name("default"), vpc_id=self.vpc_id, tags=self.tags("default"), opts=self.opts()
        )

    def _gateway_endpoints(self, vpc: awsx.ec2.Vpc) -> None:
        tables = vpc.route_tables.apply(lambda tables: pulumi.Output.all(*[table.id for table in tables]))
        for service in GATEWAY_ENDPOINTS:
            aws.ec2.VpcEndpoint(
                self.child_name(service),
                vpc_id=self.vpc_id,
                vpc_endpoint_type="Gateway",
                service_name=self._service_name(service),
                route_table_ids=tables,
                tags=self.tags(service),
                opts=self.opts(),
            )

    def _interface_endpoints(self, services: Sequence[str]) -> None:
        if not services:
            return
        group = aws.ec2.SecurityGroup(
            self.child_name("endpoints"),
            vpc_id=self.vpc_id,
            description="Interface endpoints: HTTPS from inside the VPC.",
            tags=self.tags("endpoints"),
            opts=self.opts(),
        )
        aws.vpc.SecurityGroupIngressRule(
            self.child_name("endpoints"),
            security_group_id=group.id,
            description="HTTPS from the VPC",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4=self.cidr,
            tags=self.tags("endpoints"),
            opts=self.opts(),
        )
        for service in services:
            suffix = service.replace(".", "-")
            aws.ec2.VpcEndpoint(
                self.child_name(suffix),
                vpc_id=self.vpc_id,
                vpc_endpoint_type="Interface",
                service_name=self._service_name(service),
                subnet_ids=self.private_subnet_ids,
                security_group_ids=[group.id],
                private_dns_enabled=True,
                tags=self.tags(suffix),
                opts=self.opts(),
            )

    def _service_name(self, service: str) -> pulumi.Output[str]:
        return pulumi.Output.concat("com.amazonaws.", self.region, ".", service)

    def _flow_logs(self, retention_days: int, key_arn: pulumi.Input[str] | None) -> pulumi.Output[str]:
        group = aws.cloudwatch.LogGroup(
            self.child_name("flow"),
            retention_in_days=retention_days,
            kms_key_id=key_arn,
            tags=self.tags("flow"),
            opts=self.opts(),
        )
        writer = grant(
            self,
            "flow",
            trust=assume_role_policy("vpc-flow-logs.amazonaws.com"),
            description="Writes the flow logs of one VPC to their log group.",
            statements=[
                Statement(
                    actions=[
                        "logs:CreateLogStream",
                        "logs:DescribeLogGroups",
                        "logs:DescribeLogStreams",
                        "logs:PutLogEvents",
                    ],
                    resources=[group.arn, pulumi.Output.concat(group.arn, ":*")],
                )
            ],
        )
        aws.ec2.FlowLog(
            self.child_name("flow"),
            vpc_id=self.vpc_id,
            traffic_type="ALL",
            log_destination=group.arn,
            iam_role_arn=writer.role.arn,
            tags=self.tags("flow"),
            opts=self.opts(depends_on=writer.resources),
        )
        return group.name


def no_public_ip_on_launch(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Turn off the public addresses that awsx gives to whatever is launched in a public subnet."""
    if args.type_ != "aws:ec2/subnet:Subnet" or not args.props.get("mapPublicIpOnLaunch"):
        return None
    return pulumi.ResourceTransformResult(props={**args.props, "mapPublicIpOnLaunch": False}, opts=args.opts)
