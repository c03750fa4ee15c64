"""From settings to the arguments of components: small pure functions, so that neither side knows the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

import pulumi
import pulumi_aws as aws

from components.domain import DomainName
from components.eks_values import PodRollout
from components.fargate_rollout import Rollout
from components.fargate_traffic import HealthCheck
from components.front_door import FrontDoorArgs, Kind
from components.http_api import Throttle
from components.lambda_service import Canary, LambdaOptions
from components.rest_api import Client
from components.rest_definition import Gate, Operation
from components.service import (
    ImageArtifact,
    Link,
    Scaling,
    ScalingStep,
    ScheduledScaling,
    SecretRef,
    ServiceArgs,
    Size,
    ZipArtifact,
)
from stacks.containers import ContainerSettings
from stacks.load import Resolved
from stacks.settings import Compute, FrontDoorKind, ServerlessSettings, ServiceSettings, StackSettings
from stacks.sizes import ScalingSettings

_ARN_PARTS = 7
_SHORTEST_IDLE = 60
_PERIODS: dict[Literal["day", "week", "month"], Literal["DAY", "WEEK", "MONTH"]] = {
    "day": "DAY",
    "week": "WEEK",
    "month": "MONTH",
}
_KINDS: dict[FrontDoorKind, Kind] = {
    FrontDoorKind.HTTP_API: "http-api",
    FrontDoorKind.REST_API: "rest-api",
    FrontDoorKind.ALB: "alb",
}


class FargateOptions(TypedDict):
    """Keywords of `FargateService` that a stack file decides."""

    placement: Literal["private", "public"]
    exec_enabled: bool
    deregistration_delay: int
    health_check: HealthCheck
    rollout: Rollout


class EksOptions(TypedDict):
    """Keywords of `EksService` that a stack file decides."""

    deregistration_delay: int
    health_check: HealthCheck
    rollout: PodRollout


def provider_args(resolved: Resolved, project: str) -> aws.ProviderArgs:
    """Return where everything goes, and the tags everything carries."""
    settings = resolved.settings
    return aws.ProviderArgs(
        region=resolved.region,
        allowed_account_ids=None if settings.account is None else [settings.account],
        default_tags=aws.ProviderDefaultTagsArgs(
            tags={
                **settings.tags,
                "Environment": settings.environment,
                "Owner": settings.owner,
                "Cost-Center": settings.cost_center,
                "modeshift:project": project,
                "modeshift:stack": resolved.stack,
            }
        ),
    )


def runs(settings: StackSettings, compute: Compute) -> bool:
    """Tell whether some service of the stack runs on a compute."""
    return any(compute in settings.computes_of(name) for name in settings.services)


def front_door_args(
    settings: StackSettings, key_arn: pulumi.Input[str] | None, web_acl_arn: pulumi.Input[str] | None = None
) -> FrontDoorArgs:
    """Return what the stack wants of its public entry."""
    domain = settings.domain
    longest = max(service.timeout for service in settings.services.values())
    return FrontDoorArgs(
        kind=_KINDS[settings.front_door],
        containers=runs(settings, Compute.FARGATE) or runs(settings, Compute.EKS),
        domain=None if domain is None else DomainName(host=domain.name, zone=domain.zone),
        throttle=Throttle(rate=settings.throttle.rate, burst=settings.throttle.burst),
        access_logs=settings.access_logs,
        log_retention_days=settings.log_retention_days,
        key_arn=key_arn,
        deletion_protection=settings.deletion_protection,
        # The connection must outlive the longest request, or its caller never sees the answer.
        idle_timeout=max(_SHORTEST_IDLE, longest + 5),
        web_acl_arn=web_acl_arn,
        clients={
            name: Client(
                throttle=Throttle(rate=client.rate, burst=client.burst),
                quota=None if client.quota is None else (client.quota, _PERIODS[client.period]),
            )
            for name, client in settings.rest_api.clients.items()
        },
        cache_gb=settings.rest_api.cache_gb,
    )


def gate_of(service: ServiceSettings) -> Gate:
    """Return what a REST API does with a service's requests itself."""
    return Gate(
        needs_key=service.api_key,
        operations=[
            Operation(
                method=request.method,
                path=request.path,
                body=request.body,
                query=request.query,
                cache_seconds=request.cache_seconds,
            )
            for request in service.requests
        ],
    )


def fargate_options(container: ContainerSettings) -> FargateOptions:
    """Return what only Fargate services have."""
    rollout = container.rollout
    return {
        "placement": container.placement.value,
        "exec_enabled": container.exec,
        "deregistration_delay": container.deregistration_delay,
        "health_check": _health_check(container),
        "rollout": Rollout(
            min_percent=rollout.min_percent,
            max_percent=rollout.max_percent,
            grace_seconds=rollout.grace_seconds,
            strategy=rollout.strategy.value,
            percent=rollout.percent,
            step_minutes=rollout.step_minutes,
            bake_minutes=rollout.bake_minutes,
        ),
    }


