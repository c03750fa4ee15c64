"""Resources come into existence, change and go as in AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sandbox.control import wire
from sandbox.control.account import Account
from sandbox.control.errors import Refusal
from sandbox.control.facts import Catalog
from sandbox.control.outputs import secret_paths
from sandbox.control.wire import DEFAULTS, UNKNOWN

if TYPE_CHECKING:
    from tests.sandbox.conftest import Cloud, Made

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
TARGETS = "aws:lb/targetGroup:TargetGroup"
ROLE = "aws:iam/role:Role"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
QUEUE = "aws:sqs/queue:Queue"


def test_a_preview_does_not_know_what_aws_fills_in_inside_a_block(cloud: Cloud) -> None:
    given = {"certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/c", "endpointType": "REGIONAL"}
    inputs = {"domainName": "a.example", "domainNameConfiguration": {**given, "securityPolicy": "TLS_1_2"}}
    block = cloud.plan("aws:apigatewayv2/domainName:DomainName", "a", inputs)["domainNameConfiguration"]
    assert isinstance(block, dict)
    assert {name: block[name] for name in given} == given
    assert (block["targetDomainName"], block["hostedZoneId"]) == (UNKNOWN, UNKNOWN)


@pytest.fixture
def vpc(cloud: Cloud) -> Made:
    return cloud.create(VPC, "net", cidrBlock="10.0.0.0/16")


def test_a_preview_knows_inputs_and_says_what_it_does_not_know(cloud: Cloud) -> None:
    planned = cloud.plan(VPC, "net", {"cidrBlock": "10.0.0.0/16"})
    assert planned["cidrBlock"] == "10.0.0.0/16"
    assert planned["region"] == "us-east-1"
    assert (planned["arn"], planned["defaultSecurityGroupId"]) == (UNKNOWN, UNKNOWN)
    assert DEFAULTS not in planned


def test_what_is_created_can_be_read(cloud: Cloud, vpc: Made) -> None:
    assert vpc.id.startswith("vpc-")
    assert vpc.outputs["arn"] == f"arn:aws:ec2:us-east-1:123456789012:vpc/{vpc.id}"
    read = cloud.read(vpc.urn, vpc.id, vpc.outputs)
    assert read == vpc


def test_nothing_changes_from_one_up_to_the_next(cloud: Cloud, vpc: Made) -> None:
    assert not cloud.diff(vpc).changes
    refreshed = cloud.read(vpc.urn, vpc.id, vpc.outputs)
    assert refreshed is not None
    assert not cloud.diff(refreshed).changes


def test_an_import_needs_nothing_but_the_id(cloud: Cloud, vpc: Made) -> None:
    imported = cloud.read(cloud.urn(VPC, "imported"), vpc.id)
    assert imported is not None
    assert (imported.inputs, imported.outputs) == (vpc.inputs, vpc.outputs)
    assert cloud.read(cloud.urn(VPC, "imported"), "vpc-0") is None


def test_what_was_deleted_elsewhere_is_read_as_gone_and_deletes_quietly(
    cloud: Cloud, account: Account, vpc: Made
) -> None:
    account.forget(vpc.urn)
    assert cloud.read(vpc.urn, vpc.id, vpc.outputs) is None
    cloud.delete(vpc)
    with pytest.raises(Refusal, match="couldn't find resource"):
        cloud.update(vpc, enableDnsHostnames=True)


def test_drift_shows_after_a_refresh_and_is_undone(cloud: Cloud, account: Account, vpc: Made) -> None:
    account.touch(vpc.urn, {"enableDnsSupport": False})
    drifted = cloud.read(vpc.urn, vpc.id, vpc.outputs)
    assert drifted is not None
    assert drifted.outputs["enableDnsSupport"] is False
    assert cloud.diff(drifted, enableDnsSupport=True).changes == {"enableDnsSupport": "update"}
    assert cloud.update(drifted, enableDnsSupport=True).outputs["enableDnsSupport"] is True


def test_an_update_keeps_what_does_not_depend_on_it(cloud: Cloud, vpc: Made) -> None:
    updated = cloud.update(vpc, enableDnsHostnames=True)
    assert updated.outputs == {**vpc.outputs, "enableDnsHostnames": True}
    undone = cloud.update(updated, enableDnsHostnames=None)
    assert undone.outputs["enableDnsHostnames"] is True, "AWS keeps an optional, computed input"


def test_an_update_preview_keeps_what_it_knows(cloud: Cloud, vpc: Made) -> None:
    planned = cloud.update(vpc, preview=True, tags={"Name": "net"})
    assert planned.outputs == {**vpc.outputs, "tags": {"Name": "net"}, "tagsAll": {"Name": "net"}}


def test_a_reference_to_nothing_is_refused_as_aws_does(cloud: Cloud) -> None:
    words = r"creating EC2 Subnet \(a\): operation error EC2: CreateSubnet, .*InvalidVpcID.NotFound: The vpc ID 'vpc-0'"
    with pytest.raises(Refusal, match=words):
        cloud.create(SUBNET, "a", vpcId="vpc-0", cidrBlock="10.0.0.0/24")


def test_what_others_need_is_not_deleted(cloud: Cloud, vpc: Made) -> None:
    subnet = cloud.create(SUBNET, "a", vpcId=vpc.id, cidrBlock="10.0.0.0/24")
    with pytest.raises(Refusal, match=f"DependencyViolation: The vpc '{vpc.id}' has dependencies .*Subnet {subnet.id}"):
        cloud.delete(vpc)
    cloud.delete(subnet)
    cloud.delete(vpc)


def test_a_dependency_that_moved_away_no_longer_blocks(cloud: Cloud, vpc: Made) -> None:
    first = cloud.create(GROUP, "a", vpcId=vpc.id)
    second = cloud.create(GROUP, "b", vpcId=vpc.id)
    rule = {"protocol": "tcp", "fromPort": 80, "toPort": 80}
    user = cloud.create(GROUP, "c", vpcId=vpc.id, ingress=[{**rule, "securityGroups": [first.id]}])
    with pytest.raises(Refusal, match="has a dependent object"):
        cloud.delete(first)
    cloud.update(user, ingress=[{**rule, "securityGroups": [second.id]}])
    cloud.delete(first)


def test_a_name_is_there_once(cloud: Cloud) -> None:
    policy = '{"Version": "2012-10-17"}'
    first = cloud.create(ROLE, "a", name="reader", assumeRolePolicy=policy)
    with pytest.raises(Refusal, match="EntityAlreadyExists: Role with name reader already exists"):
        cloud.create(ROLE, "b", name="reader", assumeRolePolicy=policy)
    cloud.delete(first)
    cloud.create(ROLE, "b", name="reader", assumeRolePolicy=policy)


def test_a_refused_create_leaves_nothing(cloud: Cloud, account: Account) -> None:
    with pytest.raises(Refusal):
        cloud.create(SUBNET, "a", vpcId="vpc-0", cidrBlock="10.0.0.0/24")
    assert account.summary() == {}


def test_what_is_made_from_a_secret_is_secret(catalog: Catalog) -> None:
    kind = catalog.get(QUEUE)
    assert kind is not None
    secrets = secret_paths(kind, wire.Bag({}, {("name",)}))
    assert {("name",), ("arn",)} <= secrets
    assert ("delaySeconds",) not in secrets


def test_an_unknown_type_is_refused_by_name(cloud: Cloud) -> None:
    with pytest.raises(Refusal, match=r"does not provide the resource type aws:foo/bar:Baz; .*--cloud aws"):
        cloud.check("aws:foo/bar:Baz", "x", {})


class TestScopes:
    """One server serves many provider instances; each keeps its own region and tags."""

    def test_default_tags_are_the_instances_own(self, cloud: Cloud, another: Callable[..., Cloud]) -> None:
        tagged = another("two", defaultTags='{"tags": {"Owner": "b"}}')
        assert tagged.create(VPC, "b", cidrBlock="10.1.0.0/16").outputs["tagsAll"] == {"Owner": "b"}
        assert "tagsAll" not in cloud.create(VPC, "a", cidrBlock="10.0.0.0/16").outputs

    def test_regions_are_apart(self, cloud: Cloud, another: Callable[..., Cloud]) -> None:
        ireland = another("two", region="eu-west-1")
        made = ireland.create(LOG_GROUP, "a", name="/shop")
        assert made.outputs["arn"] == "arn:aws:logs:eu-west-1:123456789012:log-group:/shop"
        cloud.create(LOG_GROUP, "a", name="/shop")
        vpc = ireland.create(VPC, "net", cidrBlock="10.0.0.0/16")
        with pytest.raises(Refusal, match="InvalidVpcID"):
            cloud.create(SUBNET, "a", vpcId=vpc.id, cidrBlock="10.0.0.0/24")

    def test_a_connection_made_anew_is_served_as_its_stack_was(self, unconfigured: Callable[..., Cloud]) -> None:
        again = unconfigured("three")
        assert again.create(VPC, "net", cidrBlock="10.0.0.0/16").outputs["region"] == "us-east-1"
        with pytest.raises(Refusal, match="not been configured"):
            unconfigured("four", "urn:pulumi:prod::shop").check(VPC, "net", {})

    def test_a_wrong_account_is_refused(self, another: Callable[..., Cloud]) -> None:
        with pytest.raises(Refusal, match="AWS account ID not allowed: 123456789012"):
            another("two", allowedAccountIds='["999999999999"]')
        another("two", allowedAccountIds='["123456789012"]')

    def test_a_wrong_region_is_refused(self, another: Callable[..., Cloud]) -> None:
        with pytest.raises(Refusal, match="invalid AWS Region: us-weast-1"):
            another("two", region="us-weast-1")


class TestFunctions:
    def test_zones_are_those_of_the_region(self, cloud: Cloud, another: Callable[..., Cloud]) -> None:
        zones = cloud.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", state="available")
        assert zones["names"] == [f"us-east-1{letter}" for letter in "abcdef"]
        assert another("two", region="us-west-1").invoke("aws:index/getAvailabilityZones:getAvailabilityZones")[
            "zoneIds"
        ] == ["usw1-az1", "usw1-az2"]

    def test_a_zone_is_the_same_at_every_call_and_can_be_used(self, cloud: Cloud) -> None:
        zone = cloud.invoke("aws:route53/getZone:getZone", name="example.com.")
        assert zone["zoneId"] == cloud.invoke("aws:route53/getZone:getZone", name="example.com")["zoneId"]
        assert zone["zoneId"] != cloud.invoke("aws:route53/getZone:getZone", name="example.org")["zoneId"]
        cloud.create(
            "aws:route53/record:Record",
            "api",
            zoneId=zone["zoneId"],
            name="api.example.com",
            type="CNAME",
            ttl=60,
            records=["x.example.com"],
        )

    def test_who_and_where(self, cloud: Cloud) -> None:
        assert cloud.invoke("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == "123456789012"
        assert cloud.invoke("aws:index/getRegion:getRegion")["name"] == "us-east-1"
        assert cloud.invoke("aws:index/getPartition:getPartition")["partition"] == "aws"

    def test_an_unknown_function_is_refused_by_name(self, cloud: Cloud) -> None:
        with pytest.raises(Refusal, match="does not provide the function aws:foo/getBar:getBar"):
            cloud.invoke("aws:foo/getBar:getBar")


class TestIdsThatRepeat:
    """An id is not always enough to tell two resources apart."""

    STAGE = "aws:apigatewayv2/stage:Stage"

    def test_every_api_has_a_default_stage_of_its_own(self, cloud: Cloud) -> None:
        apis = [cloud.create("aws:apigatewayv2/api:Api", name, protocolType="HTTP") for name in ("a", "b")]
        stages = [cloud.create(self.STAGE, api.urn[-1], apiId=api.id, name="$default") for api in apis]
        assert [stage.id for stage in stages] == ["$default", "$default"]
        cloud.update(stages[0], description="first")
        assert [cloud.read(stage.urn, stage.id, stage.outputs).outputs.get("description") for stage in stages] == [  # type: ignore[union-attr]
            "first",
            None,
        ]
        cloud.delete(stages[0])
        assert cloud.read(stages[1].urn, stages[1].id, stages[1].outputs) == stages[1]

    def test_a_second_one_in_the_same_place_is_refused(self, cloud: Cloud) -> None:
        api = cloud.create("aws:apigatewayv2/api:Api", "a", protocolType="HTTP")
        cloud.create(self.STAGE, "one", apiId=api.id, name="$default")
        with pytest.raises(Refusal, match="already exists"):
            cloud.create(self.STAGE, "two", apiId=api.id, name="$default")


@pytest.mark.parametrize(
    ("role", "exists"),
    [
        ("arn:aws:iam::999999999999:role/theirs", True),
        ("arn:aws:iam::123456789012:role/ours", False),
    ],
)
def test_what_belongs_to_others_is_taken_to_exist(cloud: Cloud, role: str, exists: bool) -> None:
    function = {"handler": "a.b", "runtime": "python3.13", "s3Bucket": "code", "s3Key": "k"}
    cloud.create("aws:s3/bucket:Bucket", "code", bucket="code")
    if exists:
        cloud.create("aws:lambda/function:Function", "f", role=role, **function)
    else:
        with pytest.raises(Refusal, match=r"NoSuchEntity: The role with name .*ours cannot be found"):
            cloud.create("aws:lambda/function:Function", "f", role=role, **function)
