"""What a network is made of, for each choice a stack has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.network import Network

Deploy = Callable[[Callable[[], Any]], Any]


def network(**choices: Any) -> Callable[[], Network]:
    return lambda: Network("dev-net", **choices)


@pytest.mark.parametrize("azs", [2, 3])
@pytest.mark.parametrize(("nat", "strategy"), [("none", "None"), ("single", "Single"), ("per-az", "OnePerAz")])
def test_vpc_is_what_was_chosen(deploy: Deploy, azs: int, nat: str, strategy: str) -> None:
    vpc = deploy(network(cidr="10.40.0.0/16", azs=azs, nat=nat)).one("awsx:ec2:Vpc")
    assert vpc.inputs["cidrBlock"] == "10.40.0.0/16"
    assert vpc.inputs["numberOfAvailabilityZones"] == azs
    assert vpc.inputs["natGateways"] == {"strategy": strategy}
    assert vpc.inputs["subnetStrategy"] == "Auto"
    assert vpc.inputs["enableDnsHostnames"]


@pytest.mark.parametrize("azs", [2, 3])
def test_each_zone_has_a_public_and_a_private_subnet(deploy: Deploy, azs: int) -> None:
    def program() -> dict[str, Any]:
        made = Network("dev-net", azs=azs)
        return {"public": made.public_subnet_ids, "private": made.private_subnet_ids, "vpc": made.vpc_id}

    found = deploy(program).value
    assert found["public"] == [f"dev-net-public-{zone}" for zone in range(1, azs + 1)]
    assert found["private"] == [f"dev-net-private-{zone}" for zone in range(1, azs + 1)]
    assert found["vpc"] == "dev-net-vpc"


def test_s3_and_dynamodb_are_reached_from_every_route_table(deploy: Deploy) -> None:
    endpoints = deploy(network()).all("VpcEndpoint")
    assert {e.inputs["serviceName"] for e in endpoints} == {
        "com.amazonaws.us-east-1.dynamodb",
        "com.amazonaws.us-east-1.s3",
    }
    for endpoint in endpoints:
        assert endpoint.inputs["vpcEndpointType"] == "Gateway"
        tables = {f"dev-net-{kind}-{zone}-id" for kind in ("public", "private") for zone in (1, 2)}
        assert set(endpoint.inputs["routeTableIds"]) == tables


def test_interface_endpoints_stand_in_private_subnets_and_take_https_from_the_vpc(deploy: Deploy) -> None:
    recorded = deploy(network(cidr="10.40.0.0/16", endpoints=["ecr.api", "logs"]))
    rule = recorded.one("SecurityGroupIngressRule")
    assert (rule.inputs["fromPort"], rule.inputs["toPort"], rule.inputs["ipProtocol"]) == (443, 443, "tcp")
    assert rule.inputs["cidrIpv4"] == "10.40.0.0/16"
    assert rule.inputs["securityGroupId"] == "dev-net-endpoints-id"
    for suffix, service in (("ecr-api", "ecr.api"), ("logs", "logs")):
        endpoint = recorded.one("VpcEndpoint", f"dev-net-{suffix}")
        assert endpoint.inputs["serviceName"] == f"com.amazonaws.us-east-1.{service}"
        assert endpoint.inputs["vpcEndpointType"] == "Interface"
        assert endpoint.inputs["privateDnsEnabled"]
        assert endpoint.inputs["subnetIds"] == ["dev-net-private-1", "dev-net-private-2"]
        assert endpoint.inputs["securityGroupIds"] == ["dev-net-endpoints-id"]


def test_without_interface_endpoints_there_is_no_security_group_to_keep(deploy: Deploy) -> None:
    assert deploy(network()).all("ec2/securityGroup:SecurityGroup") == []


def test_endpoint_that_is_there_anyway_is_refused(deploy: Deploy) -> None:
    with pytest.raises(ValueError, match=r"dev-net: s3 has a gateway endpoint .* take it out"):
        deploy(network(endpoints=["s3", "logs"]))


def test_default_security_group_is_emptied(deploy: Deploy) -> None:
    group = deploy(network()).one("DefaultSecurityGroup")
    assert group.inputs["vpcId"] == "dev-net-vpc"
    assert "ingress" not in group.inputs
    assert "egress" not in group.inputs


def test_flow_logs_go_to_a_log_group_that_their_role_may_write_and_nothing_else(deploy: Deploy) -> None:
    recorded = deploy(network(log_retention_days=30, key_arn="arn:aws:kms:us-east-1:123456789012:key/k"))
    group = recorded.one("LogGroup")
    assert group.inputs["retentionInDays"] == 30
    assert group.inputs["kmsKeyId"] == "arn:aws:kms:us-east-1:123456789012:key/k"
    log = recorded.one("FlowLog")
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:dev-net-flow-1a2b3c4"
    assert log.inputs["trafficType"] == "ALL"
    assert log.inputs["logDestination"] == arn
    assert log.inputs["iamRoleArn"].endswith("role/dev-net-flow-1a2b3c4")
    trust = json.loads(recorded.one("Role").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    (allowed,) = json.loads(recorded.one("RolePolicy").inputs["policy"])["Statement"]
    assert allowed["Resource"] == [arn, f"{arn}:*"]
    assert all(action.startswith("logs:") for action in allowed["Action"])
    assert "aws:iam/rolePolicy:RolePolicy::dev-net-flow" in log.depends_on


def test_flow_logs_can_be_left_out(deploy: Deploy) -> None:
    recorded = deploy(network(flow_logs=False))
    assert [r.type for r in recorded if r.type.endswith(("FlowLog", "LogGroup", "Role"))] == []


def subnet(*, public: bool) -> pulumi.ResourceTransformArgs:
    return pulumi.ResourceTransformArgs(
        custom=True,
        type_="aws:ec2/subnet:Subnet",
        name="dev-net-public-1",
        props={"mapPublicIpOnLaunch": public, "cidrBlock": "10.20.0.0/18"},
        opts=pulumi.ResourceOptions(),
    )


def test_public_subnets_give_no_addresses_on_launch(deploy: Deploy) -> None:
    (transform,) = deploy(network()).one("awsx:ec2:Vpc").transforms
    changed = transform(subnet(public=True))
    assert changed.props == {"mapPublicIpOnLaunch": False, "cidrBlock": "10.20.0.0/18"}
    assert transform(subnet(public=False)) is None


def test_public_subnets_give_addresses_on_launch_when_asked_to(deploy: Deploy) -> None:
    assert deploy(network(public_ips_on_launch=True)).one("awsx:ec2:Vpc").transforms == ()
