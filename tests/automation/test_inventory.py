"""Every type that may be left half-made can be found, and the right one is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.inventory import BY_INPUTS, BY_LISTING, BY_TAGS, REPEATABLE, Found, Inventory

FACTS = Path(__file__).resolve().parents[2] / "sandbox/control/facts"
TYPES = sorted(token for path in FACTS.glob("*.yaml") for token in yaml.safe_load(path.read_text()))
TAGS = {"modeshift:project": "modeshift", "modeshift:stack": "dev", "Name": "dev-thing"}
URN = "urn:pulumi:dev::modeshift::t::dev-thing"


class Tagging:
    """The tagging API over some ARNs."""

    def __init__(self, *arns: str) -> None:
        self._arns = arns
        self.filters: list[dict[str, Any]] = []

    def __call__(self, service: str) -> Tagging:
        assert service == "resourcegroupstaggingapi"
        return self

    def get_paginator(self, name: str) -> Tagging:
        assert name == "get_resources"
        return self

    def paginate(self, TagFilters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:  # noqa: N803 boto3's name
        self.filters = TagFilters
        for arn in self._arns:
            yield {"ResourceTagMappingList": [{"ResourceARN": arn}]}


@pytest.mark.parametrize("token", TYPES)
def test_each_type_is_found_in_exactly_one_way(token: str) -> None:
    ways = [way for way in (BY_TAGS, BY_LISTING, BY_INPUTS, REPEATABLE) if token in way]
    assert len(ways) == 1


def test_no_way_is_kept_for_a_type_that_does_not_exist() -> None:
    assert {*BY_TAGS, *BY_LISTING, *BY_INPUTS, *REPEATABLE} == set(TYPES)


@pytest.mark.parametrize(
    ("token", "arn", "identity"),
    [
        ("aws:cloudwatch/logGroup:LogGroup", "arn:aws:logs:us-east-1:1:log-group:/aws/lambda/x:*", "/aws/lambda/x"),
        ("aws:cloudwatch/logGroup:LogGroup", "arn:aws:logs:us-east-1:1:log-group:/aws/lambda/x", "/aws/lambda/x"),
        ("aws:sqs/queue:Queue", "arn:aws:sqs:eu-west-1:1:q.fifo", "https://sqs.eu-west-1.amazonaws.com/1/q.fifo"),
        ("aws:sqs/queue:Queue", "arn:aws-cn:sqs:cn-north-1:1:q", "https://sqs.cn-north-1.amazonaws.com.cn/1/q"),
        ("aws:apigatewayv2/api:Api", "arn:aws:apigateway:us-east-1::/apis/a1", "a1"),
        ("aws:ecr/repository:Repository", "arn:aws:ecr:us-east-1:1:repository/team/app", "team/app"),
        ("aws:s3/bucket:Bucket", "arn:aws:s3:::logs", "logs"),
        ("aws:ecs/service:Service", "arn:aws:ecs:us-east-1:1:service/c/s", "arn:aws:ecs:us-east-1:1:service/c/s"),
        ("aws:ecs/taskDefinition:TaskDefinition", "arn:aws:ecs:us-east-1:1:task-definition/web:7", "web"),
        ("aws:efs/accessPoint:AccessPoint", "arn:aws:elasticfilesystem:us-east-1:1:access-point/fsap-1", "fsap-1"),
        ("aws:elasticache/serverlessCache:ServerlessCache", "arn:aws:elasticache:us-east-1:1:serverlesscache:c", "c"),
        (
            "aws:rds/instance:Instance",
            "arn:aws:rds:us-east-1:1:db:dev-users-database-1a2b3c4",
            "dev-users-database-1a2b3c4",
        ),
        ("aws:rds/subnetGroup:SubnetGroup", "arn:aws:rds:us-east-1:1:subgrp:dev-users", "dev-users"),
        ("aws:eks/cluster:Cluster", "arn:aws:eks:us-east-1:1:cluster/dev-eks", "dev-eks"),
    ],
)
def test_an_arn_gives_the_id_that_pulumi_uses(token: str, arn: str, identity: str) -> None:
    cloud = Tagging(arn)
    found = Inventory(cloud, []).find({"type": token, "urn": URN, "inputs": {"tagsAll": TAGS}})
    assert found == [Found(identity, {"arn": arn})]
    assert {each["Key"]: each["Values"] for each in cloud.filters} == {key: [value] for key, value in TAGS.items()}


def test_other_types_with_the_same_tags_do_not_count() -> None:
    cloud = Tagging("arn:aws:apigateway:us-east-1::/apis/a1/stages/$default", "arn:aws:ec2:us-east-1:1:vpc/vpc-1")
    resource = {"type": "aws:apigatewayv2/api:Api", "urn": URN, "inputs": {"tagsAll": TAGS}}
    assert Inventory(cloud, []).find(resource) == []


def test_what_the_state_holds_is_not_found_again() -> None:
    arn = "arn:aws:ecs:us-east-1:1:task-definition/web:"
    token = "aws:ecs/taskDefinition:TaskDefinition"
    known = [{"type": token, "urn": URN, "id": "web", "outputs": {"arn": f"{arn}1"}}]
    resource = {"type": token, "urn": URN, "inputs": {"tagsAll": TAGS}}
    assert Inventory(Tagging(f"{arn}1"), known).find(resource) == []
    assert Inventory(Tagging(f"{arn}1", f"{arn}2"), known).find(resource) == [Found("web", {"arn": f"{arn}2"})]


def test_without_all_tags_nothing_is_taken_for_ours() -> None:
    cloud = Tagging("arn:aws:ec2:us-east-1:1:vpc/vpc-1")
    resource = {"type": "aws:ec2/vpc:Vpc", "urn": URN, "inputs": {"tags": {"Name": "dev-thing"}}}
    assert Inventory(cloud, []).find(resource) == []


def test_an_implied_id_is_not_taken_while_the_state_has_the_resource() -> None:
    resource = {"type": "aws:iam/role:Role", "urn": URN, "inputs": {"name": "r"}}
    assert Inventory(Tagging(), []).find(resource) == [Found("r")]
    assert Inventory(Tagging(), [{"type": "aws:iam/role:Role", "urn": URN, "id": "r0"}]).find(resource) == []


def test_siblings_that_are_alike_are_shared_out() -> None:
    class Gateway:
        def get_paginator(self, _: str) -> Gateway:
            return self

        def paginate(self, ApiId: str) -> Iterator[dict[str, Any]]:  # noqa: N803 boto3's name
            assert ApiId == "a"
            yield {"Items": [{"IntegrationId": name, "IntegrationUri": "arn:l"} for name in ("known", "one", "two")]}

    token = "aws:apigatewayv2/integration:Integration"
    inventory = Inventory(lambda _: Gateway(), [{"type": token, "urn": "u", "id": "known"}])
    wanted = {"type": token, "urn": URN, "inputs": {"apiId": "a", "integrationUri": "arn:l"}}
    assert [inventory.find(wanted) for _ in range(3)] == [[Found("one")], [Found("two")], []]
