"""Pages of other origins, where the settings list them. No credentials: a key is a header that a page sets itself."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.exchange import exchange_of
from app.core.gate import KEY_HEADER
from app.core.problems import problem

_VARIES = (b"vary", b"Origin")


class Cors(CORSMiddleware):
    """Starlette's own, whose refusals have the shape of every other error."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["Content-Type", KEY_HEADER, "X-Request-ID"],
            expose_headers=["RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what no page sent; caches still have to know that a page's would differ."""
        if scope["type"] == "http" and b"origin" not in (exchange := exchange_of(scope)).headers:
            # Starlette's way to the same one header costs a tenth of a request: it wraps `send` for it.
            exchange.response_headers.append(_VARIES)
            await self.app(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a browser that asks whether it may send a request."""
        response = super().preflight_response(request_headers)
        if response.status_code == HTTPStatus.OK:
            return response
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        return problem(HTTPStatus.BAD_REQUEST, f"{bytes(response.body).decode()}.", headers=headers)
