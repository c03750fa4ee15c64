"""The schema of a stack file: every setting, its type, its meaning. Rules across settings are in `rules/`.

Keys are camelCase in YAML and snake_case here. Library defaults stand in the models; an environment profile
(`profiles.py`) lays over them and the stack file over both.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stacks.alarms import AlarmSettings
from stacks.block import OF_CODE, Settings
from stacks.containers import ContainerSettings, Strategy
from stacks.gateway import FirewallSettings, Requests, RestApiSettings
from stacks.links import LinkSettings
from stacks.sizes import ScalingSettings, SizeSettings
from stacks.words import Architecture, Compute, FrontDoorKind, Mode, Nat
from stacks.workers import TriggerSettings, WorkerSettings

_ALL_TRAFFIC = 100


class NetworkSettings(Settings):
    cidr: str = "10.20.0.0/16"
    """IPv4 block of the VPC: a network address in the private ranges, /16 to /22."""
    peers: tuple[str, ...] = ()
    """Blocks routed to this network (other VPCs, a VPN, an office); the VPC's own block must not overlap them."""
    azs: Annotated[int, Field(ge=2, le=3)] = 2
    """Availability zones."""
    nat: Nat = Nat.NONE
    """NAT gateways: none, one for all zones, or one per zone (36.50 USD a month each, before data)."""
    endpoints: tuple[str, ...] = ()
    """Interface endpoints by service name, as in `ecr.api` (7.30 USD a month each and zone). S3 and DynamoDB
    gateway endpoints are always there and free."""
    flow_logs: bool = True
    """Record accepted and rejected flows to CloudWatch Logs."""


class ServerlessSettings(Settings):
    architecture: Architecture = Architecture.ARM64
    """Processor of the functions; arm64 costs a fifth less."""
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


class ThrottleSettings(Settings):
    rate: Annotated[int, Field(gt=0)] = 100
    """Requests per second at the API, over all services."""
    burst: Annotated[int, Field(gt=0)] = 200
    """Requests let through at once before the rate applies."""


class DomainSettings(Settings):
    name: str
    """Name of the stack's URL, as in `api.example.com`."""
    zone: str
    """Route 53 public zone that holds it, as in `example.com`."""


class BudgetSettings(Settings):
    monthly: Annotated[int, Field(ge=1)]
    """USD a month; a preview that expects the stack to cost more fails."""
    usage: str = "small"
    """Usage that is expected: `small`, `medium`, `large`, or a file in the repository (docs/cost.md)."""


class CanarySettings(Settings):
    """A new version of a function beside the one that it takes over from."""

    keep: Annotated[int, Field(ge=1)]
    """Published version that keeps the other requests: what `modeshift outputs` says under `version` before."""
    percent: Annotated[int, Field(ge=0, le=99)]
    """Share of the requests that a newer version gets, percent."""


class ShiftSettings(Settings):
    """A service on several computes at once, and who gets how much of its traffic."""

    step: Annotated[int, Field(ge=1)]
    """Counts the changes of `weights` in this shift: whoever edits them raises it, so that an older file is known."""
    weights: dict[Compute, Annotated[int, Field(ge=0, le=100)]]
    """Share of traffic per compute, percent; sums to 100. A compute with 0 stands beside and gets no requests."""


Timeout = Annotated[int, Field(ge=1, le=900)]


class ServiceSettings(Settings):
    route: str
    """Path prefix the service owns, unset the manifest's; exactly one service owns `/`."""
    health: str = "/health"
    """Path that answers as long as the process lives; load balancers and ECS ask for it."""
    mode: Mode | None = None
    """Overrides the stack's mode for this service."""
    compute: Compute | None = None
    """Overrides the compute of the service's mode."""
    image: str | None = None
    """Image by digest; unset takes the stack's `image`."""
    size: SizeSettings = Field(default_factory=SizeSettings)
    """What one instance gets."""
    scaling: ScalingSettings = Field(default_factory=ScalingSettings)
    """How many tasks run (containers; Lambda scales by itself)."""
    env: dict[str, str] = Field(default_factory=dict)
    """Plain environment variables; secrets have their own key."""
    secrets: dict[str, str] = Field(default_factory=dict)
    """Environment name to secret reference `arn:aws:secretsmanager:…:secret:NAME:KEY::`."""
    timeout: Timeout = 28
    """Longest request, seconds; at most 29 behind an API."""
    api_key: bool = False
    """Ask for a key of the REST API's clients."""
    requests: Requests = ()
    """What a REST API looks at before the service does: its manifest says it."""
    canary: CanarySettings | None = None
    """A new version of a function gets a share of the requests first (docs/deployments.md)."""
    links: dict[str, LinkSettings] = Field(default_factory=dict)
    """What it uses, by name: its manifest says which and of what kind, a stack file how big (docs/data.md)."""
    triggers: dict[str, TriggerSettings] = Field(default_factory=dict)
    """What feeds its worker, by name: its manifest says which (docs/data.md)."""
    worker: WorkerSettings | None = None
    """The part that takes messages, where there are triggers."""
    migrations: Annotated[bool, OF_CODE] = False
    """Bring the database up to date before each release; if that fails, the version before stays."""
    shift: ShiftSettings | None = None
    """A move between computes that is under way: all of them exist and share the traffic (docs/shift.md)."""


