"""What an HTTP API tells browsers of who may call it.

Source: "Configure CORS for HTTP APIs in API Gateway": it answers preflights itself, and what comes from behind it about
CORS is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.workloads.http.messages import Headers, Response

if TYPE_CHECKING:
    from sandbox.workloads.http.messages import Request

_PREFIX = "access-control-"
_EVERY = "*"


class Cors:
    """The CORS configuration of an API."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._origins = [str(each) for each in configuration.get("allowOrigins") or ()]
        self._credentials = bool(configuration.get("allowCredentials"))
        self._preflight: Headers = [
            (name, value)
            for name, value in (
                ("access-control-allow-methods", ",".join(configuration.get("allowMethods") or ())),
                ("access-control-allow-headers", ",".join(configuration.get("allowHeaders") or ())),
                ("access-control-max-age", str(int(configuration.get("maxAge") or 0) or "")),
            )
            if value
        ]
        self._exposed = ",".join(configuration.get("exposeHeaders") or ())

    def preflight(self, request: Request) -> Response | None:
        """Answer a browser that asks whether it may; None for any other request."""
        if request.method != "OPTIONS" or not request.header("access-control-request-method"):
            return None
        origin = request.header("origin")
        if not origin:
            return None
        allowed = self._allowed(origin)
        return Response(204, [*allowed, *self._preflight] if allowed else [])

    def told(self, request: Request, headers: Headers) -> Headers:
        """Return the headers of an answer with what this API says of CORS, and nothing that others say."""
        kept = [(name, value) for name, value in headers if not name.lower().startswith(_PREFIX)]
        allowed = self._allowed(request.header("origin")) if request.header("origin") else []
        if allowed and self._exposed:
            allowed.append(("access-control-expose-headers", self._exposed))
        return kept + allowed

    def _allowed(self, origin: str) -> Headers:
        if not any(_matches(pattern, origin) for pattern in self._origins):
            return []
        headers = [("access-control-allow-origin", _EVERY if _EVERY in self._origins else origin)]
        if self._credentials:
            headers.append(("access-control-allow-credentials", "true"))
        return headers


def _matches(pattern: str, origin: str) -> bool:
    if pattern in {_EVERY, origin}:
        return True
    return pattern in {"http://*", "https://*"} and origin.startswith(pattern.removesuffix(_EVERY))
