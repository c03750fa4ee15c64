"""What is counted of every request, and where the figures go.

Prometheus reads them from a port of their own: the front door forwards to the app's port and to no other, so nothing
has to keep the public from them. On Lambda nobody could fetch them; there each request writes one line in CloudWatch's
embedded metric format (EMF), from which CloudWatch Logs makes metrics. A route is counted under its template: what a
caller writes into a path or a method never becomes a label.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPMethod
from typing import TYPE_CHECKING, Literal, Protocol, TextIO

from starlette.types import Scope

from app import __version__

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    from app.core.settings import Settings

Format = Literal["prometheus", "emf"]

UNMATCHED = "unmatched"
"""Label of what was answered without a route of ours: unknown paths, refusals before routing, pages of FastAPI."""

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)
_METHODS = frozenset(HTTPMethod)
_NAMESPACE = "Modeshift"

_log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Where the figures go."""

    def began(self) -> None:
        """Note that a request is under way."""
        ...

    def ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note how a request ended."""
        ...

    @contextmanager
    def offered(self) -> Generator[None]:
        """Let the figures be read for as long as the app runs."""
        ...


def wanted(settings: Settings, auto: Format | None) -> str | None:
    """Return where METRICS sends figures; `auto` is what the entry knows to fit where it runs."""
    return auto if settings.metrics == "auto" else settings.metrics


def recorder(settings: Settings, service: str, auto: Format | None) -> Recorder | None:
    """Return the recorder that METRICS asks for."""
    match wanted(settings, auto):
        case "prometheus":
            return PrometheusRecorder(settings.host, settings.metrics_port)
        case "emf":
            return EmfRecorder(service, settings.environment)
        case _:
            return None


def known_method(scope: Scope) -> str:
    """Return the method of a request, if it is one that HTTP has."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def route_template(scope: Scope) -> str:
    """Return the path of the route that took a request, with parameters by name, its router's prefix included."""
    # `scope["route"]` has lost the prefix since FastAPI 0.137; FastAPI keeps the route as it was included here.
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(route, "path_format", UNMATCHED)


class PrometheusRecorder:
    """Keeps the figures in this process and serves them on a port of their own."""

    def __init__(self, host: str, port: int) -> None:
        # Only here: Lambda never needs it.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector  # noqa: PLC0415

        self._place = (host, port)
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        Info("app", "What runs here.", registry=self._registry).info({"version": __version__})
        self._under_way = 0
        # Asked for when it is read: telling it of each request twice would cost more than counting.
        in_progress = Gauge("http_requests_in_progress", "Requests under way.", registry=self._registry)
        in_progress.set_function(lambda: self._under_way)
        self._requests = Counter(
            "http_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time until the answer was sent.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def began(self) -> None:
        """Note that a request is under way; not by route, which is known only later."""
        self._under_way += 1

    def ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note how a request ended."""
        self._under_way -= 1
        key = (method, route, status // 100)
        if key not in self._known:
            counter = self._requests.labels(method, route, f"{status // 100}xx")
            self._known[key] = (counter, self._seconds.labels(method, route))
        requests, duration = self._known[key]
        requests.inc()
        duration.observe(seconds)

    @contextmanager
    def offered(self) -> Generator[None]:
        """Serve the figures."""
        with served(self._registry, self._place):
            yield


@contextmanager
def served(registry: CollectorRegistry, place: tuple[str, int]) -> Generator[None]:
    """Let Prometheus read figures, from a thread, so that it can even while the loop is stuck."""
    from prometheus_client import start_http_server  # noqa: PLC0415

    host, port = place
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        # Figures that cannot be read are no reason not to work; on a laptop a second instance takes the same port.
        _log.error(
            "Metrics are not served: %s:%d: %s. Set METRICS_PORT to a free port, or METRICS=off.",
            host,
            port,
            error.strerror,
        )
        yield
        return
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class EmfRecorder:
    """Writes one line per request, from which CloudWatch Logs makes metrics."""

    def __init__(self, service: str, environment: str, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._same = {"Service": service, "Environment": environment}
        # Each combination of dimensions is a metric that is paid for: durations are not split by status.
        self._directives = [
            directive([*self._same, "Route", "Status"], "Requests", "Count"),
            directive([*self._same, "Route"], "Duration", "Milliseconds"),
        ]

    def began(self) -> None:
        """Do nothing: an instance of a function has one request at a time."""

    def ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """Write the line."""
        figures = {
            "Route": route,
            "Status": f"{status // 100}xx",
            "Requests": 1,
            "Duration": round(seconds * 1000, 3),
            "Method": method,
        }
        write_emf(self._directives, self._same | figures, self._stream or sys.stdout)

    @contextmanager
    def offered(self) -> Generator[None]:
        """Do nothing: lines need no reader."""
        yield


def directive(dimensions: list[str], metric: str, unit: str) -> dict[str, object]:
    """Return what makes CloudWatch take a field of a line for a metric."""
    return {"Namespace": _NAMESPACE, "Dimensions": [dimensions], "Metrics": [{"Name": metric, "Unit": unit}]}


def write_emf(directives: Sequence[object], figures: Mapping[str, object], stream: TextIO) -> None:
    """Write one line of metrics, in one piece: what is written in two becomes two log events, and neither is JSON."""
    head = {"_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": directives}}
    stream.write(json.dumps({**head, **figures}, separators=(",", ":")) + "\n")
    stream.flush()
