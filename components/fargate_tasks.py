"""Tasks on Fargate that ECS keeps running, whatever they do: how they are allowed, described, placed and replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.fargate_rollout import Rollout, TrafficByEcs
from components.iam import Grant
from components.images import container_image
from components.logs import log_group
from components.service import WorkloadArgs
from components.task_definition import Program, task_definition
from components.task_roles import execution_role, task_role

if TYPE_CHECKING:
    from components.cluster import Cluster
    from components.network import Network

Placement = Literal["private", "public"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where tasks run and how they get there.

    `placement` is the subnets: in `public` ones each task has a public address and needs no NAT gateway. With
    `exec_enabled` people may open a shell in a task, whose root file system can then be written to.
    """

    cluster: Cluster
    network: Network
    placement: Placement = "private"
    exec_enabled: bool = False
    rollout: Rollout = field(default_factory=Rollout)


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """What ECS is to run: the definition, what its code and its start may do, and where it logs."""

    definition: aws.ecs.TaskDefinition
    role: Grant
    log_group: aws.cloudwatch.LogGroup
    allowed: Sequence[pulumi.Resource]


def tasks(parent: Component, args: WorkloadArgs, program: Program, place: Place, *, kind: str) -> Tasks:
    """Create the log group, the two roles and the task definition of what runs as `kind`, as in `a Fargate service`."""
    image = container_image(parent.name, args, kind)
    log = log_group(parent, "/ecs", args)
    execution = execution_role(parent, args, image=image, log_group=log)
    role = task_role(parent, args, exec_statements=place.cluster.exec_statements if place.exec_enabled else ())
    definition = task_definition(
        parent,
        args,
        program=program,
        image=image,
        execution=execution,
        task=role,
        log_group=log,
        region=place.network.region,
        start_period=place.rollout.grace_seconds,
        writable=place.exec_enabled,
    )
    allowed = [*execution.resources, *role.resources]
    return Tasks(definition=definition, role=role, log_group=log, allowed=allowed)


def capacity_strategy(count: int, spot_percent: int) -> list[aws.ecs.ServiceCapacityProviderStrategyArgs]:
    """Return where tasks are placed: the first `count` on Fargate, of the others `spot_percent` on Fargate Spot."""
    strategy = [
        aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider="FARGATE", base=count, weight=100 - spot_percent)
    ]
    if spot_percent:
        strategy.append(
            aws.ecs.ServiceCapacityProviderStrategyArgs(capacity_provider="FARGATE_SPOT", base=0, weight=spot_percent)
        )
    return strategy


def ecs_service(
    parent: Component,
    running: Tasks,
    place: Place,
    group: aws.ec2.SecurityGroup,
    *,
    count: int,
    spot_percent: int,
    balancer: aws.ecs.ServiceLoadBalancerArgs | None = None,
    moved: TrafficByEcs | None = None,
    depends_on: Sequence[pulumi.Resource] = (),
) -> aws.ecs.Service:
    """Create the ECS service that starts `count` tasks; autoscaling owns the number from then on.

    An update waits until the service is steady, and goes back when new tasks do not become healthy.
    """
    public, rollout = place.placement == "public", place.rollout
    return aws.ecs.Service(
        parent.child_name(),
        cluster=place.cluster.arn,
        task_definition=running.definition.arn,
        desired_count=count,
        # Never a launch type, and always a new deployment: otherwise a change of the Spot share replaces the
        # service or is refused.
        capacity_provider_strategies=capacity_strategy(count, spot_percent),
        force_new_deployment=True,
        platform_version="LATEST",
        network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
            subnets=place.network.public_subnet_ids if public else place.network.private_subnet_ids,
            security_groups=[group.id],
            assign_public_ip=public,
        ),
        load_balancers=None if balancer is None else [balancer],
        deployment_configuration=rollout.configuration(),
        alarms=None if moved is None else moved.watched,
        deployment_minimum_healthy_percent=rollout.min_percent,
        deployment_maximum_percent=rollout.max_percent,
        deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
        health_check_grace_period_seconds=None if balancer is None else rollout.grace_seconds,
        availability_zone_rebalancing="ENABLED",
        enable_execute_command=place.exec_enabled,
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
        wait_for_steady_state=True,
        tags=parent.tags(),
        opts=pulumi.ResourceOptions.merge(
            parent.opts(
                depends_on=[
                    *depends_on,
                    place.cluster.capacity_providers,
                    *running.allowed,
                    *([] if moved is None else moved.ready),
                ],
                ignore_changes=["desiredCount"],
            ),
            pulumi.ResourceOptions(
                custom_timeouts=None
                if moved is None
                else pulumi.CustomTimeouts(create=rollout.longest, update=rollout.longest)
            ),
        ),
    )
