"""What is known of the request at hand: for middleware, routes, log records and problems."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from starlette.types import Scope

_KEY = "modeshift.exchange"

current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)
"""The exchange of the request that this code runs for; none between requests."""


@dataclass(slots=True)
class Exchange:
    """One request and what its response has so far."""

    request_id: str
    client: str
    headers: dict[bytes, bytes]
    """Of the request, by lower-case name; the last wins."""
    response_headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    """What the response gets on top of its own."""
    status: int = 0
    """Of the response, once it has begun."""


def exchange_of(scope: Scope) -> Exchange:
    """Return the exchange that a request's scope belongs to."""
    return scope[_KEY]


def open_exchange(scope: Scope, exchange: Exchange) -> None:
    """Let a scope carry its exchange."""
    scope[_KEY] = exchange
