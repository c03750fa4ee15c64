"""A worker as pods on EKS."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.eks_release import pods
from components.eks_values import PodRollout, worker_values
from components.images import container_image
from components.worker import COMMAND, HEARTBEAT, WorkerArgs, taking

if TYPE_CHECKING:
    from components.eks_cluster import EksCluster


class EksWorker(Component):
    """A worker of `WorkerArgs` as pods that nobody calls: a release of `charts/service` without a server.

    Creates a namespace of the worker's own, which takes restricted pods only; a role that the pods take by Pod
    Identity; the release; and an alarm.

    Pods run `python3 -m app.worker` of the service's own image. One whose worker is stuck is started again; one that is
    to end takes no more messages and has the time of the longest for those under way, unless its node goes before, as a
    Spot node does after two minutes; what is not done by then comes again. An update waits until the workers of all new
    pods live, and one that fails goes back to the release before it. Nothing here holds data.

    They are counted by their use of a processor: a cluster of ours has nothing that counts messages, and nothing that
    starts a first pod. So there is one at least, whatever `scaling.min` says, and `scaling.backlog` is not read.

    Cost in us-east-1: pods are paid as nodes (`EksCluster`), polling some 0.05 USD a month for each queue and pod past
    the first million requests, the alarm 0.10, logs 0.50 per GB (AWS price list: AmazonEC2, AmazonEKS, AWSQueueService,
    AmazonCloudWatch).

    Sources: EKS user guide (pod-identities, auto-networking).
    """

    def __init__(
        self,
        name: str,
        args: WorkerArgs,
        *,
        cluster: EksCluster,
        rollout: PodRollout | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the worker.

        Args:
            name: Logical name, `{service}-worker`, and that of the namespace and the release.
            args: The worker, the same in every mode.
            cluster: Where it runs.
            rollout: How new pods replace old ones.
            opts: Options of the component.

        """
        super().__init__("EksWorker", name, opts)
        image = replace(container_image(name, args, "an EKS worker"), entry_point=COMMAND)
        environment = {**args.environment, "HEARTBEAT_PATH": HEARTBEAT, "STOP_SECONDS": str(args.timeout)}
        fed = replace(taking(name, args, parks=True), environment=environment)
        made = pods(self, fed, worker_values(fed, image, rollout=rollout or PodRollout()), cluster=cluster)

        self.release = made.release
        self.role: aws.iam.Role = made.role
        self.security_group_id: pulumi.Output[str] = cluster.security_group_id
        self.log_group_name: pulumi.Output[str] = cluster.log_group_name
        self.alarms = made.alarms
        self.register_outputs({"namespace": name})
