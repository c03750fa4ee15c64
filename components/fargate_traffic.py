"""How requests get from the load balancer to the tasks of a service, and to nothing else."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.links import connect
from components.service import ServiceArgs

PROBE_HEADER = "x-modeshift-probe"
"""Header by which a service is reached before it has a route; its value says which service, and which compute of it."""

PROBE_PRIORITIES = range(1, 20_000)
"""Listener priorities that probe rules take; routes come after them."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """How the load balancer finds out whether a task works: seconds between and for each try, tries that decide."""

    interval: int = 30
    timeout: int = 5
    healthy: int = 2
    unhealthy: int = 2


def probe_priority(probe: str) -> int:
    """Return the listener priority of a probe rule: the same for a value wherever and whenever it is asked."""
    return PROBE_PRIORITIES[zlib.crc32(probe.encode()) % len(PROBE_PRIORITIES)]


def task_security_group(
    parent: Component, args: ServiceArgs, *, vpc_id: pulumi.Input[str], front: aws.ec2.SecurityGroup
) -> aws.ec2.SecurityGroup:
    """Create the group of the tasks and the only way in: from the load balancer, to the service's port."""
    group = aws.ec2.SecurityGroup(
        parent.child_name(),
        vpc_id=vpc_id,
        description=f"Tasks of {parent.name}: requests from the load balancer only.",
        tags=parent.tags(),
        opts=parent.opts(),
    )
    requests_rules(parent, args.port, front=front, group_id=group.id, whose=f"tasks of {parent.name}")
    connect(parent, args.links, group, who=f"Tasks of {parent.name}")
    return group


def requests_rules(
    parent: Component, port: int, *, front: aws.ec2.SecurityGroup, group_id: pulumi.Input[str], whose: str
) -> None:
    """Let requests out of a load balancer and into a group, at one port.

    The rules are called after the port, so that what listens on the old one is still reached while a change of port is
    rolled out.
    """
    suffix = f"requests-{port}"
    aws.vpc.SecurityGroupIngressRule(
        parent.child_name(suffix),
        security_group_id=group_id,
        description="Requests from the load balancer",
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        referenced_security_group_id=front.id,
        tags=parent.tags(suffix),
        opts=parent.opts(),
    )
    aws.vpc.SecurityGroupEgressRule(
        parent.child_name(suffix),
        security_group_id=front.id,
        description=f"Requests to {whose}",
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        referenced_security_group_id=group_id,
        tags=parent.tags(suffix),
        opts=parent.opts(),
    )


def target_group(
    parent: Component,
    args: ServiceArgs,
    *,
    vpc_id: pulumi.Input[str],
    check: HealthCheck,
    deregistration_delay: int,
    suffix: str = "",
    tags: Mapping[str, pulumi.Input[str]] | None = None,
) -> aws.lb.TargetGroup:
    """Create the group that the tasks or pods of a service register with."""
    # The physical name is generated: a listener holds on to a group, so its successor needs another name.
    return aws.lb.TargetGroup(
        parent.child_name(suffix),
        vpc_id=vpc_id,
        target_type="ip",
        protocol="HTTP",
        port=args.port,
        deregistration_delay=deregistration_delay,
        health_check=aws.lb.TargetGroupHealthCheckArgs(
            enabled=True,
            protocol="HTTP",
            port="traffic-port",
            path=args.health_path,
            matcher="200",
            interval=check.interval,
            timeout=check.timeout,
            healthy_threshold=check.healthy,
            unhealthy_threshold=check.unhealthy,
        ),
        tags={**parent.tags(suffix), **(tags or {})},
        opts=parent.opts(),
    )


def probe_rule(
    parent: Component, probe: str, *, listener: aws.lb.Listener, targets: aws.lb.TargetGroup
) -> aws.lb.ListenerRule:
    """Attach the target group where only probes go: one that no listener knows is refused, or never checked."""
    return aws.lb.ListenerRule(
        parent.child_name("probe"),
        listener_arn=listener.arn,
        priority=probe_priority(probe),
        conditions=[
            aws.lb.ListenerRuleConditionArgs(
                http_header=aws.lb.ListenerRuleConditionHttpHeaderArgs(http_header_name=PROBE_HEADER, values=[probe])
            )
        ],
        actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=targets.arn)],
        tags=parent.tags("probe"),
        opts=parent.opts(),
    )
