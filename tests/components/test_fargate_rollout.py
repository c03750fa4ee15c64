"""A new version whose traffic ECS moves: what ECS is told, what it may do, and what takes it back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pulumi_aws as aws
import pytest

from components.fargate_rollout import Rollout, Strategy
from components.service import IpTarget, Weighted

Deploy = Callable[..., Any]

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012"


def production(targets: Sequence[Weighted]) -> aws.lb.ListenerRule:
    """Make a production rule as a route does."""
    groups = [
        aws.lb.ListenerRuleActionForwardTargetGroupArgs(arn=one.target.target_group_arn, weight=one.weight)
        for one in targets
        if isinstance(one.target, IpTarget)
    ]
    forward = aws.lb.ListenerRuleActionForwardArgs(target_groups=groups)
    return aws.lb.ListenerRule(
        "production",
        listener_arn=f"{ARN}:listener/app/a/b/c",
        priority=50_000,
        conditions=[aws.lb.ListenerRuleConditionArgs(path_pattern={"values": ["/*"]})],
        actions=[aws.lb.ListenerRuleActionArgs(type="forward", forward=forward)],
    )


def service(deploy_fargate: Deploy, strategy: Strategy, **more: int) -> Any:
    rollout = Rollout(strategy=strategy, **more)
    return deploy_fargate(rollout=rollout, production=production)


@pytest.mark.parametrize(
    ("strategy", "more", "told"),
    [
        (
            "canary",
            {"percent": 5, "step_minutes": 7, "bake_minutes": 3},
            {
                "strategy": "CANARY",
                "bakeTimeInMinutes": "3",
                "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": "7"},
            },
        ),
        (
            "linear",
            {"percent": 25, "step_minutes": 2},
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": "10",
                "linearConfiguration": {"stepPercent": 25.0, "stepBakeTimeInMinutes": "2"},
            },
        ),
        ("blue-green", {}, {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "10"}),
    ],
)
def test_ecs_is_told_how_to_move_the_traffic(
    deploy_fargate: Deploy, strategy: Strategy, more: dict[str, int], told: dict[str, object]
) -> None:
    made = service(deploy_fargate, strategy, **more).one("ecs/service:Service").inputs
    assert made["deploymentConfiguration"] == told
    advanced = made["loadBalancers"][0]["advancedConfiguration"]
    assert set(advanced) == {"alternateTargetGroupArn", "productionListenerRule", "testListenerRule", "roleArn"}
    assert len({made["loadBalancers"][0]["targetGroupArn"], advanced["alternateTargetGroupArn"]}) == 2
    assert len({advanced["productionListenerRule"], advanced["testListenerRule"]}) == 2


def test_all_traffic_begins_at_the_first_group_and_the_next_version_is_reached_by_a_header(
    deploy_fargate: Deploy,
) -> None:
    made = service(deploy_fargate, "canary")
    weights = {
        rule.name: [group["weight"] for group in rule.inputs["actions"][0]["forward"]["targetGroups"]]
        for rule in made.all("ListenerRule")
        if "forward" in rule.inputs["actions"][0]
    }
    assert weights == {"production": [100, 0], "dev-netprobe-next": [0, 100]}
    upcoming = made.one("ListenerRule", "dev-netprobe-next")
    assert upcoming.ignore_changes == ("actions",)
    assert upcoming.inputs["conditions"][0]["httpHeader"]["values"] == ["dev-netprobe/next"]


def test_errors_and_slow_answers_of_either_group_take_a_version_back(deploy_fargate: Deploy) -> None:
    made = service(deploy_fargate, "canary")
    alarms = made.one("ecs/service:Service").inputs["alarms"]
    assert (alarms["enable"], alarms["rollback"]) == (True, True)
    named = {name.rpartition("-")[0] for name in alarms["alarmNames"]}
    assert named == {f"dev-netprobe-{what}" for what in ("errors", "b-errors", "slow", "b-slow")}
    slow = made.one("MetricAlarm", "dev-netprobe-slow").inputs
    assert (slow["extendedStatistic"], slow["threshold"]) == ("p99", 14.0)


def test_ecs_may_move_this_traffic_and_no_other(deploy_fargate: Deploy) -> None:
    made = service(deploy_fargate, "canary")
    policy = made.one("RolePolicy", "dev-netprobe-traffic").inputs["policy"]
    allowed = {
        action.partition(":")[2]: statement["Resource"]
        for statement in json.loads(policy)["Statement"]
        for action in statement["Action"]
    }
    everywhere = {action for action, resources in allowed.items() if resources == ["*"]}
    assert everywhere == {name for name in allowed if name.startswith("Describe")}
    assert len(allowed["ModifyRule"]) == len(allowed["RegisterTargets"]) == 2
    assert "ModifyListener" not in allowed


def test_requests_for_each_target_scale_nothing_while_groups_take_turns(deploy_fargate: Deploy) -> None:
    policies = {policy.name for policy in service(deploy_fargate, "linear").all("appautoscaling/policy:Policy")}
    assert policies
    assert not any("request" in name for name in policies)


def test_rolling_has_none_of_it(deploy_fargate: Deploy) -> None:
    made = deploy_fargate()
    inputs = made.one("ecs/service:Service").inputs
    assert "deploymentConfiguration" not in inputs
    assert "alarms" not in inputs
    assert len(made.all("TargetGroup")) == 1


def test_ecs_cannot_move_traffic_by_a_rule_it_does_not_know(deploy_fargate: Deploy) -> None:
    with pytest.raises(ValueError, match="production"):
        deploy_fargate(rollout=Rollout(strategy="canary"))


@pytest.mark.parametrize(
    ("rollout", "longest"),
    [
        (Rollout(strategy="canary", step_minutes=5, bake_minutes=10), "35m"),
        (Rollout(strategy="linear", percent=30, step_minutes=5, bake_minutes=0), "40m"),
        (Rollout(strategy="blue-green", bake_minutes=60), "80m"),
    ],
)
def test_the_engine_waits_as_long_as_ecs_takes(rollout: Rollout, longest: str) -> None:
    assert rollout.longest == longest
