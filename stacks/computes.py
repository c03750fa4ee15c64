"""What runs a service: its computes, a worker beside each, and what runs once before any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi

from components.fargate_rollout import Production
from components.fargate_service import FargateService
from components.lambda_service import LambdaService
from components.service import Link, Size, WorkloadArgs
from stacks.base import Base
from stacks.mapping import (
    canary_of,
    eks_options,
    environment_of,
    fargate_options,
    lambda_options,
    secrets_of,
    service_args,
    side_of,
)
from stacks.settings import Compute
from stacks.sources import Sources
from stacks.workers import WorkerSettings

if TYPE_CHECKING:
    from components.eks_service import EksService
    from components.worker import WorkerArgs

_LONGEST_MIGRATION: Final = 900


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A service, what both of its halves use, and what is made before either."""

    base: Base
    name: str
    links: Sequence[Link] = ()
    before: Sequence[pulumi.Resource] = ()

    @property
    def opts(self) -> pulumi.ResourceOptions:
        """Return the options of what runs it."""
        return pulumi.ResourceOptions.merge(self.base.opts, pulumi.ResourceOptions(depends_on=[*self.before]))


def make_compute(of: Workload, compute: Compute, production: Production) -> LambdaService | FargateService | EksService:
    """Create what answers the requests of a service on one compute."""
    base, name, settings = of.base, of.name, of.base.settings
    artifact = base.artifact(name, compute)
    args = service_args(settings, name, compute, artifact=artifact, key_arn=base.key_arn, links=of.links)
    if compute is Compute.LAMBDA:
        return LambdaService(
            base.name(name),
            args,
            options=lambda_options(settings.serverless),
            network=base.network,
            canary=canary_of(settings.services[name]),
            opts=of.opts,
        )
    balancer = base.front_door.load_balancer
    if compute is Compute.EKS and base.eks_cluster is not None and balancer is not None:
        from components.eks_service import EksService  # noqa: PLC0415

        return EksService(
            base.name(name),
            args,
            cluster=base.eks_cluster,
            network=base.network,
            load_balancer=balancer,
            **eks_options(settings.container),
            opts=of.opts,
        )
    if base.cluster is None or balancer is None:
        msg = f"{name} runs on {compute}, for which this stack has no cluster."
        raise ValueError(msg)
    return FargateService(
        base.name(name),
        args,
        cluster=base.cluster,
        network=base.network,
        load_balancer=balancer,
        production=production,
        **fargate_options(settings.container),
        opts=of.opts,
    )


def make_migration(of: Workload) -> pulumi.Resource:
    """Create what brings a service's database up to date before anything new runs; a function in every mode."""
    from components.migration import Migration  # noqa: PLC0415

    base, name, settings = of.base, of.name, of.base.settings
    service, computes = settings.services[name], settings.computes_of(name)
    compute = Compute.LAMBDA if Compute.LAMBDA in computes else next(iter(computes))
    args = WorkloadArgs(
        artifact=base.artifact(name, compute),
        architecture=side_of(settings, compute).architecture.value,
        environment=environment_of(settings, name),
        secrets=secrets_of(service),
        links=of.links,
        size=Size(cpu=service.size.cpu, memory=service.size.memory),
        timeout=_LONGEST_MIGRATION,
        log_retention_days=settings.log_retention_days,
        key_arn=base.key_arn,
    )
    return Migration(base.name(name, "migration"), args, network=base.network, opts=of.opts)


def make_worker(of: Workload, compute: Compute, sources: Sources) -> None:
    """Create what takes a service's messages on one compute."""
    base, name, container = of.base, of.base.name(of.name, "worker"), of.base.settings.container
    args = _worker_args(of, compute, sources)
    if compute is Compute.LAMBDA:
        from components.lambda_worker import LambdaWorker  # noqa: PLC0415

        LambdaWorker(name, args, network=base.network, opts=of.opts)
    elif compute is Compute.EKS and base.eks_cluster is not None:
        from components.eks_worker import EksWorker  # noqa: PLC0415

        rollout = eks_options(container)["rollout"]
        EksWorker(name, args, cluster=base.eks_cluster, rollout=rollout, opts=of.opts)
    elif base.cluster is not None:
        from components.fargate_worker import FargateWorker  # noqa: PLC0415

        FargateWorker(
            name,
            args,
            cluster=base.cluster,
            network=base.network,
            placement=container.placement.value,
            exec_enabled=container.exec,
            rollout=fargate_options(container)["rollout"],
            opts=of.opts,
        )


def _worker_args(of: Workload, compute: Compute, sources: Sources) -> WorkerArgs:
    from components.worker import WorkerArgs, WorkerScaling  # noqa: PLC0415

    base, name, settings = of.base, of.name, of.base.settings
    service = settings.services[name]
    wanted = service.worker or WorkerSettings()
    scaling = wanted.scaling
    return WorkerArgs(
        artifact=base.artifact(name, compute),
        architecture=side_of(settings, compute).architecture.value,
        environment=environment_of(settings, name),
        secrets=secrets_of(service),
        links=of.links,
        size=Size(cpu=wanted.size.cpu, memory=wanted.size.memory),
        timeout=wanted.timeout,
        log_retention_days=settings.log_retention_days,
        key_arn=base.key_arn,
        queues=sources.queues,
        idempotency=sources.done,
        batch=wanted.batch,
        concurrency=wanted.concurrency,
        scaling=WorkerScaling(
            min=scaling.min,
            max=scaling.max,
            backlog=scaling.backlog,
            cpu_percent=scaling.cpu_percent,
            scale_out_cooldown=scaling.scale_out_cooldown,
            scale_in_cooldown=scaling.scale_in_cooldown,
            spot_percent=scaling.spot_percent,
        ),
    )
