"""How one stack's settings become components: in this order, and only what is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.cluster import Cluster
from components.fargate_rollout import Production
from components.fargate_service import FargateService
from components.front_door import FrontDoor
from components.key import CustomerKey
from components.lambda_service import LambdaService
from components.network import Network
from components.route import Route
from components.service import Weighted, ZipArtifact
from stacks.bundle import bundle
from stacks.live_traffic import TAG, wanted
from stacks.load import Resolved
from stacks.mapping import (
    canary_of,
    eks_options,
    fargate_options,
    front_door_args,
    image_of,
    lambda_options,
    provider_args,
    runs,
    service_args,
)
from stacks.places import check_places
from stacks.settings import Compute, StackSettings

# The SDKs of eks and kubernetes take a tenth of a second to load; only stacks with a cluster wait for them.
if TYPE_CHECKING:
    from components.eks_cluster import EksCluster
    from components.eks_service import EksService

Outputs = dict[str, pulumi.Input[object]]


@dataclass(frozen=True, kw_only=True)
class _Base:
    """What the services of a stack share; the package and the clusters are there when one of them needs them."""

    resolved: Resolved
    opts: pulumi.ResourceOptions
    package: ZipArtifact | None
    key_arn: pulumi.Output[str] | None
    network: Network
    cluster: Cluster | None
    eks_cluster: EksCluster | None
    front_door: FrontDoor

    @property
    def settings(self) -> StackSettings:
        return self.resolved.settings

    def name(self, thing: str) -> str:
        return f"{self.resolved.stack}-{thing}"


def deploy(resolved: Resolved, root: Path) -> Outputs:
    """Create a stack and return its outputs.

    Raises:
        SettingsError: Two services get in each other's way.
        BundleError: The package of the functions cannot be built. In both cases nothing has been created.

    """
    check_places(resolved)
    package = None
    if runs(resolved.settings, Compute.LAMBDA):
        release = resolved.settings.release
        version = None if release is None else release.version
        package = bundle(root, resolved.settings.serverless.architecture.value, version)

    opts = pulumi.ResourceOptions(providers=[aws.Provider("aws", provider_args(resolved, pulumi.get_project()))])
    key_arn = _key(resolved, opts)
    network = _network(resolved, key_arn, opts)
    base = _Base(
        resolved=resolved,
        opts=opts,
        package=package,
        key_arn=key_arn,
        network=network,
        cluster=_cluster(resolved, key_arn, opts),
        eks_cluster=_eks_cluster(resolved, network, key_arn, opts),
        front_door=FrontDoor(
            f"{resolved.stack}-front-door", front_door_args(resolved.settings, key_arn), network=network, opts=opts
        ),
    )
    made = {name: _service(base, name) for name in sorted(resolved.settings.services)}
    base.front_door.publish()
    return _outputs(base, {name: {**facts, "url": route.url} for name, (route, facts) in made.items()})


def _key(resolved: Resolved, opts: pulumi.ResourceOptions) -> pulumi.Output[str] | None:
    settings = resolved.settings
    if not settings.customer_key:
        return None
    return CustomerKey(f"{resolved.stack}-key", guarded=settings.deletion_protection, opts=opts).arn


def _network(resolved: Resolved, key_arn: pulumi.Output[str] | None, opts: pulumi.ResourceOptions) -> Network:
    wanted = resolved.settings.network
    return Network(
        f"{resolved.stack}-network",
        cidr=wanted.cidr,
        azs=wanted.azs,
        nat=wanted.nat.value,
        endpoints=wanted.endpoints,
        flow_logs=wanted.flow_logs,
        log_retention_days=resolved.settings.log_retention_days,
        key_arn=key_arn,
        opts=opts,
    )


def _cluster(resolved: Resolved, key_arn: pulumi.Output[str] | None, opts: pulumi.ResourceOptions) -> Cluster | None:
    settings = resolved.settings
    if not runs(settings, Compute.FARGATE):
        return None
    return Cluster(
        f"{resolved.stack}-cluster",
        insights=settings.container.insights,
        log_retention_days=settings.log_retention_days,
        key_arn=key_arn,
        opts=opts,
    )


def _eks_cluster(
    resolved: Resolved, network: Network, key_arn: pulumi.Output[str] | None, opts: pulumi.ResourceOptions
) -> EksCluster | None:
    settings = resolved.settings
    if not runs(settings, Compute.EKS):
        return None
    from components.eks_cluster import EksCluster  # noqa: PLC0415

    container, wanted = settings.container, settings.container.kubernetes
    return EksCluster(
        f"{resolved.stack}-eks",
        network=network,
        version=wanted.version,
        public_cidrs=wanted.public_cidrs,
        admins=wanted.admins,
        key_arn=key_arn,
        log_retention_days=settings.log_retention_days,
        insights=container.insights != "disabled",
        architecture=container.architecture.value,
        most_vcpus=wanted.most_vcpus,
        deletion_protection=settings.deletion_protection,
        opts=opts,
    )


def _service(base: _Base, name: str) -> tuple[Route, Outputs]:
    """Create one service on all its computes; return its route and what people ask about it."""
    settings, own = base.settings.services[name], base.settings.compute_of(name)
    shares = base.settings.computes_of(name)
    made: list[Route] = []

    def production(targets: Sequence[Weighted]) -> aws.lb.ListenerRule:
        made.append(_route(base, name, targets, by_ecs=True))
        return made[0].production_rule

    computes = {compute: _compute(base, name, compute, production) for compute in shares}
    targets = [Weighted(target=computes[compute].target, weight=share) for compute, share in shares.items()]
    route = made[0] if made else _route(base, name, targets, depends_on=[*computes.values()])
    return route, {
        "mode": base.settings.mode_of(name).value,
        "compute": own.value,
        "traffic": {compute.value: share for compute, share in shares.items()},
        **({} if settings.shift is None else {"step": settings.shift.step}),
        **(
            {"version": function.version} if isinstance(function := computes.get(Compute.LAMBDA), LambdaService) else {}
        ),
        **({"rollout": base.settings.container.rollout.strategy.value} if made else {}),
        "logGroup": computes[own].log_group_name,
    }


def _route(
    base: _Base,
    name: str,
    targets: Sequence[Weighted],
    *,
    depends_on: Sequence[pulumi.Resource] = (),
    by_ecs: bool = False,
) -> Route:
    settings = base.settings.services[name]
    return Route(
        base.name(name),
        front_door=base.front_door,
        path=settings.route,
        targets=targets,
        rule_tags=None if settings.shift is None else {TAG: wanted(base.resolved, name).tag},
        by_ecs=by_ecs,
        timeout=settings.timeout,
        depends_on=depends_on,
        opts=base.opts,
    )


def _compute(
    base: _Base, name: str, compute: Compute, production: Production
) -> LambdaService | FargateService | EksService:
    settings = base.settings
    package = base.package if compute is Compute.LAMBDA else None
    artifact = package or image_of(settings, name)
    args = service_args(settings, name, compute, artifact=artifact, key_arn=base.key_arn)
    if compute is Compute.LAMBDA:
        return LambdaService(
            base.name(name),
            args,
            options=lambda_options(settings.serverless),
            network=base.network,
            canary=canary_of(settings.services[name]),
            opts=base.opts,
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
            opts=base.opts,
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
        opts=base.opts,
    )


def _outputs(base: _Base, services: Mapping[str, Outputs]) -> Outputs:
    groups = {
        "access": base.front_door.log_group_name,
        "flow": base.network.flow_log_group_name,
        "exec": None if base.cluster is None else base.cluster.exec_log_group_name,
        "containers": None if base.eks_cluster is None else base.eks_cluster.log_group_name,
    }
    return {
        "url": base.front_door.url,
        "frontDoor": base.front_door.kind,
        "mode": base.settings.mode.value,
        "region": base.resolved.region,
        "networkId": base.network.vpc_id,
        **({} if base.eks_cluster is None else {"cluster": base.eks_cluster.cluster_name}),
        "services": services,
        "logGroups": {purpose: group for purpose, group in groups.items() if group is not None},
    }
