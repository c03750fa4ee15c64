"""How a new version of a service on Fargate takes over: task by task, or by traffic that ECS itself moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import pulumi
import pulumi_aws as aws

from components.alarms import Severity, Watch, alarm
from components.base import Component
from components.fargate_traffic import PROBE_HEADER, probe_priority
from components.iam import Grant, assume_role_policy, grant
from components.naming import SECOND
from components.service import IpTarget, Statement, Weighted
from components.target_alarms import NAMESPACE, target_alarms

if TYPE_CHECKING:
    from components.load_balancer import LoadBalancer

Strategy = Literal["rolling", "canary", "linear", "blue-green"]

_STRATEGIES = {"canary": "CANARY", "linear": "LINEAR", "blue-green": "BLUE_GREEN"}
_ALL = 100
_STARTING_MINUTES = 20


class Production(Protocol):
    """Makes the rule by which these targets get a service's traffic, before there are tasks."""

    # Not a plain `Callable`, which would load the SDK of load balancers wherever none is wanted.
    def __call__(self, targets: Sequence[Weighted], /) -> aws.lb.ListenerRule: ...


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How a new version takes over.

    `rolling` replaces tasks: so many stay and may run at once, in percent. With the other strategies ECS starts the new
    version beside the old one and moves traffic: `canary` gives it `percent` for `step_minutes` and then all, `linear`
    as much in every step, `blue-green` all at once. The old one stays for `bake_minutes` more, to go back to at once.
    A task has `grace_seconds` to get ready.
    """

    min_percent: int = 100
    max_percent: int = 200
    grace_seconds: int = 60
    strategy: Strategy = "rolling"
    percent: int = 10
    step_minutes: int = 10
    bake_minutes: int = 10

    @property
    def by_ecs(self) -> bool:
        """Tell whether ECS moves the traffic, and so owns the production rule."""
        return self.strategy != "rolling"

    @property
    def longest(self) -> str:
        """Return how long an update of the service may take, as the engine writes it."""
        steps = {"canary": 1, "linear": math.ceil(_ALL / self.percent)}.get(self.strategy, 0)
        return f"{_STARTING_MINUTES + steps * self.step_minutes + self.bake_minutes}m"

    def configuration(self) -> aws.ecs.ServiceDeploymentConfigurationArgs | None:
        """Return the strategy as ECS takes it, nothing for the one that it has by itself."""
        if not self.by_ecs:
            return None
        canary = aws.ecs.ServiceDeploymentConfigurationCanaryConfigurationArgs(
            canary_percent=float(self.percent), canary_bake_time_in_minutes=str(self.step_minutes)
        )
        linear = aws.ecs.ServiceDeploymentConfigurationLinearConfigurationArgs(
            step_percent=float(self.percent), step_bake_time_in_minutes=str(self.step_minutes)
        )
        return aws.ecs.ServiceDeploymentConfigurationArgs(
            strategy=_STRATEGIES[self.strategy],
            bake_time_in_minutes=str(self.bake_minutes),
            canary_configuration=canary if self.strategy == "canary" else None,
            linear_configuration=linear if self.strategy == "linear" else None,
        )


@dataclass(frozen=True, kw_only=True)
class TrafficByEcs:
    """What ECS moves a service's traffic with.

    `alarms` are those of its own, `watched` all that take a new version back; the service waits for what is in `ready`.
    """

    balancer: aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgs
    alarms: Sequence[aws.cloudwatch.MetricAlarm]
    watched: aws.ecs.ServiceAlarmsArgs
    ready: Sequence[pulumi.Resource]


def traffic_by_ecs(
    parent: Component,
    groups: tuple[aws.lb.TargetGroup, aws.lb.TargetGroup],
    *,
    production: Production,
    load_balancer: LoadBalancer,
    errors: aws.cloudwatch.MetricAlarm,
    slow_seconds: float,
) -> TrafficByEcs:
    """Create what ECS needs to move the traffic between two target groups, the first of which has it to begin with."""
    first, second = groups
    rule = production(
        [
            Weighted(target=IpTarget(target_group_arn=first.arn), weight=_ALL),
            Weighted(target=IpTarget(target_group_arn=second.arn), weight=0),
        ]
    )
    upcoming = _next_rule(parent, groups, listener=load_balancer.listener)
    allowed = _traffic_role(parent, groups, rules=[rule, upcoming])
    suffix = load_balancer.load_balancer.arn_suffix
    slow = [
        _slow_alarm(parent, name, group, load_balancer_suffix=suffix, seconds=slow_seconds)
        for name, group in zip(("slow", f"{SECOND}-slow"), groups, strict=True)
    ]
    unhealthy, second_errors = target_alarms(
        parent, SECOND, load_balancer_suffix=suffix, target_group_suffix=second.arn_suffix
    )
    # While tasks start, an unhealthy target is no reason to go back.
    names = [alarm.name for alarm in (errors, second_errors, *slow)]
    return TrafficByEcs(
        balancer=aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgs(
            alternate_target_group_arn=second.arn,
            production_listener_rule=rule.arn,
            test_listener_rule=upcoming.arn,
            role_arn=allowed.role.arn,
        ),
        alarms=[*slow, unhealthy, second_errors],
        watched=aws.ecs.ServiceAlarmsArgs(enable=True, rollback=True, alarm_names=names),
        ready=[rule, upcoming, *allowed.resources],
    )


def _next_rule(
    parent: Component, groups: Sequence[aws.lb.TargetGroup], *, listener: aws.lb.Listener
) -> aws.lb.ListenerRule:
    """Let people reach the version that is to come, by a header, before it gets traffic. From then on ECS owns it."""
    first, second = groups
    probe = f"{parent.name}/next"
    return aws.lb.ListenerRule(
        parent.child_name("next"),
        listener_arn=listener.arn,
        priority=probe_priority(probe),
        conditions=[
            aws.lb.ListenerRuleConditionArgs(
                http_header=aws.lb.ListenerRuleConditionHttpHeaderArgs(http_header_name=PROBE_HEADER, values=[probe])
            )
        ],
        actions=[
            aws.lb.ListenerRuleActionArgs(
                type="forward",
                forward=aws.lb.ListenerRuleActionForwardArgs(
                    target_groups=[
                        aws.lb.ListenerRuleActionForwardTargetGroupArgs(arn=first.arn, weight=0),
                        aws.lb.ListenerRuleActionForwardTargetGroupArgs(arn=second.arn, weight=_ALL),
                    ]
                ),
            )
        ],
        tags=parent.tags("next"),
        opts=parent.opts(ignore_changes=["actions"]),
    )


def _traffic_role(
    parent: Component, groups: Sequence[aws.lb.TargetGroup], *, rules: Sequence[aws.lb.ListenerRule]
) -> Grant:
    """Create the role with which ECS moves the traffic of this service, and of no other."""
    read = ("DescribeListeners", "DescribeRules", "DescribeTargetGroups", "DescribeTargetHealth")
    return grant(
        parent,
        "traffic",
        trust=assume_role_policy("ecs.amazonaws.com"),
        description=f"Moves the traffic of {parent.name} from one version to the next.",
        statements=[
            # AWS takes no narrower resource for what only reads.
            Statement(actions=[f"elasticloadbalancing:{action}" for action in read], resources=["*"]),
            Statement(
                actions=["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"],
                resources=[group.arn for group in groups],
            ),
            Statement(actions=["elasticloadbalancing:ModifyRule"], resources=[rule.arn for rule in rules]),
        ],
    )


def _slow_alarm(
    parent: Component,
    name: str,
    group: aws.lb.TargetGroup,
    *,
    load_balancer_suffix: pulumi.Input[str],
    seconds: float,
) -> aws.cloudwatch.MetricAlarm:
    """Create the alarm of a target group whose slowest answers take too long."""
    watch = Watch(
        suffix=name,
        says=f"1 % of the answers took more than {seconds:g} s, for 3 minutes.",
        namespace=NAMESPACE,
        metric="TargetResponseTime",
        statistic="p99",
        above=seconds,
        period=60,
        periods=3,
        severity=Severity.WARNING,
    )
    return alarm(parent, watch, {"LoadBalancer": load_balancer_suffix, "TargetGroup": group.arn_suffix})
