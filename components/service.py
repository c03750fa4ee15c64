"""The contract that makes a mode switchable: one set of arguments, one surface, any compute.

A stack builds one `ServiceArgs` per service and hands it to `LambdaService`, `FargateService` or a later
compute. Nothing else in the tree asks which compute a service has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pulumi
from pulumi_aws import cloudwatch, iam

Architecture = Literal["arm64", "x86_64"]


@dataclass(frozen=True, kw_only=True)
class ZipArtifact:
    """A Lambda package on disk: `path` to the zip, `sha256` in base64 as Lambda's `CodeSha256` has it."""

    path: str
    sha256: str
    handler: str = "app.handler.lambda_handler"
    runtime: str = "python3.13"


@dataclass(frozen=True, kw_only=True)
class ImageArtifact:
    """A container image by digest: `registry/repository@sha256:…`; what it starts with is its own where unset."""

    reference: str
    entry_point: Sequence[str] = ()
    command: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class SecretRef:
    """One secret value under one environment name: the secret's `arn` and, for a JSON secret, its `key`.

    Without `stage` and `version` it is the current one.
    """

    name: str
    arn: pulumi.Input[str]
    key: str = ""
    stage: str = ""
    version: str = ""

    @property
    def reference(self) -> pulumi.Output[str]:
        """Return where the value is, as ECS writes it: `ARN`, or `ARN:KEY:STAGE:VERSION` with parts left empty."""
        parts = (self.key, self.stage, self.version)
        return pulumi.Output.concat(self.arn, *(f":{part}" for part in parts) if any(parts) else ())


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One IAM statement: `actions` allowed on exactly `resources`."""

    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]]
    conditions: Mapping[str, Mapping[str, pulumi.Input[str] | Sequence[str]]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A file system mounted at `path`, through an EFS access point."""

    name: str
    path: str
    access_point_arn: pulumi.Input[str]
    file_system_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class Link:
    """Something a service uses: what it brings of environment, permissions and network rules, the same in every mode.

    `name` tells the links of one service apart and stays when others come and go. What has an address in the network
    listens at `port` for the members of other groups that `security_group_id` lets in.
    """

    name: str
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Sequence[SecretRef] = ()
    statements: Sequence[Statement] = ()
    volumes: Sequence[Volume] = ()
    security_group_id: pulumi.Input[str] | None = None
    port: int | None = None


@dataclass(frozen=True, kw_only=True)
class Size:
    """What one instance gets: `cpu` in units of 1/1024 vCPU (containers only), `memory` in MiB."""

    cpu: int = 512
    memory: int = 1024


@dataclass(frozen=True, kw_only=True)
class ScheduledScaling:
    """Instance bounds from a moment on: `cron` as in `cron(0 8 ? * MON-FRI *)`, in `timezone`."""

    name: str
    cron: str
    min: int
    max: int
    timezone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class ScalingStep:
    """Add `change` instances while average CPU is at least `cpu_percent` and below the next step's."""

    cpu_percent: int
    change: int


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How many instances run. Target values are percent, or requests per target and minute; cooldowns seconds."""

    min: int = 1
    max: int = 3
    cpu_percent: int | None = 70
    memory_percent: int | None = 80
    requests_per_target: int | None = 100
    scale_out_cooldown: int = 60
    scale_in_cooldown: int = 300
    schedules: Sequence[ScheduledScaling] = ()
    steps: Sequence[ScalingStep] = ()
    spot_percent: int = 0


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """What code needs to run, whatever runs it and whatever it does; `timeout` is the longest it may take, seconds."""

    artifact: ZipArtifact | ImageArtifact
    architecture: Architecture = "arm64"
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Sequence[SecretRef] = ()
    links: Sequence[Link] = ()
    permissions: Sequence[Statement] = ()
    size: Size = field(default_factory=Size)
    timeout: int = 28
    log_retention_days: int = 7
    key_arn: pulumi.Input[str] | None = None

    @property
    def all_secrets(self) -> list[SecretRef]:
        """Return the secrets it was given and those that its links bring."""
        return [*self.secrets, *(secret for link in self.links for secret in link.secrets)]

    @property
    def volumes(self) -> list[Volume]:
        """Return the file systems that its links bring."""
        return [volume for link in self.links for volume in link.volumes]


@dataclass(frozen=True, kw_only=True)
class ServiceArgs(WorkloadArgs):
    """Everything a compute needs to run one service, whatever the compute.

    `timeout` is the longest request in seconds; `port` and `health_path` reach the app as PORT and HEALTH_PATH.
    """

    port: int = 8080
    health_path: str = "/health"
    scaling: Scaling = field(default_factory=Scaling)


@dataclass(frozen=True, kw_only=True)
class LambdaTarget:
    """What a front door attaches to when the compute is Lambda: the alias, never `$LATEST`."""

    function_name: pulumi.Output[str]
    alias_name: pulumi.Output[str]
    alias_arn: pulumi.Output[str]
    invoke_arn: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class IpTarget:
    """What a front door attaches to when the compute has addresses: a target group of type ip."""

    target_group_arn: pulumi.Output[str]


Target = LambdaTarget | IpTarget


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """One target of a service and its share of the traffic; all shares of a service together are 100."""

    target: Target
    weight: int = 100


class Compute(Protocol):
    """The surface every compute offers."""

    @property
    def target(self) -> Target: ...
    @property
    def role(self) -> iam.Role: ...
    @property
    def security_group_id(self) -> pulumi.Output[str] | None: ...
    @property
    def log_group_name(self) -> pulumi.Output[str]: ...
    @property
    def alarms(self) -> Sequence[cloudwatch.MetricAlarm]: ...
