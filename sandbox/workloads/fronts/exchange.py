"""One request on its way through an API, and what is written down of it.

Sources: "Monitor HTTP APIs with CloudWatch metrics", "Amazon API Gateway dimensions and metrics", the lists of
variables of access logs.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sandbox.workloads.fronts.template import Template

if TYPE_CHECKING:
    from sandbox.workloads.context import Context
    from sandbox.workloads.http.messages import Request, Response

_NAMESPACE = "AWS/ApiGateway"


@dataclass
class Exchange:
    """A request, when it came, and what became of it."""

    request: Request
    request_id: str
    epoch: float = field(default_factory=time.time)
    began: float = field(default_factory=time.perf_counter)
    trace: str = ""
    domain: str = ""
    """The name by which it was called, as the API knows it."""
    route: str = ""
    """Key of the route of an HTTP API, path of the resource of a REST API."""
    error: str = ""
    invoke_status: int | None = None
    """What Lambda said, whatever the function returned."""
    integration_status: int | None = None
    """What the function, or whoever is behind a link, answered."""
    integration_began: float = 0.0
    integration_seconds: float | None = None
    extended_id: str = ""
    waf_status: int | None = None
    cached: bool | None = None
    """Whether the answer was remembered; unset where none ever is."""
    key_id: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        given = self.request.header("x-amzn-trace-id")
        self.trace = given if given.startswith("Root=") else f"Root=1-{int(self.epoch):08x}-{os.urandom(12).hex()}"

    @property
    def time(self) -> str:
        """Return when it came, as logs and events have it."""
        return _common_log_time(int(self.epoch))

    @property
    def milliseconds(self) -> int:
        """Return when it came, in milliseconds since 1970."""
        return int(self.epoch * 1000)

    def integrate(self) -> None:
        """Note that the integration begins."""
        self.integration_began = time.perf_counter()

    def integrated(self) -> None:
        """Note that the integration has ended."""
        self.integration_seconds = time.perf_counter() - self.integration_began


def identifier() -> str:
    """Return an id as HTTP APIs give them to requests, and REST APIs as a second one."""
    return base64.urlsafe_b64encode(os.urandom(11)).decode()


@lru_cache(maxsize=8)
def _common_log_time(second: int) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second))


@dataclass(frozen=True)
class Names:
    """What a kind of API calls what is measured, by which dimensions, and what else its log can tell."""

    client_errors: str
    server_errors: str
    dimensions: tuple[Mapping[str, str], ...]
    log: Mapping[str, object]


@dataclass
class Tally:
    """What an API has answered since it opened."""

    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    throttled: int = 0
    under_way: int = 0


class Ledger:
    """Counts, measures and logs every request of one API."""

    def __init__(self, context: Context, names: Names) -> None:
        self._context = context
        self._names = names
        self.tally = Tally()
        self._group = ""
        self._format: Template | None = None

    def follow(self, settings: Mapping[str, Any] | None) -> None:
        """Log as a stage's settings say."""
        settings = settings or {}
        self._group = str(settings.get("destinationArn", "")).rpartition(":log-group:")[2].removesuffix(":*")
        self._format = Template(str(settings["format"])) if self._group and "format" in settings else None

    def close(self, exchange: Exchange, response: Response) -> None:
        """Write down how a request ended."""
        latency = time.perf_counter() - exchange.began
        length = len(response.body) if isinstance(response.body, bytes) else 0
        tally, status = self.tally, response.status
        tally.requests += 1
        client_error, server_error = 400 <= status < 500, status >= 500  # noqa: PLR2004 - classes of statuses
        tally.client_errors += client_error
        tally.server_errors += server_error
        values = [
            ("Count", 1.0),
            (self._names.client_errors, float(client_error)),
            (self._names.server_errors, float(server_error)),
            ("Latency", latency * 1000),
        ]
        if exchange.integration_seconds is not None:
            values.append(("IntegrationLatency", exchange.integration_seconds * 1000))
        if exchange.cached is not None:
            values.append(("CacheHitCount" if exchange.cached else "CacheMissCount", 1.0))
        for dimensions in self._names.dimensions:
            for name, value in values:
                self._context.metrics.add(_NAMESPACE, name, dimensions, value)
        if self._format is not None:
            line = self._format.fill(self._variables(exchange, status, latency, length))
            self._context.logs.write(self._group, str(self._names.log["apiId"]), line)

    def _variables(self, exchange: Exchange, status: int, latency: float, length: int) -> Mapping[str, object]:
        request = exchange.request
        integration = None if exchange.integration_seconds is None else int(exchange.integration_seconds * 1000)
        service = exchange.invoke_status or exchange.integration_status
        return {
            **self._names.log,
            "requestId": exchange.request_id,
            "requestTime": exchange.time,
            "extendedRequestId": exchange.extended_id,
            "domainName": exchange.domain,
            "domainPrefix": exchange.domain.split(".", 1)[0],
            "requestTimeEpoch": exchange.milliseconds,
            "identity.sourceIp": request.client,
            "identity.userAgent": request.header("user-agent"),
            "identity.apiKeyId": exchange.key_id,
            "protocol": f"HTTP/{request.version}",
            "httpMethod": request.method,
            "path": request.path,
            "routeKey": exchange.route,
            "resourcePath": exchange.route,
            "status": status,
            "responseLength": length,
            "responseLatency": int(latency * 1000),
            "integrationLatency": integration,
            "integration.latency": integration,
            "integrationStatus": service,
            "integration.integrationStatus": service,
            "integration.status": exchange.integration_status,
            "integrationErrorMessage": exchange.error,
            "integration.error": exchange.error,
            "error.message": exchange.error,
            "waf.status": exchange.waf_status,
            "xrayTraceId": exchange.trace,
        }
