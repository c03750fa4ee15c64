"""Every rule is kept by a stack made for it, and broken by exactly the changes that are listed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from policy.catalogue import RULES
from policy.judge import Report, Terms, judge
from policy.model import Resource, Rule
from tests.policy import stacks

TODAY = date(2026, 1, 1)
BREAKS = stacks.breaks()
IDS = [f"{rule}-{'-'.join(change)}" for rule, change in BREAKS]


def report(resources: list[Resource], environment: str = "prod") -> Report:
    return judge(resources, stacks.stack(resources), Terms(environment=environment, today=TODAY))


def fired(result: Report) -> set[str]:
    return {finding.rule.id for finding in result.findings}


def test_the_compliant_stack_keeps_every_rule_and_every_rule_looks_at_something() -> None:
    result = report(stacks.deployed(stacks.compliant()))

    assert [finding.sentence for finding in result.findings] == []
    assert [(one.rule.id, one.resource.name) for one in result.pending] == []
    kinds = {one["type"] for one in stacks.compliant().values()}
    unseen = [rule.id for rule in RULES if not kinds & set(rule.types)]
    assert unseen == ["MS-IAM-006"], "a rule that refuses a kind altogether is the only one with nothing to keep"


@pytest.mark.parametrize(("rule", "change"), BREAKS, ids=IDS)
def test_a_change_breaks_exactly_its_rule(rule: str, change: Mapping[str, Any]) -> None:
    result = report(stacks.deployed(stacks.broken(change)))

    assert fired(result) == {rule}, [finding.sentence for finding in result.findings]
    assert result.pending == []


@pytest.mark.parametrize(("rule", "change"), BREAKS, ids=IDS)
def test_a_first_preview_never_calls_a_change_fine_that_a_deployment_breaks(
    rule: str, change: Mapping[str, Any]
) -> None:
    result = report(stacks.previewed(stacks.broken(change)))

    assert fired(result) <= {rule}
    assert rule in fired(result) | {one.rule.id for one in result.pending}


def test_a_first_preview_of_the_compliant_stack_breaks_nothing() -> None:
    with_sources = report(stacks.previewed(stacks.compliant()))
    without = report(stacks.previewed(stacks.compliant(), dependencies=False))

    assert fired(with_sources) == fired(without) == set()
    assert len(without.pending) > len(with_sources.pending), "where values come from tells what belongs together"
    assert set(without.kept) < set(with_sources.kept)


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_a_rule_has_a_way_to_break_it(rule: Rule) -> None:
    assert rule.id in {broken for broken, _ in BREAKS}


def test_every_break_is_of_a_rule() -> None:
    assert {rule for rule, _ in BREAKS} == {rule.id for rule in RULES}


def test_ids_are_unique_and_of_one_form() -> None:
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"MS-[A-Z0-9]{2,3}-\d{3}", one) for one in ids)


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_a_rule_says_what_people_need(rule: Rule) -> None:
    assert rule.title
    assert not rule.title.endswith(".")
    assert rule.remedy.endswith(".")
    assert rule.types
    assert (rule.check is None) != (rule.relation is None)


FRAMEWORKS = re.compile(
    r"(APIGateway|DynamoDB|EC2|ECR|ECS|EFS|EKS|ELB|ElastiCache|IAM|KMS|Lambda|RDS|S3|SNS|SQS|SecretsManager|WAF)\.\d+"
    r"|CIS \d\.\d+(\.\d+)?|CKV2?_(AWS|K8S)_\d+|AWS-\d{4}|AwsSolutions-[A-Z0-9]+|CT\.ECS\.PR\.\d+"
    r"|CloudWatchLogGroupRetentionPeriod|LambdaEventSourceSQSVisibilityTimeout|VPCDefaultSecurityGroupClosed"
    r"|ecs-task-definition-linux-user-non-root"
)


def test_ids_of_frameworks_have_their_frameworks_form() -> None:
    wrong = [(rule.id, name) for rule in RULES for name in rule.frameworks if not FRAMEWORKS.fullmatch(name)]
    assert wrong == []


def test_levels_stop_where_they_say() -> None:
    change = {
        "log-group-of-data": {"kmsKeyId": None},
        "block": {"blockPublicAcls": False},
        "route": {"authorizationType": "NONE"},
    }
    resources = stacks.deployed(stacks.broken(change))

    assert {one.rule.id for one in report(resources).stopping} == {"MS-LOG-003", "MS-S3-002"}
    assert {one.rule.id for one in report(resources, "dev").stopping} == {"MS-S3-002"}
    assert {one.rule.id for one in report(resources, "dev").advisory} == {"MS-LOG-003", "MS-API-004"}
