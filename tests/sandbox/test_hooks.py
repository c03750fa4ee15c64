"""What data cannot say of a type: revisions, versions, zones, priorities, records."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.control.errors import Refusal
from sandbox.control.wire import SIGNATURE, UNKNOWN, Value, Values

if TYPE_CHECKING:
    from tests.sandbox.conftest import Cloud, Made

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
CLUSTER = "aws:ecs/cluster:Cluster"
CAPACITY = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
SERVICE = "aws:ecs/service:Service"
ROLE = "aws:iam/role:Role"
FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
RULE = "aws:lb/listenerRule:ListenerRule"
TARGETS = "aws:lb/targetGroup:TargetGroup"
CERTIFICATE = "aws:acm/certificate:Certificate"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
POLICY = '{"Version": "2012-10-17"}'
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"


@pytest.fixture
def vpc(cloud: Cloud) -> Made:
    return cloud.create(VPC, "net", cidrBlock="10.0.0.0/16")


@pytest.fixture
def subnets(cloud: Cloud, vpc: Made) -> list[Value]:
    return [
        cloud.create(
            SUBNET, f"s{at}", vpcId=vpc.id, cidrBlock=f"10.0.{at}.0/24", availabilityZone=f"us-east-1{letter}"
        ).id
        for at, letter in enumerate("ab")
    ]


@pytest.fixture
def role(cloud: Cloud) -> Made:
    return cloud.create(ROLE, "role", assumeRolePolicy=POLICY)


@pytest.fixture
def targets(cloud: Cloud, vpc: Made) -> Made:
    return cloud.create(TARGETS, "web", port=80, protocol="HTTP", targetType="ip", vpcId=vpc.id)


@pytest.fixture
def listener(cloud: Cloud, subnets: list[Value]) -> Made:
    balancer = cloud.create(BALANCER, "web", subnets=subnets)
    answer: Values = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
    return cloud.create(LISTENER, "web", loadBalancerArn=balancer.id, port=80, protocol="HTTP", defaultActions=[answer])


def aim(cloud: Cloud, listener: Made, targets: Made, name: str = "rule", **inputs: Value) -> Made:
    return cloud.create(
        RULE,
        name,
        listenerArn=listener.id,
        actions=[{"type": "forward", "targetGroupArn": targets.id}],
        conditions=[{"pathPattern": {"values": [f"/{name}"]}}],
        **inputs,
    )


class TestNetworks:
    def test_a_vpc_brings_a_group_that_can_be_adopted(self, cloud: Cloud, vpc: Made) -> None:
        group = cloud.create("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "none", vpcId=vpc.id)
        assert group.id == vpc.outputs["defaultSecurityGroupId"]
        cloud.delete(group)
        cloud.delete(vpc)

    @pytest.mark.parametrize(
        ("cidr", "words"),
        [
            ("10.1.0.0/24", "InvalidSubnet.Range: The CIDR '10.1.0.0/24' is invalid"),
            ("10.0.0.128/25", "conflicts with"),
        ],
    )
    def test_a_subnet_lies_inside_and_overlaps_nothing(self, cloud: Cloud, vpc: Made, cidr: str, words: str) -> None:
        cloud.create(SUBNET, "first", vpcId=vpc.id, cidrBlock="10.0.0.0/24")
        with pytest.raises(Refusal, match=words):
            cloud.create(SUBNET, "second", vpcId=vpc.id, cidrBlock=cidr)

    def test_a_zone_is_one_of_the_regions(self, cloud: Cloud, vpc: Made) -> None:
        with pytest.raises(Refusal, match=r"Value \(us-east-1z\) .*: us-east-1a, us-east-1b"):
            cloud.create(SUBNET, "a", vpcId=vpc.id, cidrBlock="10.0.0.0/24", availabilityZone="us-east-1z")
        made = cloud.create(SUBNET, "a", vpcId=vpc.id, cidrBlock="10.0.0.0/24", availabilityZoneId="use1-az2")
        assert made.outputs["availabilityZone"] == "us-east-1b"

    def test_a_nat_gateway_has_the_address_it_was_given(self, cloud: Cloud, subnets: list[Value]) -> None:
        address = cloud.create("aws:ec2/eip:Eip", "nat")
        gateway = cloud.create("aws:ec2/natGateway:NatGateway", "nat", subnetId=subnets[0], allocationId=address.id)
        assert gateway.outputs["publicIp"] == address.outputs["publicIp"]
        assert gateway.outputs["privateIp"] == "10.0.0.4"
        _, problems = cloud.check("aws:ec2/natGateway:NatGateway", "nat", {"subnetId": subnets[0]})
        assert "allocation_id" in problems[0]


CONTAINER: Values = {
    "name": "app",
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/app@sha256:1",
    "portMappings": [{"containerPort": 8080}],
    "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
}


def task(cloud: Cloud, role: Made | None, name: str = "app", **inputs: Value) -> Made:
    given: Values = {
        "family": "app",
        "containerDefinitions": json.dumps([CONTAINER]),
        "cpu": "256",
        "memory": "512",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        **({"executionRoleArn": role.outputs["arn"]} if role else {}),
        **inputs,
    }
    return cloud.create(TASK, name, **given)


class TestTaskDefinitions:
    def test_a_revision_is_never_given_twice(self, cloud: Cloud, role: Made) -> None:
        first, second = task(cloud, role), task(cloud, role)
        assert (first.id, first.outputs["revision"], second.outputs["revision"]) == ("app", 1, 2)
        assert str(second.outputs["arn"]).endswith(":task-definition/app:2")
        cloud.delete(second)
        assert cloud.read(first.urn, first.id, first.outputs) == first
        assert task(cloud, role).outputs["revision"] == 3

    def test_what_means_the_same_is_no_change(self, cloud: Cloud, role: Made) -> None:
        made = task(cloud, role)
        reordered: Values = {
            **CONTAINER,
            "environment": list(reversed(list(CONTAINER["environment"]))),  # type: ignore[arg-type]
            "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
            "essential": True,
            "cpu": 0,
        }
        assert not cloud.diff(made, containerDefinitions=json.dumps([reordered])).changes
        changed = cloud.diff(made, containerDefinitions=json.dumps([{**CONTAINER, "image": "b"}]))
        assert changed.changes == {"containerDefinitions": "update-replace"}
        assert not changed.delete_first
        assert cloud.diff(made, containerDefinitions=UNKNOWN).replaces

    @pytest.mark.parametrize(
        ("inputs", "words"),
        [
            ({"cpu": "256", "memory": "4096"}, r"values: 256 CPU, 4096 memory\. .* may be 512, 1024, 2048 MiB"),
            ({"cpu": "2048", "memory": "1024"}, "4096 to 16384 in steps of 1024"),
            ({"cpu": "300", "memory": "512"}, "CPU may be 256, 512"),
            ({"networkMode": "bridge"}, "Fargate only supports network mode 'awsvpc'"),
            ({"memory": None}, "requires that 'cpu' and 'memory' be defined"),
            ({"containerDefinitions": "[]"}, "Container list cannot be empty"),
            ({"containerDefinitions": '[{"name": "a"}]'}, "Container.image should not be null or empty"),
        ],
    )
    def test_what_fargate_does_not_run_is_not_registered(
        self, cloud: Cloud, role: Made, inputs: Values, words: str
    ) -> None:
        with pytest.raises(Refusal, match=words):
            task(cloud, role, **inputs)

    @pytest.mark.parametrize(
        ("extra", "words"),
        [
            ({}, "execution role ARN to support ECR images"),
            ({"logConfiguration": {"logDriver": "awslogs"}}, "to support log driver awslogs"),
            ({"secrets": [{"name": "A", "valueFrom": "arn"}]}, "must also specify a value for 'executionRoleArn'"),
        ],
    )
    def test_an_execution_role_is_demanded_where_it_is_needed(self, cloud: Cloud, extra: Values, words: str) -> None:
        with pytest.raises(Refusal, match=words):
            task(cloud, None, containerDefinitions=json.dumps([{**CONTAINER, **extra}]))


class TestServices:
    @pytest.fixture
    def inputs(self, cloud: Cloud, role: Made, subnets: list[Value]) -> Values:
        cluster = cloud.create(CLUSTER, "main")
        name = cluster.outputs["name"]
        cloud.create(CAPACITY, "main", clusterName=name, capacityProviders=["FARGATE", "FARGATE_SPOT"])
        return {
            "cluster": cluster.id,
            "taskDefinition": task(cloud, role).outputs["arn"],
            "networkConfiguration": {"subnets": subnets},
            "capacityProviderStrategies": [{"capacityProvider": "FARGATE", "weight": 1}],
        }

    def test_a_service_carries_its_clusters_name(self, cloud: Cloud, inputs: Values) -> None:
        made = cloud.create(SERVICE, "app", **inputs)
        cluster = str(inputs["cluster"]).rsplit("/", 1)[1]
        expected = f"arn:aws:ecs:us-east-1:123456789012:service/{cluster}/{made.outputs['name']}"
        assert made.id == made.outputs["arn"] == expected

    def test_a_strategy_changes_only_with_a_new_deployment(self, cloud: Cloud, inputs: Values) -> None:
        made = cloud.create(SERVICE, "app", **inputs)
        spot: list[Value] = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        with pytest.raises(Refusal, match="force_new_deployment should be true"):
            cloud.diff(made, capacityProviderStrategies=spot)
        assert not cloud.diff(made, capacityProviderStrategies=spot, forceNewDeployment=True).replaces

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"launchType": "FARGATE"}, "both a launch type and capacity provider strategy"),
            ({"networkConfiguration": None}, "Network Configuration must be provided"),
            ({"capacityProviderStrategies": [{"capacityProvider": "OTHER"}]}, "not associated with the cluster: OTHER"),
            ({"taskDefinition": "gone:1"}, "TaskDefinition not found: gone:1"),
            ({"cluster": "gone"}, "ClusterNotFoundException: Cluster not found: gone"),
        ],
    )
    def test_a_service_that_cannot_run_is_refused(
        self, cloud: Cloud, inputs: Values, change: Values, words: str
    ) -> None:
        with pytest.raises(Refusal, match=words):
            cloud.create(SERVICE, "app", **{**inputs, **change})

    def test_a_target_group_needs_a_listener_first(
        self, cloud: Cloud, inputs: Values, listener: Made, targets: Made
    ) -> None:
        balanced = {"targetGroupArn": targets.id, "containerName": "app", "containerPort": 8080}
        with pytest.raises(Refusal, match="does not have an associated load balancer"):
            cloud.create(SERVICE, "app", loadBalancers=[balanced], **inputs)
        aim(cloud, listener, targets)
        cloud.create(SERVICE, "app", loadBalancers=[balanced], **inputs)
        with pytest.raises(Refusal, match="did not have a container port 80 defined"):
            cloud.create(SERVICE, "other", loadBalancers=[{**balanced, "containerPort": 80}], **inputs)

    @pytest.fixture
    def moved(self, cloud: Cloud, inputs: Values, vpc: Made, listener: Made, targets: Made) -> Any:
        """A service whose traffic ECS moves between two groups."""
        second = cloud.create(TARGETS, "b", port=80, protocol="HTTP", targetType="ip", vpcId=vpc.id)
        production, upcoming = aim(cloud, listener, targets), aim(cloud, listener, second, "next", priority=9)
        role = cloud.create(ROLE, "traffic", assumeRolePolicy=POLICY)
        advanced = {
            "alternateTargetGroupArn": second.id,
            "productionListenerRule": production.outputs["arn"],
            "testListenerRule": upcoming.outputs["arn"],
            "roleArn": role.outputs["arn"],
        }
        return {
            **inputs,
            "deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "5"},
            "loadBalancers": [
                {
                    "targetGroupArn": targets.id,
                    "containerName": "app",
                    "containerPort": 8080,
                    "advancedConfiguration": advanced,
                }
            ],
        }

    def test_a_strategy_with_all_it_needs_is_taken(self, cloud: Cloud, moved: Any) -> None:
        cloud.create(SERVICE, "app", **moved)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"testListenerRule": "production"}, "as both production and test listener rules"),
            ({"productionListenerRule": "listener"}, "productionListenerRule has an invalid ARN format"),
            (None, "advancedConfiguration of loadBalancers is required"),
        ],
    )
    def test_traffic_is_not_moved_without_two_groups_and_rules(
        self, cloud: Cloud, moved: Any, listener: Made, change: dict[str, str] | None, words: str
    ) -> None:
        (balancer,) = moved["loadBalancers"]
        advanced = balancer["advancedConfiguration"]
        arns = {"production": advanced["productionListenerRule"], "listener": listener.id}
        given = None if change is None else {**advanced, **{name: arns[of] for name, of in change.items()}}
        with pytest.raises(Refusal, match=words):
            cloud.create(SERVICE, "app", **{**moved, "loadBalancers": [{**balancer, "advancedConfiguration": given}]})

    def test_a_canary_says_how_much_it_gets(self, cloud: Cloud, moved: Any) -> None:
        with pytest.raises(Refusal, match="canaryConfiguration is required"):
            cloud.create(SERVICE, "app", **{**moved, "deploymentConfiguration": {"strategy": "CANARY"}})

    def test_a_cluster_outlives_its_services(self, cloud: Cloud, inputs: Values) -> None:
        made = cloud.create(SERVICE, "app", **inputs)
        cluster = cloud.read(cloud.urn(CLUSTER, "main"), str(inputs["cluster"]))
        assert cluster is not None
        with pytest.raises(Refusal, match="ClusterContainsServicesException"):
            cloud.delete(cluster)
        cloud.delete(made)


class TestFunctions:
    @pytest.fixture
    def code(self, tmp_path: Path) -> Values:
        (tmp_path / "app.zip").write_bytes(b"one")
        return {SIGNATURE: ARCHIVE, "hash": "aa", "path": str(tmp_path / "app.zip")}

    def make(self, cloud: Cloud, role: Made, code: Values, **inputs: Value) -> Made:
        given: Values = {"handler": "handler.run", "runtime": "python3.13", "publish": True, **inputs}
        return cloud.create(FUNCTION, "app", role=role.outputs["arn"], code=code, **given)

    def test_a_package_is_described(self, cloud: Cloud, role: Made, code: Values) -> None:
        made = self.make(cloud, role, code)
        assert made.outputs["codeSha256"] == base64.b64encode(hashlib.sha256(b"one").digest()).decode()
        assert made.outputs["sourceCodeSize"] == 3

    def test_code_and_configuration_are_published_and_tags_are_not(
        self, cloud: Cloud, role: Made, code: Values
    ) -> None:
        made = self.make(cloud, role, code)
        assert (made.outputs["version"], made.outputs["qualifiedArn"]) == ("1", f"{made.outputs['arn']}:1")
        changed: Values = {**code, "hash": "bb"}
        planned = cloud.update(made, preview=True, code=changed)
        assert (planned.outputs["version"], planned.outputs["qualifiedArn"]) == (UNKNOWN, UNKNOWN)
        updated = cloud.update(made, code=changed)
        assert (updated.outputs["version"], updated.outputs["qualifiedArn"]) == ("2", f"{made.outputs['arn']}:2")
        assert cloud.update(updated, tags={"a": "b"}).outputs["version"] == "2"
        assert cloud.update(updated, preview=True, tags={"a": "b"}).outputs["version"] == "2"
        assert cloud.update(updated, memorySize=512).outputs["version"] == "3"

    def test_a_package_that_the_state_knows_by_its_hash_alone_is_the_same_package(
        self, cloud: Cloud, role: Made, code: Values
    ) -> None:
        made = self.make(cloud, role, code)
        made.inputs["code"] = {key: value for key, value in code.items() if key != "path"}
        assert cloud.update(made, preview=True, tags={"a": "b"}, code=code).outputs["version"] == "1"

    def test_without_publish_there_is_only_the_latest(self, cloud: Cloud, role: Made, code: Values) -> None:
        made = self.make(cloud, role, code, publish=False)
        assert made.outputs["version"] == "$LATEST"
        assert cloud.update(made, preview=True, memorySize=512).outputs["version"] == "$LATEST"
        assert cloud.update(made, memorySize=512).outputs["version"] == "$LATEST"

    def test_an_alias_points_to_a_version_that_exists(self, cloud: Cloud, role: Made, code: Values) -> None:
        made = self.make(cloud, role, code)
        alias = cloud.create(ALIAS, "live", name="live", functionName=made.id, functionVersion="1")
        assert alias.outputs["arn"] == f"{made.outputs['arn']}:live"
        with pytest.raises(Refusal, match=r"ResourceNotFoundException: Function not found: .*:2 "):
            cloud.update(alias, functionVersion="2")

    @pytest.mark.parametrize(
        ("versions", "words"),
        [
            (("2", "3"), r"Function not found: .*:3 "),
            (("2", "2"), "already included in routing configuration"),
            (("$LATEST", "1"), "more than 1 version"),
        ],
    )
    def test_an_alias_shares_requests_between_versions_that_exist(
        self, cloud: Cloud, role: Made, code: Values, versions: tuple[str, str], words: str
    ) -> None:
        made = self.make(cloud, role, code)
        cloud.update(made, memorySize=512)
        given: Values = {"name": "live", "functionName": made.id}
        shared = cloud.create(
            ALIAS, "live", functionVersion="2", routingConfig={"additionalVersionWeights": {"1": 0.9}}, **given
        )
        version, kept = versions
        with pytest.raises(Refusal, match=words):
            cloud.update(shared, functionVersion=version, routingConfig={"additionalVersionWeights": {kept: 0.9}})

    def test_a_zip_needs_a_handler_and_a_runtime(self, cloud: Cloud, role: Made, code: Values) -> None:
        _, problems = cloud.check(FUNCTION, "app", {"role": role.outputs["arn"], "code": code})
        assert len(problems) == 2
        assert "handler and runtime must be set when PackageType is Zip" in problems[0]

    @pytest.mark.parametrize(
        ("variables", "words"),
        [({"AWS_REGION": "x"}, "Reserved keys used in this request: AWS_REGION"), ({"A": "x" * 5000}, "the 4KB limit")],
    )
    def test_an_environment_has_limits(
        self, cloud: Cloud, role: Made, code: Values, variables: Values, words: str
    ) -> None:
        with pytest.raises(Refusal, match=words):
            self.make(cloud, role, code, environment={"variables": variables})


class TestLoadBalancers:
    def test_two_zones_are_needed(self, cloud: Cloud, vpc: Made, subnets: list[Value]) -> None:
        with pytest.raises(Refusal, match="ValidationE"):
            cloud.create(BALANCER, "web", subnets=subnets[:1])
        third = cloud.create(SUBNET, "third", vpcId=vpc.id, cidrBlock="10.0.9.0/24", availabilityZone="us-east-1a")
        with pytest.raises(Refusal, match="multiple subnets in the same Availability Zone"):
            cloud.create(BALANCER, "web", subnets=[*subnets, third.id])

    def test_a_protected_balancer_stays(self, cloud: Cloud, subnets: list[Value]) -> None:
        made = cloud.create(BALANCER, "web", subnets=subnets, enableDeletionProtection=True)
        with pytest.raises(Refusal, match=r"OperationNotPermitted: .* deletion protection is enabled"):
            cloud.delete(made)
        cloud.delete(cloud.update(made, enableDeletionProtection=False))

    def test_a_target_group_in_use_stays(self, cloud: Cloud, listener: Made, targets: Made) -> None:
        rule = aim(cloud, listener, targets)
        with pytest.raises(Refusal, match=r"ResourceInUse: Target group .* is currently in use"):
            cloud.delete(targets)
        cloud.delete(rule)
        cloud.delete(targets)

    def test_a_rule_without_priority_comes_last_and_no_two_have_the_same(
        self, cloud: Cloud, listener: Made, targets: Made
    ) -> None:
        aim(cloud, listener, targets, "first", priority=10)
        last = aim(cloud, listener, targets, "last")
        assert last.outputs["priority"] == 11
        with pytest.raises(Refusal, match="PriorityInUse: Priority '10' is currently in use"):
            aim(cloud, listener, targets, "third", priority=10)
        with pytest.raises(Refusal, match="PriorityInUse"):
            cloud.update(last, priority=10)
        moved = cloud.update(last, priority=5)
        assert moved.outputs["priority"] == 5
        assert cloud.update(moved, priority=None).outputs["priority"] == 5

    def test_https_needs_a_certificate(self, cloud: Cloud, listener: Made) -> None:
        balancer = listener.inputs["loadBalancerArn"]
        actions = listener.inputs["defaultActions"]
        with pytest.raises(Refusal, match="A certificate must be specified for HTTPS listeners"):
            cloud.create(LISTENER, "tls", loadBalancerArn=balancer, port=443, protocol="HTTPS", defaultActions=actions)

    def test_a_forward_goes_somewhere(self, cloud: Cloud) -> None:
        inputs: Values = {"loadBalancerArn": UNKNOWN, "port": 80, "defaultActions": [{"type": "forward"}]}
        _, problems = cloud.check(LISTENER, "web", inputs)
        assert "Examine values at 'web.defaultActions[0].targetGroupArn'" in problems[0]

    def test_a_target_group_of_addresses_needs_a_place(self, cloud: Cloud) -> None:
        _, problems = cloud.check(TARGETS, "web", {"targetType": "ip", "port": 80, "protocol": "HTTP"})
        assert problems == ['"vpc_id" should be set when target type is "ip". Examine values at \'web.vpcId\'.']


class TestCertificates:
    def test_a_domain_is_proved_by_its_record(self, cloud: Cloud) -> None:
        made = cloud.create(
            CERTIFICATE,
            "api",
            domainName="example.com",
            subjectAlternativeNames=["*.example.com"],
            validationMethod="DNS",
        )
        options = made.outputs["domainValidationOptions"]
        assert isinstance(options, list)
        records = {one["resourceRecordName"] for one in options if isinstance(one, dict)}
        assert len(options) == 2
        assert len(records) == 1
        name = str(records.pop())
        with pytest.raises(Refusal, match=f"missing {name} DNS validation record"):
            cloud.create(VALIDATION, "api", certificateArn=made.id, validationRecordFqdns=["x.example.com"])
        cloud.create(VALIDATION, "api", certificateArn=made.id, validationRecordFqdns=[name.rstrip(".")])
