"""The schema of a stack file: every setting, its type, its meaning. Rules across settings are in `rules.py`.

Keys are camelCase in YAML and snake_case here. Library defaults stand in the models; an environment profile
(`profiles.py`) lays over them and the stack file over both.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Mode(StrEnum):
    SERVERLESS = "serverless"
    CONTAINER = "container"


class Compute(StrEnum):
    LAMBDA = "lambda"
    FARGATE = "fargate"
    EKS = "eks"


class FrontDoorKind(StrEnum):
    HTTP_API = "http-api"
    REST_API = "rest-api"
    ALB = "alb"


class Nat(StrEnum):
    NONE = "none"
    SINGLE = "single"
    PER_AZ = "per-az"


class Placement(StrEnum):
    PRIVATE = "private"
    PUBLIC = "public"


class Architecture(StrEnum):
    ARM64 = "arm64"
    X86_64 = "x86_64"


class Settings(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )


class NetworkSettings(Settings):
    cidr: str = "10.20.0.0/16"
    """Private IPv4 block of the VPC, /16 to /22."""
    azs: Annotated[int, Field(ge=2, le=3)] = 2
    """Availability zones."""
    nat: Nat = Nat.NONE
    """NAT gateways: none, one for all zones, or one per zone (36.50 USD a month each, before data)."""
    endpoints: tuple[str, ...] = ()
    """Interface endpoints by service name, as in `ecr.api` (7.30 USD a month each and zone). S3 and DynamoDB
    gateway endpoints are always there and free."""
    flow_logs: bool = True
    """Record rejected and accepted flows to CloudWatch Logs."""


class ServerlessSettings(Settings):
    architecture: Architecture = Architecture.ARM64
    snap_start: bool = False
    """Start from a snapshot of the initialised function; not together with provisioned concurrency."""
    tracing: bool = True
    """X-Ray active tracing."""
    reserved_concurrency: Annotated[int, Field(ge=0)] | None = None
    """Instances kept for, and capped at, this function; unset shares the account's pool."""
    provisioned_concurrency: Annotated[int, Field(ge=0)] = 0
    """Instances kept initialised behind the alias; billed while held."""
    dead_letter: bool = True
    """A queue for asynchronous events that failed every retry."""


class ContainerSettings(Settings):
    compute: Compute = Compute.FARGATE
    placement: Placement = Placement.PRIVATE
    """Subnets of the tasks; `public` saves the NAT gateway and gives each task a public address."""
    architecture: Architecture = Architecture.ARM64
    exec: bool = False
    """ECS Exec, audited to a log group; needs a writable root file system, so it is off until asked for."""
    insights: Annotated[str, Field(pattern="^(disabled|enabled|enhanced)$")] = "enabled"


class ThrottleSettings(Settings):
    rate: Annotated[int, Field(gt=0)] = 100
    """Requests per second at the API."""
    burst: Annotated[int, Field(gt=0)] = 200


class DomainSettings(Settings):
    name: str
    """Name of the stack's URL, as in `api.example.com`."""
    zone: str
    """Route 53 public zone that holds it, as in `example.com`."""


class SizeSettings(Settings):
    cpu: int = 512
    """Units of 1/1024 vCPU (containers)."""
    memory: int = 1024
    """MiB."""


class ScheduleSettings(Settings):
    cron: str
    """`cron(0 8 ? * MON-FRI *)` or `at(…)`."""
    min: Annotated[int, Field(ge=0)]
    max: Annotated[int, Field(ge=0)]
    timezone: str = "UTC"


class StepSettings(Settings):
    cpu_percent: Annotated[int, Field(ge=1, le=100)]
    change: int


class ScalingSettings(Settings):
    min: Annotated[int, Field(ge=0)] = 1
    max: Annotated[int, Field(ge=1)] = 3
    cpu_percent: Annotated[int, Field(ge=1, le=100)] | None = 70
    memory_percent: Annotated[int, Field(ge=1, le=100)] | None = 80
    requests_per_target: Annotated[int, Field(ge=1)] | None = 100
    scale_out_cooldown: Annotated[int, Field(ge=0)] = 60
    scale_in_cooldown: Annotated[int, Field(ge=0)] = 300
    schedules: dict[str, ScheduleSettings] = Field(default_factory=dict)
    steps: tuple[StepSettings, ...] = ()
    spot_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of tasks on Fargate Spot beyond the first `min`."""


class ServiceSettings(Settings):
    route: str
    """Path prefix the service owns; exactly one service owns `/`."""
    mode: Mode | None = None
    """Overrides the stack's mode for this service."""
    compute: Compute | None = None
    """Overrides the compute of the service's mode."""
    size: SizeSettings = Field(default_factory=SizeSettings)
    scaling: ScalingSettings = Field(default_factory=ScalingSettings)
    env: dict[str, str] = Field(default_factory=dict)
    """Plain environment variables; secrets have their own key."""
    secrets: dict[str, str] = Field(default_factory=dict)
    """Environment name to secret reference `arn:aws:secretsmanager:…:secret:NAME:KEY::`."""
    image: str | None = None
    """Image by digest; unset takes the stack's `image`."""
    timeout: Annotated[int, Field(ge=1, le=900)] = 28
    """Longest request, seconds."""
    weights: dict[Compute, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict)
    """Share of traffic per compute during a shift, percent; sums to 100."""


class StackSettings(Settings):
    """One stack, resolved."""

    environment: str
    """Profile: dev, staging or prod; a stack of one of these names need not say it."""
    mode: Mode = Mode.SERVERLESS
    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None = None
    """The only AWS account this stack may be deployed to."""
    owner: str = "platform"
    """Tag `Owner`."""
    cost_center: str = "shared"
    """Tag `Cost-Center`."""
    tags: dict[str, str] = Field(default_factory=dict)
    front_door: FrontDoorKind = FrontDoorKind.HTTP_API
    domain: DomainSettings | None = None
    throttle: ThrottleSettings = Field(default_factory=ThrottleSettings)
    network: NetworkSettings = Field(default_factory=NetworkSettings)
    serverless: ServerlessSettings = Field(default_factory=ServerlessSettings)
    container: ContainerSettings = Field(default_factory=ContainerSettings)
    log_retention_days: int = 7
    customer_key: bool = False
    """Encrypt logs, environments and queues with a key of the stack's own (1 USD a month)."""
    deletion_protection: bool = False
    """Refuse to delete load balancers and stateful resources."""
    access_logs: bool = True
    """One line per request at the front door."""
    image: str | None = None
    """Image by digest for every container service."""
    services: dict[str, ServiceSettings]
