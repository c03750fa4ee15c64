"""How one stack's settings become components: in this order, and only what is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.cluster import Cluster
from components.front_door import FrontDoor
from components.key import CustomerKey
from components.lambda_service import LambdaService
from components.network import Network
from components.route import Route
from components.service import Weighted
from stacks.base import Base, Outputs
from stacks.bundle import bundle
from stacks.computes import Workload, make_compute, make_migration, make_worker
from stacks.data import Linked, links_of, make_links
from stacks.live_traffic import TAG, wanted
from stacks.load import Resolved
from stacks.mapping import front_door_args, gate_of, provider_args, runs
from stacks.places import check_places
from stacks.settings import Compute
from stacks.sources import Sources, make_sources
from stacks.watching import draw, make_notifications, topics_of, watch_tasks

# The SDKs of eks and kubernetes take a tenth of a second to load; only stacks with a cluster wait for them.
if TYPE_CHECKING:
    from components.eks_cluster import EksCluster


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
    told = make_notifications(resolved, key_arn, opts)
    opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[told.attach]))
    network = _network(resolved, key_arn, opts)
    base = Base(
        resolved=resolved,
        opts=opts,
        package=package,
        key_arn=key_arn,
        network=network,
        cluster=_cluster(resolved, key_arn, opts),
        eks_cluster=_eks_cluster(resolved, network, key_arn, opts),
        front_door=FrontDoor(
            f"{resolved.stack}-front-door",
            front_door_args(resolved.settings, key_arn, _web_acl(resolved, key_arn, opts)),
            network=network,
            opts=opts,
        ),
    )
    made = {name: _service(base, name) for name in sorted(resolved.settings.services)}
    base.front_door.publish()
    if base.cluster is not None:
        watch_tasks(base, base.cluster, told)
    if resolved.settings.dashboard:
        draw(base, told)
    services = {name: {**facts, "url": route.url} for name, (route, facts) in made.items()}
    return {**_outputs(base, services), "alarmTopics": topics_of(told)}


def _key(resolved: Resolved, opts: pulumi.ResourceOptions) -> pulumi.Output[str] | None:
    settings = resolved.settings
    if not settings.customer_key:
        return None
    return CustomerKey(f"{resolved.stack}-key", guarded=settings.deletion_protection, opts=opts).arn


def _web_acl(
    resolved: Resolved, key_arn: pulumi.Output[str] | None, opts: pulumi.ResourceOptions
) -> pulumi.Input[str] | None:
    settings = resolved.settings
    if settings.firewall is None:
        return settings.web_acl
    from components.web_acl import WebAcl  # noqa: PLC0415

    return WebAcl(
        f"{resolved.stack}-firewall",
        rate=settings.firewall.rate,
        countries=settings.firewall.countries,
        managed=settings.firewall.managed,
        log_retention_days=settings.log_retention_days,
        key_arn=key_arn,
        opts=opts,
    ).arn


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


def _service(base: Base, name: str) -> tuple[Route, Outputs]:
    """Create one service on all its computes; return its route and what people ask about it."""
    settings, own = base.settings.services[name], base.settings.compute_of(name)
    shares = base.settings.computes_of(name)
    links = make_links(base, name)
    sources = make_sources(base, name, links)
    workload = _workload(base, name, links, sources)
    made: list[Route] = []

    def production(targets: Sequence[Weighted]) -> aws.lb.ListenerRule:
        made.append(_route(base, name, targets, by_ecs=True))
        return made[0].production_rule

    computes = {compute: make_compute(workload, compute, production) for compute in shares}
    if sources is not None:
        # All take messages during a shift: shares are of requests.
        for compute in shares:
            make_worker(workload, compute, sources)
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
        **({"links": {link: linked.id for link, linked in links.items()}} if links else {}),
        **({} if sources is None else {"queues": {trigger: queue.url for trigger, queue in sources.queues.items()}}),
    }


def _workload(base: Base, name: str, links: Mapping[str, Linked], sources: Sources | None) -> Workload:
    """Return a service as its computes take it; what it migrates is up to date before any of them changes."""
    settings = base.settings.services[name]
    linked = links_of(base, name, links)
    before: list[pulumi.Resource] = []
    if settings.migrations:
        data = [made.component for made in links.values()]
        before.append(make_migration(Workload(base=base, name=name, links=linked, before=data)))
    sending = [] if sources is None else sources.links(settings)
    return Workload(base=base, name=name, links=[*linked, *sending], before=before)


def _route(
    base: Base,
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
        gate=gate_of(settings),
        depends_on=depends_on,
        opts=base.opts,
    )


def _outputs(base: Base, services: Mapping[str, Outputs]) -> Outputs:
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
