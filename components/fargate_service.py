"""A service as tasks on Fargate behind a load balancer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.autoscaling import Autoscaling, ScaledService
from components.base import Component
from components.fargate_alarms import task_alarms
from components.fargate_rollout import Production, Rollout, traffic_by_ecs
from components.fargate_tasks import Place, Placement, ecs_service, tasks
from components.fargate_traffic import HealthCheck, probe_rule, target_group, task_security_group
from components.naming import SECOND
from components.service import IpTarget, ServiceArgs
from components.target_alarms import target_alarms
from components.task_definition import CONTAINER, server

if TYPE_CHECKING:
    from components.cluster import Cluster
    from components.load_balancer import LoadBalancer
    from components.network import Network


class FargateService(Component):
    """A service of `ServiceArgs` on Fargate, scaled, watched and reachable through a target group.

    Creates the log group `/ecs/{name}`, a role to start tasks and one to run them, the task definition, a security
    group that takes traffic from the load balancer alone, the target group with a rule that lets it be probed before
    it has a route, the ECS service, its scaling and its alarms.

    Tasks may open connections to anywhere: what they may reach is said where it listens, by the security groups of
    databases and endpoints. `exec_enabled` makes the root file system writable, because ECS Exec needs it.

    A change of port replaces the target group, and for the seconds between new tasks being steady and the route
    following them requests fail; a change of name replaces everything; all else is rolled out in place. An update waits
    until the service is steady; when new tasks do not become healthy, ECS goes back to the old ones.

    With a `rollout` whose traffic ECS moves there is a second target group, a rule for the version that is to come
    (`x-modeshift-probe: {name}/next`), a role for ECS, and alarms on errors and latency of either group that take a new
    version back. Scaling on requests for each target is left out: it would look at one of the groups.

    Cost in us-east-1 for each task, 730 hours a month, for the default 0.5 vCPU and 1 GB: 14.42 USD on arm64 and 18.02
    on x86_64 (arm 0.03238 per vCPU hour and 0.00356 per GB hour, x86 0.04048 and 0.004445), and 3.65 for the address
    of a task in a public subnet; logs 0.50 per GB, alarms 0.10 each (AWS price list: AmazonECS, AmazonVPC,
    AmazonCloudWatch).
    """

    def __init__(
        self,
        name: str,
        args: ServiceArgs,
        *,
        cluster: Cluster,
        network: Network,
        load_balancer: LoadBalancer,
        placement: Placement = "private",
        exec_enabled: bool = False,
        rollout: Rollout | None = None,
        production: Production | None = None,
        health_check: HealthCheck | None = None,
        deregistration_delay: int = 300,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the service.

        Args:
            name: Logical name, at most 24 characters (`naming.py`); children are called after it.
            args: The service, the same in every mode.
            cluster: Where it runs.
            network: Where its tasks have their addresses.
            load_balancer: What its requests come through.
            placement: Subnets of the tasks; `public` gives each a public address and needs no NAT gateway.
            exec_enabled: Let people open a shell in a running task.
            rollout: How a new version takes over.
            production: Makes the production rule, where ECS moves the traffic and so has to know it.
            health_check: How the load balancer checks tasks.
            deregistration_delay: Seconds a task that leaves may finish its requests in.
            opts: Options of the component.

        """
        super().__init__("FargateService", name, opts)
        rollout = rollout or Rollout()
        place = Place(cluster=cluster, network=network, placement=placement, exec_enabled=exec_enabled, rollout=rollout)
        running = tasks(self, args, server(args), place, kind="a Fargate service")
        members = task_security_group(self, args, vpc_id=network.vpc_id, front=load_balancer.security_group)

        def group(suffix: str = "") -> aws.lb.TargetGroup:
            return target_group(
                self,
                args,
                vpc_id=network.vpc_id,
                check=health_check or HealthCheck(),
                deregistration_delay=deregistration_delay,
                suffix=suffix,
            )

        targets = group()
        alarms = target_alarms(
            self,
            load_balancer_suffix=load_balancer.load_balancer.arn_suffix,
            target_group_suffix=targets.arn_suffix,
        )
        moved = None
        if rollout.by_ecs:
            if production is None:
                msg = f"{name}: ECS can only move traffic by a rule that it knows; pass `production`."
                raise ValueError(msg)
            moved = traffic_by_ecs(
                self,
                (targets, group(SECOND)),
                production=production,
                load_balancer=load_balancer,
                errors=alarms[1],
                slow_seconds=args.timeout / 2,
            )
        probe = probe_rule(self, name, listener=load_balancer.listener, targets=targets)
        self.service = ecs_service(
            self,
            running,
            place,
            members,
            count=args.scaling.min,
            spot_percent=args.scaling.spot_percent,
            balancer=aws.ecs.ServiceLoadBalancerArgs(
                target_group_arn=targets.arn,
                container_name=CONTAINER,
                container_port=args.port,
                advanced_configuration=None if moved is None else moved.balancer,
            ),
            moved=moved,
            depends_on=[probe],
        )
        balancer_suffix = load_balancer.load_balancer.arn_suffix
        scaled = ScaledService(
            cluster_name=cluster.cluster_name,
            service_name=self.service.name,
            requests_label=pulumi.Output.concat(balancer_suffix, "/", targets.arn_suffix),
        )
        scaling = replace(args.scaling, requests_per_target=None) if rollout.by_ecs else args.scaling
        Autoscaling(self, scaling, service=scaled)

        self.target = IpTarget(target_group_arn=targets.arn)
        self.role: aws.iam.Role = running.role.role
        self.security_group_id: pulumi.Output[str] = members.id
        self.log_group_name: pulumi.Output[str] = running.log_group.name
        self.alarms = (
            *alarms,
            *([] if moved is None else moved.alarms),
            *task_alarms(self, scaled, insights=cluster.insights != "disabled"),
        )
        self.register_outputs({"serviceArn": self.service.arn, "targetGroupArn": targets.arn})
