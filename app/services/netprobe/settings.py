"""NetProbe's own settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Annotated, Self

from pydantic import AliasGenerator, BeforeValidator, ConfigDict, Field, InstanceOf, field_validator, model_validator

from app.core.rate_limit import Rate
from app.core.settings import Environment, EnvironmentSettings
from app.services.netprobe.addresses import CLOUD, Network
from app.services.netprobe.guard import AGENT, Guard, Ports
from app.services.netprobe.limits import Limits


def _parsed(parse: Callable[[str], object]) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(","))


Networks = Annotated[tuple[Network, ...], _parsed(_networks)]
Places = Annotated[int, Field(ge=1, le=1000)]
ProbeRate = Annotated[InstanceOf[Rate], _parsed(Rate.parse)]


class NetprobeSettings(EnvironmentSettings):
    """Who may be probed, and how much."""

    model_config = ConfigDict(alias_generator=AliasGenerator(alias=lambda name: f"NETPROBE_{name.upper()}"))

    environment: Annotated[Environment, Field(alias="ENVIRONMENT")] = "prod"
    """Profile of the stack."""
    lambda_api: Annotated[str, Field(alias="AWS_LAMBDA_RUNTIME_API")] = ""
    """Where Lambda serves its Runtime API, which hands out others' events; its port is never probed. Lambda sets it."""
    ports: Annotated[InstanceOf[Ports], _parsed(Ports.parse)] = Ports.parse("53,80,443,853,8080,8443")
    """Ports that may be probed, as in `80,443,8000-8999`."""
    deny: Networks = ()
    """Public networks that may not be probed, as in `198.51.100.0/24`: those that mean something of yours."""
    allow_private: Networks = ()
    """Networks that may be probed although they are not public, as in `127.0.0.1/32`; for tests, in dev only."""
    contact: Annotated[str, Field(pattern=r"^((https?://|mailto:)[^\s()<>\\\"]{1,200})?$")] = ""
    """Where those who are probed can ask about it, as in `https://example.com/probes`; sent with every HTTP request."""
    cache_seconds: Annotated[float, Field(ge=0, le=60)] = 5
    """How long an answer is given again to the same question; 0 probes every time."""
    at_once: Places = 64
    """Probes that an instance has under way."""
    client_at_once: Places = 16
    """How many of them may be one client's."""
    target_at_once: Places = 5
    """How many may go to one host; the next waits for up to a second."""
    client_rate: ProbeRate = Rate(250, 3600)
    """Probes/seconds that an instance runs for one client, as in `250/3600`; `0` is no limit. Cached ones are free."""
    target_rate: ProbeRate = Rate(60, 60)
    """Attempts/seconds that an instance makes to reach one address, whoever asks; `0` is no limit."""

    @field_validator("allow_private")
    @classmethod
    def _no_cloud(cls, networks: tuple[Network, ...]) -> tuple[Network, ...]:
        for network in networks:
            if any(network.version == cloud.version and network.overlaps(cloud) for cloud in CLOUD):
                raise ValueError(f"{network} holds cloud metadata, which no setting opens")
        return networks

    @model_validator(mode="after")
    def _only_in_dev(self) -> Self:
        if self.allow_private and self.environment != "dev":
            raise ValueError(
                f"NETPROBE_ALLOW_PRIVATE is set, but ENVIRONMENT is {self.environment}: private networks "
                "may be probed in dev only. Unset it."
            )
        return self

    def limits(self) -> Limits:
        """Return the limits these settings ask for, nothing used up."""
        return Limits(
            at_once=self.at_once,
            client_at_once=self.client_at_once,
            target_at_once=self.target_at_once,
            client_rate=self.client_rate,
            target_rate=self.target_rate,
        )

    def guard(self, limits: Limits) -> Guard:
        """Return the guard these settings ask for, which counts what it sends out."""
        runtime = re.search(r":(\d+)", self.lambda_api)
        ports = self.ports.without(int(runtime[1])) if runtime else self.ports
        agent = f"{AGENT} (+{self.contact})" if self.contact else AGENT
        return Guard(ports, self.allow_private, self.deny, limits.spend, agent)