class ReleaseSettings(Settings):
    """An earlier version of the app, in the place of this checkout's; everything else stays as the file says."""

    version: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """Commit whose app the functions run, in full."""
    images: dict[str, str] = Field(default_factory=dict)
    """Image by digest of each container service, as that version had it."""


def _library_services() -> dict[str, ServiceSettings]:
    return {"netprobe": ServiceSettings(route="/")}


class StackSettings(Settings):
    """One stack, resolved."""

    environment: str
    """Profile: dev, staging or prod; a stack of one of these names need not say it."""
    mode: Mode = Mode.SERVERLESS
    """How the services run unless they say otherwise: the one word that switches a stack."""
    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None = None
    """The only AWS account this stack may be deployed to."""
    owner: str = "platform"
    """Tag `Owner`."""
    cost_center: str = "shared"
    """Tag `Cost-Center`."""
    tags: dict[str, str] = Field(default_factory=dict)
    """More tags for everything taggable."""
    front_door: FrontDoorKind = FrontDoorKind.HTTP_API
    """The public entry. No mode changes it; changing it moves the URL unless the stack has a domain."""
    domain: DomainSettings | None = None
    """The stack's own name, with certificate and record."""
    throttle: ThrottleSettings = Field(default_factory=ThrottleSettings)
    """Limits at the API, for all callers together."""
    web_acl: str | None = None
    """ARN of a regional WAF web ACL that looks at every request at a load balancer or REST API."""
    firewall: FirewallSettings | None = None
    """A web ACL of the stack's own, where `webAcl` names none."""
    rest_api: RestApiSettings = Field(default_factory=RestApiSettings)
    """Who has a key of the REST API, and its cache; may stand beside another front door."""
    network: NetworkSettings = Field(default_factory=NetworkSettings)
    """The VPC; the same in both modes."""
    serverless: ServerlessSettings = Field(default_factory=ServerlessSettings)
    """What holds for services in mode serverless; may stand beside `container`."""
    container: ContainerSettings = Field(default_factory=ContainerSettings)
    """What holds for services in mode container; may stand beside `serverless`."""
    log_retention_days: int = 7
    """Days that CloudWatch keeps logs; one of the periods it offers."""
    customer_key: bool = False
    """Encrypt logs, environments and queues with a key of the stack's own (1 USD a month)."""
    deletion_protection: bool = False
    """Refuse to delete load balancers, clusters and data. What services keep in prod is protected all the same."""
    access_logs: bool = True
    """One line per request at the front door."""
    alarms: AlarmSettings = Field(default_factory=AlarmSettings)
    """Whom alarms tell."""
    dashboard: bool = True
    """A CloudWatch dashboard of the stack (3 USD a month; three in an account are free)."""
    mask_patterns: tuple[str, ...] = ()
    """Regular expressions; what matches is never shown in a plan or a report. Secrets are hidden without it."""
    image: str | None = None
    """Image by digest for every container service."""
    release: ReleaseSettings | None = None
    """An earlier version that the stack was rolled back to (`modeshift rollback`); removed, the newest runs again."""
    budget: BudgetSettings | None = None
    """What the stack may cost."""
    services: dict[str, ServiceSettings] = Field(default_factory=_library_services)
    """The workloads by name. A stack that lists services has exactly those."""

    def mode_of(self, service: str) -> Mode:
        """Return the mode a service runs in: its own, else the stack's."""
        return self.services[service].mode or self.mode

    def compute_of(self, service: str) -> Compute:
        """Return what runs a service: its own compute, else that of its mode."""
        own = self.services[service].compute
        if own is not None:
            return own
        return Compute.LAMBDA if self.mode_of(service) is Mode.SERVERLESS else self.container.compute

    def image_of(self, service: str) -> str | None:
        """Return the image of a service: that of an earlier release, its own, else the stack's."""
        pinned = None if self.release is None else self.release.images.get(service)
        return pinned or self.services[service].image or self.image

    def moved_by_ecs(self, service: str) -> bool:
        """Tell whether ECS moves the traffic from one version of a service to the next."""
        return self.container.rollout.strategy is not Strategy.ROLLING and Compute.FARGATE in self.computes_of(service)

    def computes_of(self, service: str) -> dict[Compute, int]:
        """Return what runs a service now, each with its share of the traffic in percent, in one fixed order."""
        shift = self.services[service].shift
        weights = {self.compute_of(service): _ALL_TRAFFIC} if shift is None else shift.weights
        return {compute: weights[compute] for compute in Compute if compute in weights}
