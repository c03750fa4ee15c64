"""How one stack's settings become components: in this order, and only what is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.cluster import Cluster
from components.fargate_service import FargateService
from components.front_door import FrontDoor
from components.key import CustomerKey
from components.lambda_service import LambdaService
from components.network import Network
from components.route import Route
from components.service import ImageArtifact, ZipArtifact
from stacks.bundle import bundle
from stacks.load import Resolved
from stacks.mapping import fargate_options, front_door_args, image_of, lambda_options, provider_args, runs, service_args
from stacks.places import check_places
from stacks.settings import Compute, StackSettings

Outputs = dict[str, pulumi.Input[object]]
Artifact = ZipArtifact | ImageArtifact


@dataclass(frozen=True, kw_only=True)
class _Base:
    """What the services of a stack share. `cluster` is there when one of them needs it."""

    resolved: Resolved
    opts: pulumi.ResourceOptions
    key_arn: pulumi.Output[str] | None
    network: Network
    cluster: Cluster | None
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
    artifacts = _artifacts(resolved.settings, root)

    opts = pulumi.ResourceOptions(providers=[aws.Provider("aws", provider_args(resolved, pulumi.get_project()))])
    key_arn = _key(resolved, opts)
    network = _network(resolved, key_arn, opts)
    base = _Base(
        resolved=resolved,
        opts=opts,
        key_arn=key_arn,
        network=network,
        cluster=_cluster(resolved, key_arn, opts),
        front_door=FrontDoor(
            f"{resolved.stack}-front-door", front_door_args(resolved.settings, key_arn), network=network, opts=opts
        ),
    )
    services = {name: _service(base, name, artifact) for name, artifact in artifacts.items()}
    return _outputs(base, services)


def _artifacts(settings: StackSettings, root: Path) -> dict[str, Artifact]:
    """Return what each service runs, in the order of their names; the package is built only if one needs it."""
    package = bundle(root, settings.serverless.architecture.value) if runs(settings, Compute.LAMBDA) else None
    return {
        name: package
        if package is not None and settings.compute_of(name) is Compute.LAMBDA
        else image_of(settings, name)
        for name in sorted(settings.services)
    }


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


def _service(base: _Base, name: str, artifact: Artifact) -> dict[str, pulumi.Input[str]]:
    """Create one service and its route; return what people ask about it."""
    settings = base.settings.services[name]
    compute = _compute(base, name, artifact)
    route = Route(
        base.name(name),
        front_door=base.front_door,
        path=settings.route,
        target=compute.target,
        timeout=settings.timeout,
        depends_on=[compute],
        opts=base.opts,
    )
    return {
        "mode": base.settings.mode_of(name).value,
        "compute": base.settings.compute_of(name).value,
        "url": route.url,
        "logGroup": compute.log_group_name,
    }


def _compute(base: _Base, name: str, artifact: Artifact) -> LambdaService | FargateService:
    args = service_args(base.settings, name, artifact=artifact, key_arn=base.key_arn)
    if base.settings.compute_of(name) is Compute.LAMBDA:
        return LambdaService(
            base.name(name),
            args,
            options=lambda_options(base.settings.serverless),
            network=base.network,
            opts=base.opts,
        )
    if base.cluster is None or base.front_door.load_balancer is None:
        msg = f"{name} runs on {base.settings.compute_of(name)}, for which this stack has no cluster."
        raise ValueError(msg)
    return FargateService(
        base.name(name),
        args,
        cluster=base.cluster,
        network=base.network,
        load_balancer=base.front_door.load_balancer,
        **fargate_options(base.settings.container),
        opts=base.opts,
    )


def _outputs(base: _Base, services: Mapping[str, Mapping[str, pulumi.Input[str]]]) -> Outputs:
    groups = {
        "access": base.front_door.log_group_name,
        "flow": base.network.flow_log_group_name,
        "exec": None if base.cluster is None else base.cluster.exec_log_group_name,
    }
    return {
        "url": base.front_door.url,
        "mode": base.settings.mode.value,
        "region": base.resolved.region,
        "networkId": base.network.vpc_id,
        "services": services,
        "logGroups": {purpose: group for purpose, group in groups.items() if group is not None},
    }
