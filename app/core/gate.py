"""The door that every request passes: who sends it, how many they may send, whether they may come in, how much."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.api_keys import owner
from app.core.exchange import exchange_of
from app.core.problems import problem
from app.core.rate_limit import Buckets, Rate
from app.core.state import state_of

KEY_HEADER = "X-API-Key"

_KEY = KEY_HEADER.lower().encode()
_TOO_LONG = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_DIGITS = 18


@dataclass(frozen=True)
class Paths:
    """Which paths are special. All others count for a client's rate, and need a key where keys are set."""

    health: frozenset[str]
    """Asked by load balancers and orchestrators all the time; they count for no rate."""
    keyless: frozenset[str]
    """What a browser gets without a key."""
    keyless_below: tuple[str, ...]
    """How paths begin of which the same is true."""

    @classmethod
    def of(cls, health: str, base: str, services: Mapping[str, Collection[str]]) -> Paths:
        """Return them for an app whose own pages are below `base`, and services with their keyless paths, by prefix."""
        told = frozenset(prefix + path for prefix in ("", *services) for path in (health, "/ready"))
        pages = {f"{base}/docs", f"{base}/openapi.json", *(f"{prefix}/version" for prefix in ("", *services))}
        given = {prefix + path if path != "/" else prefix or "/" for prefix in services for path in services[prefix]}
        below = {path for path in given if path.endswith("/*")}
        return cls(
            health=told,
            keyless=told | pages | (given - below),
            keyless_below=tuple(sorted(path.removesuffix("*") for path in below)),
        )

    def need_key(self, method: str, path: str) -> bool:
        """Tell whether a request needs a key, if keys are set."""
        reads = method in ("GET", "HEAD")
        return not (reads and (path in self.keyless or path.startswith(self.keyless_below)))


class Gate:
    """Refuses what goes beyond a client's rate, has no key where one is needed, or is too long.

    The rate comes first, so that guessing keys is limited too.
    """

    def __init__(self, app: ASGIApp, *, rate: Rate, paths: Paths, needs_key: bool, longest_body: int) -> None:
        self._app = app
        self._buckets = Buckets(rate) if rate.requests else None
        self._paths = paths
        self._needs_key = needs_key
        self._longest = longest_body
        self._limit = f"The body may have {longest_body} bytes."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = exchange_of(scope)
        holder = self._holder(scope, exchange.headers) if self._needs_key else None
        if holder is not None:
            exchange.client = f"key:{holder}"
        path = scope["path"]
        if self._buckets is not None and path not in self._paths.health:
            headers, wait = self._buckets.take(exchange.client)
            exchange.response_headers += headers
            if wait:
                detail = f"More than this instance grants a client; try again in {wait} s."
                refusal = problem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(wait)})
                await refusal(scope, receive, send)
                return
        if self._needs_key and holder is None and self._paths.need_key(scope["method"], path):
            detail = f"This needs a key in the header {KEY_HEADER}."
            refusal = problem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "ApiKey"})
            await refusal(scope, receive, send)
            return
        if _announced(exchange.headers) > self._longest:
            await problem(_TOO_LONG, self._limit)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _holder(self, scope: Scope, headers: dict[bytes, bytes]) -> str | None:
        state, presented = state_of(scope), headers.get(_KEY)
        return owner(state["api_keys"], presented) if state and presented else None

    def _counted(self, receive: Receive) -> Receive:
        """Return a `receive` that ends a body which grows beyond the limit, whatever its header said."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._longest:
                raise HTTPException(_TOO_LONG, self._limit)
            return message

        return counted


def _announced(headers: dict[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"")
    # A number that Python would refuse to read is too large in any case.
    return int(length[:_DIGITS]) if length.isdigit() else 0
