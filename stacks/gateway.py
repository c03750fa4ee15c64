"""Settings of what a front door does itself: keys, bodies, a cache, a firewall."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.rest_limits import CacheSize
from stacks.block import OF_CODE, Settings

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,20}$")]


class ClientSettings(Settings):
    """Somebody who calls a REST API with a key."""

    rate: Annotated[int, Field(ge=1)] = 50
    """Requests per second."""
    burst: Annotated[int, Field(ge=1)] = 100
    """Requests let through at once before the rate applies."""
    quota: Annotated[int, Field(ge=1)] | None = None
    """Requests in a period; unset, any number."""
    period: Literal["day", "week", "month"] = "day"
    """Period of the quota."""


class RestApiSettings(Settings):
    clients: dict[Name, ClientSettings] = Field(default_factory=dict)
    """Who has a key, by name; services ask for one with `apiKey`. AWS makes the keys."""
    cache_gb: CacheSize | None = None
    """Size of a cache for answers whose manifest says for how long they hold (0.5 GB cost 14.60 USD a month)."""


class FirewallSettings(Settings):
    """A WAF web ACL of the stack's own (5 USD a month, 1 for each of its rules)."""

    rate: Annotated[int, Field(ge=10, le=2_000_000_000)] = 1000
    """Requests a minute that one address may send."""
    countries: tuple[str, ...] = ()
    """Those that requests may come from, by ISO 3166 code; none, from anywhere."""
    managed: bool = True
    """Use AWS's lists of known attacks and bad addresses too."""


class RequestSettings(Settings):
    """A request that a REST API looks at before the service does; a manifest says it, for the code depends on it."""

    method: Literal["DELETE", "GET", "PATCH", "POST", "PUT"]
    """Method."""
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~{}/-]*$")]
    """Path below the service's route, with parameters in braces."""
    body: dict[str, object] | None = None
    """JSON schema (draft 4) of what is sent; anything else is refused with 400."""
    query: tuple[str, ...] = ()
    """Parameters that the answer depends on."""
    cache_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """For how long an answer holds; 0 is not at all."""


Requests = Annotated[tuple[RequestSettings, ...], OF_CODE]
