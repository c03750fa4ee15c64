"""The second layer: what an environment changes about the library's defaults.

A profile is made of the settings models themselves, so it is typed and validated; only what it names counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from stacks.block import OF_CODE, Settings
from stacks.keys import Json
from stacks.links import BucketSettings, LinkSettings, PostgresSettings
from stacks.settings import Nat, NetworkSettings, StackSettings
from stacks.sizes import ScalingSettings


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What an environment sets: `stack` for the stack; `scaling`, and `links` by their kind, for each service."""

    stack: StackSettings
    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    links: Sequence[LinkSettings] = ()

    @property
    def name(self) -> str:
        """Return the environment this profile is for."""
        return self.stack.environment

    def stack_layer(self) -> dict[str, Json]:
        """Return what the profile sets on the stack, as a stack file would write it."""
        return _given(self.stack)

    def service_layer(self) -> dict[str, Json]:
        """Return what the profile sets on every service, as a stack file would write it."""
        scaling = _given(self.scaling)
        return {"scaling": scaling} if scaling else {}

    def link_layer(self, kind: Json) -> dict[str, Json]:
        """Return what the profile sets on every link of a kind, as a stack file would write it."""
        of_kind = (link for link in self.links if link.kind == kind)
        return {key: value for link in of_kind for key, value in _given(link).items()}


def _given(settings: Settings) -> dict[str, Json]:
    of_code = {name for name, about in type(settings).model_fields.items() if OF_CODE in about.metadata}
    return settings.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=of_code)


_DEV = Profile(
    stack=StackSettings(
        environment="dev",
        network=NetworkSettings(cidr="10.20.0.0/16", azs=2, nat=Nat.NONE),
        log_retention_days=7,
    ),
    scaling=ScalingSettings(min=1, max=3),
)

_STAGING = Profile(
    stack=StackSettings(
        environment="staging",
        network=NetworkSettings(cidr="10.30.0.0/16", azs=2, nat=Nat.SINGLE),
        log_retention_days=14,
        customer_key=True,
    ),
    scaling=ScalingSettings(min=1, max=5),
    links=(PostgresSettings(kind="postgres", backup_days=14),),
)

_PROD = Profile(
    stack=StackSettings(
        environment="prod",
        network=NetworkSettings(
            cidr="10.40.0.0/16",
            azs=2,
            nat=Nat.PER_AZ,
            endpoints=("ecr.api", "ecr.dkr", "logs", "secretsmanager"),
            flow_logs=True,
        ),
        log_retention_days=30,
        customer_key=True,
        deletion_protection=True,
        access_logs=True,
    ),
    scaling=ScalingSettings(min=2, max=10),
    links=(
        PostgresSettings(kind="postgres", multi_az=True, backup_days=35, monitoring=True, proxy=None),
        BucketSettings(kind="bucket", actions=(), access_log_days=90),
    ),
)

PROFILES: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in (_DEV, _STAGING, _PROD)})