def eks_options(container: ContainerSettings) -> EksOptions:
    """Return what only pods have."""
    rollout = container.rollout
    return {
        "deregistration_delay": container.deregistration_delay,
        "health_check": _health_check(container),
        "rollout": PodRollout(
            # No pod goes before its successor is ready, so there is one more at least.
            surge_percent=max(1, rollout.max_percent - 100),
            startup_seconds=max(1, rollout.grace_seconds),
        ),
    }


def _health_check(container: ContainerSettings) -> HealthCheck:
    check = container.health_check
    return HealthCheck(interval=check.interval, timeout=check.timeout, healthy=check.healthy, unhealthy=check.unhealthy)


def canary_of(service: ServiceSettings) -> Canary | None:
    """Return how a new version of a function is tried."""
    canary = service.canary
    return None if canary is None else Canary(keep=canary.keep, percent=canary.percent)


def lambda_options(serverless: ServerlessSettings) -> LambdaOptions:
    """Return what only functions have."""
    return LambdaOptions(
        snap_start=serverless.snap_start,
        tracing=serverless.tracing,
        reserved_concurrency=serverless.reserved_concurrency,
        provisioned_concurrency=serverless.provisioned_concurrency,
        dead_letter=serverless.dead_letter,
    )


def image_of(settings: StackSettings, name: str) -> ImageArtifact:
    """Return the image a service runs as a container.

    Raises:
        ValueError: No image is named, which validated settings rule out.

    """
    reference = settings.image_of(name)
    if reference is None:
        msg = f"{name} runs in a container and no image is named."
        raise ValueError(msg)
    return ImageArtifact(reference=reference)


def service_args(
    settings: StackSettings,
    name: str,
    compute: Compute,
    *,
    artifact: ZipArtifact | ImageArtifact,
    key_arn: pulumi.Input[str] | None,
    links: Sequence[Link] = (),
) -> ServiceArgs:
    """Return one service as every compute takes it; `compute` is the one it is for."""
    service = settings.services[name]
    return ServiceArgs(
        artifact=artifact,
        architecture=side_of(settings, compute).architecture.value,
        health_path=service.health,
        environment={**_proxies(settings.front_door, compute), **environment_of(settings, name)},
        secrets=secrets_of(service),
        links=links,
        size=Size(cpu=service.size.cpu, memory=service.size.memory),
        scaling=scaling(service.scaling),
        timeout=service.timeout,
        log_retention_days=settings.log_retention_days,
        key_arn=key_arn,
    )


def side_of(settings: StackSettings, compute: Compute) -> ServerlessSettings | ContainerSettings:
    """Return what holds for a compute, whatever runs on it."""
    return settings.serverless if compute is Compute.LAMBDA else settings.container


def environment_of(settings: StackSettings, name: str) -> dict[str, str]:
    """Return what a service's code is told on every compute, in both of its halves."""
    service = settings.services[name]
    # One package holds every service; this one serves the one it is deployed for, at the route of the front door.
    return {"ENVIRONMENT": settings.environment, "SERVICES": f"{name}={service.route}", **service.env}


def secrets_of(service: ServiceSettings) -> list[SecretRef]:
    """Return the secrets that a stack file names for a service."""
    return [secret_ref(variable, reference) for variable, reference in sorted(service.secrets.items())]


def _proxies(front_door: FrontDoorKind, compute: Compute) -> dict[str, str]:
    """Return how a service learns who called, which limits and logs go by."""
    # An HTTP API names the caller in this header alone; the load balancer behind it adds the VPC link to the other one.
    header = {"PROXY_HEADER": "forwarded"} if front_door is FrontDoorKind.HTTP_API else {}
    # A function's event says what it came through, so nothing about it changes when a shift puts it behind the link.
    return header if compute is Compute.LAMBDA else {"TRUSTED_PROXIES": "1", **header}


def secret_ref(variable: str, reference: str) -> SecretRef:
    """Return a reference such as `arn:aws:secretsmanager:…:secret:NAME:KEY::` in its parts."""
    parts = reference.split(":")
    arn, (key, stage, version) = ":".join(parts[:_ARN_PARTS]), parts[_ARN_PARTS:] or ("", "", "")
    return SecretRef(name=variable, arn=arn, key=key, stage=stage, version=version)


def scaling(given: ScalingSettings) -> Scaling:
    """Return the bounds and rules by which instances come and go."""
    return Scaling(
        min=given.min,
        max=given.max,
        cpu_percent=given.cpu_percent,
        memory_percent=given.memory_percent,
        requests_per_target=given.requests_per_target,
        scale_out_cooldown=given.scale_out_cooldown,
        scale_in_cooldown=given.scale_in_cooldown,
        schedules=[
            ScheduledScaling(
                name=name, cron=schedule.cron, min=schedule.min, max=schedule.max, timezone=schedule.timezone
            )
            for name, schedule in sorted(given.schedules.items())
        ],
        steps=[ScalingStep(cpu_percent=step.cpu_percent, change=step.change) for step in given.steps],
        spot_percent=given.spot_percent,
    )
