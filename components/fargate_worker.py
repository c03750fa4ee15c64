"""A worker as tasks on Fargate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.autoscaling import ScaledService
from components.backlog import scale_by_backlog
from components.base import Component
from components.fargate_alarms import task_alarms
from components.fargate_rollout import Rollout
from components.fargate_tasks import Place, Placement, ecs_service, tasks
from components.images import container_image
from components.links import closed_group
from components.task_definition import LONGEST_STOP, Program
from components.worker import ALIVE, COMMAND, GIVING_BACK, HEARTBEAT, WorkerArgs, taking

if TYPE_CHECKING:
    from components.cluster import Cluster
    from components.network import Network

_KIND = "a Fargate worker"


class FargateWorker(Component):
    """A worker of `WorkerArgs` as tasks that nobody calls: an ECS service without a load balancer.

    Creates the log group `/ecs/{name}`, a role to start tasks and one to run them, the task definition, a security
    group that lets nobody in, the ECS service, its scaling by the backlog of its queues, and alarms.

    Tasks run `python3 -m app.worker` of the service's own image. A task whose worker is stuck is replaced. One that is
    to end takes no more messages and has up to 95 seconds for those under way, as Fargate kills it after two minutes;
    what takes longer is given back and done again. New tasks that do not become healthy are taken back. All changes but
    of the name are rolled out in place. Nothing here holds data.

    With `scaling.min` 0 an idle worker costs nothing. The first message then waits for the metric, the alarm and the
    start of a task, three minutes or so, up to 15 more when its queue was not used for six hours; and a new version
    that cannot start is found out by the first message, not by the deployment.

    Cost in us-east-1 for each task, 730 hours a month, for the default 0.5 vCPU and 1 GB: 14.42 USD on arm64 and 18.02
    on x86_64, and 3.65 for the address of a task in a public subnet; polling some 0.05 for each queue and task past the
    first million requests, logs 0.50 per GB, alarms 0.10 each (AWS price list: AmazonECS, AmazonVPC, AWSQueueService,
    AmazonCloudWatch).
    """

    def __init__(
        self,
        name: str,
        args: WorkerArgs,
        *,
        cluster: Cluster,
        network: Network,
        placement: Placement = "private",
        exec_enabled: bool = False,
        rollout: Rollout | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the worker.

        Args:
            name: Logical name, `{service}-worker`; children are called after it.
            args: The worker, the same in every mode.
            cluster: Where it runs.
            network: Where its tasks have their addresses.
            placement: Subnets of the tasks; `public` gives each a public address and needs no NAT gateway.
            exec_enabled: Let people open a shell in a running task.
            rollout: How new tasks replace old ones; there is no traffic that a strategy could move.
            opts: Options of the component.

        """
        super().__init__("FargateWorker", name, opts)
        place = Place(
            cluster=cluster,
            network=network,
            placement=placement,
            exec_enabled=exec_enabled,
            rollout=replace(rollout or Rollout(), strategy="rolling"),
        )
        image = replace(container_image(name, args, _KIND), entry_point=COMMAND)
        running = tasks(
            self, replace(taking(name, args, parks=True), artifact=image), _program(args), place, kind=_KIND
        )
        members, ways = closed_group(self, args.links, vpc_id=network.vpc_id, who=f"Tasks of {name}")
        self.service = ecs_service(
            self,
            running,
            place,
            members,
            count=args.scaling.min,
            spot_percent=args.scaling.spot_percent,
            depends_on=ways,
        )
        scaled = ScaledService(cluster_name=cluster.cluster_name, service_name=self.service.name)
        insights = cluster.insights != "disabled"
        queue_names = [queue.queue_name for _, queue in sorted(args.queues.items())]
        scale_by_backlog(self, args.scaling, service=scaled, queue_names=queue_names, insights=insights)

        self.role: aws.iam.Role = running.role.role
        self.security_group_id: pulumi.Output[str] = members.id
        self.log_group_name: pulumi.Output[str] = running.log_group.name
        self.alarms = task_alarms(self, scaled, insights=insights)
        self.register_outputs({"serviceArn": self.service.arn})


def _program(args: WorkerArgs) -> Program:
    stop = min(args.timeout, LONGEST_STOP - GIVING_BACK)
    return Program(
        environment={"HEARTBEAT_PATH": HEARTBEAT, "STOP_SECONDS": str(stop)},
        alive=ALIVE,
        stop_seconds=stop + GIVING_BACK,
    )
