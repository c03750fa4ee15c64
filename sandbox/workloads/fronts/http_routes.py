"""The routes of an HTTP API, and where each leads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sandbox.workloads.fronts.integrations import function_of
from sandbox.workloads.fronts.limits import Bucket
from sandbox.workloads.fronts.paths import ANY, Paths

if TYPE_CHECKING:
    from sandbox.control.account import Resource

_DEFAULT = "$default"
_LONGEST = 30_000


@dataclass(frozen=True)
class Route:
    """A route, and where it leads: to a function or to a listener; `missing` says why to neither."""

    key: str
    bucket: Bucket
    function: str = ""
    listener: str = ""
    seconds: float = 30.0
    missing: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        document: dict[str, Any] = {"key": self.key, "to": self.function or self.listener, "timeout": self.seconds}
        return {**document, "not_simulated": self.missing} if self.missing else document


@dataclass
class Routes:
    """Every route of an API; a bucket stays as full as it is while its limits stay."""

    every: list[Route] = field(default_factory=list[Route])
    paths: Paths[Route] = field(default_factory=lambda: Paths[Route](resources=False))
    default: Route | None = None
    _buckets: dict[str, Bucket] = field(default_factory=dict[str, Bucket])

    def follow(self, routes: Iterable[tuple[Resource, Resource | None]], stage: Mapping[str, Any]) -> None:
        """Be as the account says: routes with their integrations, and the settings of a stage."""
        settings = stage.get("defaultRouteSettings") or {}
        own = {str(each["routeKey"]): each for each in stage.get("routeSettings") or ()}
        self.every, self.paths, self.default = [], Paths(resources=False), None
        for route, integration in routes:
            key = str(route.outputs["routeKey"])
            bucket = self._bucket(key, {**settings, **own.get(key, {})})
            made = _leads_to(Route(key, bucket), route.outputs, integration)
            self.every.append(made)
            if key == _DEFAULT:
                self.default = made
            else:
                method, _, path = key.partition(" ")
                self.paths.add(method, path, made)

    def _bucket(self, key: str, settings: Mapping[str, Any]) -> Bucket:
        bucket, former = Bucket.of(settings), self._buckets.get(key)
        if former is None or not former.same(bucket):
            self._buckets[key] = bucket
        return self._buckets[key]


def _leads_to(route: Route, outputs: Mapping[str, Any], integration: Resource | None) -> Route:
    values: dict[str, Any] = {} if integration is None else integration.outputs
    kind, link = values.get("integrationType"), values.get("connectionType")
    function = function_of(str(values.get("integrationUri", "")))
    seconds = float(values.get("timeoutMilliseconds") or _LONGEST) / 1000
    if (authorization := str(outputs.get("authorizationType") or "NONE")) != "NONE":
        return replace(route, missing=f"authorization by {authorization}")
    if values.get("requestParameters") or values.get("responseParameters"):
        return replace(route, missing="mapping of parameters")
    if kind == "AWS_PROXY" and function and values.get("payloadFormatVersion") == "2.0":
        return replace(route, function=function, seconds=seconds)
    if kind == "HTTP_PROXY" and link == "VPC_LINK" and values.get("integrationMethod") == ANY:
        return replace(route, listener=str(values["integrationUri"]), seconds=seconds)
    version = values.get("payloadFormatVersion")
    return replace(route, missing=f"an integration {kind} by {link} with payload format {version}")
