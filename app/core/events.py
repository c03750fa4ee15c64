"""Events of gateways, where Mangum reads them or answers them otherwise than the gateways mean it."""

from __future__ import annotations

import re
from http.client import responses
from typing import Any
from urllib.parse import unquote

from mangum.handlers import ALB, HTTPGateway
from mangum.types import LambdaEvent, Response, Scope

_FUNCTION_URL = ".on.aws"
_HOST = re.compile(r"[^:]*(:\d{1,5})?")


class HttpApi(HTTPGateway):
    """An HTTP API or a function URL."""

    @property
    def scope(self) -> Scope:
        """Return the request, its path decoded once: a function URL leaves that to us, an HTTP API has done it."""
        path = str(self.event["rawPath" if self.event["version"] == "2.0" else "path"])
        decoded = not str(self.event["requestContext"].get("domainName", "")).endswith(_FUNCTION_URL)
        return {**super().scope, "path": path if decoded else unquote(path)}

    def __call__(self, response: Response) -> dict[str, Any]:
        """Return what the gateway takes; Mangum would call JSON what has no content type."""
        returned = super().__call__(response)
        if not any(name.lower() == b"content-type" for name, _ in response["headers"]):
            returned["headers"].pop("content-type", None)
        return returned


class LoadBalancer(ALB):
    """A load balancer."""

    def __call__(self, response: Response) -> dict[str, Any]:
        """Return what the load balancer takes, with the status in words, which its documents ask for."""
        status = response["status"]
        return {**super().__call__(response), "statusDescription": f"{status} {responses.get(status, '')}".rstrip()}


def readable(event: LambdaEvent) -> LambdaEvent:
    """Return an event without a Host that Mangum would fail on, such as an IPv6 address."""
    changed = dict(event)
    for field in ("headers", "multiValueHeaders"):
        headers: dict[str, str | list[str]] | None = event.get(field)
        if headers is not None:
            changed[field] = {name: value for name, value in headers.items() if name.lower() != "host" or _plain(value)}
    return changed


def _plain(hosts: str | list[str]) -> bool:
    return all(_HOST.fullmatch(host) for host in ([hosts] if isinstance(hosts, str) else hosts))
