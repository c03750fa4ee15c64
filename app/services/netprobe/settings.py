"""NetProbe's own settings."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Self

from pydantic import AliasGenerator, BeforeValidator, ConfigDict, Field, InstanceOf, model_validator

from app.core.settings import Environment, EnvironmentSettings
from app.services.netprobe.addresses import CLOUD, Network
from app.services.netprobe.guard import Guard, Ports


def _ports(value: object) -> object:
    return Ports.parse(value) if isinstance(value, str) else value


def _networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    networks = tuple(ip_network(part.strip()) for part in value.split(","))
    for network in networks:
        if any(network.version == never.version and network.overlaps(never) for never in CLOUD):
            raise ValueError(f"{network} holds cloud metadata, which no setting opens")
    return networks


class NetprobeSettings(EnvironmentSettings):
    """Who may be probed."""

    model_config = ConfigDict(alias_generator=AliasGenerator(alias=lambda name: f"NETPROBE_{name.upper()}"))

    environment: Annotated[Environment, Field(alias="ENVIRONMENT")] = "prod"
    """Profile of the stack."""
    ports: Annotated[InstanceOf[Ports], BeforeValidator(_ports)] = Ports.parse("53,80,443,853,8080,8443")
    """Ports that may be probed, as in `80,443,8000-8999`."""
    allow_private: Annotated[tuple[Network, ...], BeforeValidator(_networks)] = ()
    """Networks that may be probed although they are not public, as in `127.0.0.1/32`; for tests, in dev only."""

    @model_validator(mode="after")
    def _only_in_dev(self) -> Self:
        if self.allow_private and self.environment != "dev":
            raise ValueError(
                f"NETPROBE_ALLOW_PRIVATE is set, but ENVIRONMENT is {self.environment}: private networks "
                "may be probed in dev only. Unset it."
            )
        return self

    def guard(self) -> Guard:
        """Return the guard these settings ask for."""
        return Guard(self.ports, self.allow_private)
