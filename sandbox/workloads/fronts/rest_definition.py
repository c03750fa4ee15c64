"""The OpenAPI document of a REST API, as it was deployed: which request takes which method, and where that leads.

Sources: "OpenAPI extensions for API Gateway", "Request validation for REST APIs", JSON schema draft 4.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.workloads.fronts.integrations import function_of
from sandbox.workloads.fronts.paths import ANY, Paths
from sandbox.workloads.fronts.rest_refusals import Refusals, RestRefusedError

if TYPE_CHECKING:
    from jsonschema import Draft4Validator

    from sandbox.workloads.http.messages import Request

_X = "x-amazon-apigateway-"
_METHODS = {name: name.upper() for name in ("delete", "get", "head", "options", "patch", "post", "put")}
_LONGEST = 29_000
_JSON = "application/json"
_MAPPED = re.compile(r"integration\.request\.path\.(.+)")


@dataclass(frozen=True)
class Link:
    """A load balancer behind a link: its ARN, the port, and the path there with names in braces."""

    balancer: str
    port: int
    host: str
    path: str
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """Name in the path there, and in the path that was asked for."""

    def target(self, parameters: Mapping[str, str], query: str) -> str:
        """Return what is asked for behind the link."""
        path = self.path
        for there, here in self.names.items():
            path = path.replace("{" + there + "}", parameters.get(here, ""))
        return f"{path}?{query}" if query else path


@dataclass(frozen=True)
class Checks:
    """What is asked of a request before it is handed on."""

    parameters: Sequence[tuple[str, str]] = ()
    """Where each has to be, and what it is called."""
    bodies: Mapping[str, Draft4Validator] = field(default_factory=dict[str, "Draft4Validator"])
    body_required: bool = False

    def refuse(self, request: Request) -> None:
        """Do nothing with a request that may pass.

        Raises:
            RestRefusedError: It may not.

        """
        if self.parameters and (missing := [name for place, name in self.parameters if not _has(request, place, name)]):
            text = f"Missing required request parameters: [{', '.join(missing)}]"
            raise RestRefusedError("BAD_REQUEST_PARAMETERS", text)
        content_type = request.header("content-type", _JSON).split(";", 1)[0].strip().lower()
        validator = self.bodies.get(content_type)
        if validator is None or not (request.body or self.body_required):
            return
        try:
            valid = validator.is_valid(json.loads(request.body))
        except (ValueError, RecursionError):
            valid = False
        if not valid:
            raise RestRefusedError("BAD_REQUEST_BODY")


@dataclass(frozen=True)
class Method:
    """A method of a resource; it leads to a function or through a link, and `missing` says why to neither."""

    resource: str
    name: str
    resource_id: str
    needs_key: bool = False
    function: str = ""
    link: Link | None = None
    seconds: float = 29.0
    checks: Checks = field(default_factory=Checks)
    cache_keys: Sequence[str] = ()
    cache_namespace: str = ""
    missing: str = ""

    def settings_path(self, method: str) -> str:
        """Return what the settings of this method go by in a stage."""
        return f"{self.resource.lstrip('/')}/{method}"

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        to = self.function or (self.link.balancer if self.link else "")
        document: dict[str, Any] = {"key": f"{self.name} {self.resource}", "to": to, "timeout": self.seconds}
        return {**document, "not_simulated": self.missing} if self.missing else document


class Definition:
    """One deployment of an API."""

    def __init__(self, body: str, root_id: str) -> None:
        self._document: Mapping[str, Any] = json.loads(body)
        self._root_id = root_id
        self.refusals = Refusals(self._document.get(f"{_X}gateway-responses") or {})
        self.paths: Paths[Method] = Paths(resources=True)
        self.methods = list(self._methods())
        for method in self.methods:
            self.paths.add(method.name, method.resource, method)

    def _methods(self) -> Iterator[Method]:
        for resource, item in self._document.get("paths", {}).items():
            for key, values in item.items():
                name = ANY if key == f"{_X}any-method" else _METHODS.get(key)
                if name is not None:
                    yield self._method(resource, name, values)

    def _method(self, resource: str, name: str, values: Mapping[str, Any]) -> Method:
        integration: Mapping[str, Any] = values.get(f"{_X}integration") or {}
        method = Method(
            resource,
            name,
            _resource_id(resource, self._root_id),
            seconds=float(integration.get("timeoutInMillis") or _LONGEST) / 1000,
            checks=self._checks(values),
            cache_keys=tuple(integration.get("cacheKeyParameters") or ()),
            cache_namespace=str(integration.get("cacheNamespace") or resource),
        )
        schemes: Mapping[str, Any] = self._document.get("components", {}).get("securitySchemes", {})
        asked = [scheme for each in values.get("security") or () for scheme in each]
        others = [scheme for scheme in asked if schemes.get(scheme, {}).get("name") != "x-api-key"]
        if others:
            return replace(method, missing=f"authorization by {', '.join(others)}")
        return _leads_to(replace(method, needs_key=bool(asked)), integration)

    def _checks(self, values: Mapping[str, Any]) -> Checks:
        chosen = values.get(f"{_X}request-validator") or self._document.get(f"{_X}request-validator")
        validators: Mapping[str, Any] = self._document.get(f"{_X}request-validators") or {}
        validator: Mapping[str, Any] = validators.get(str(chosen)) or {}
        body: Mapping[str, Any] = values.get("requestBody") or {}
        return Checks(
            parameters=[
                (str(each["in"]), str(each["name"]))
                for each in values.get("parameters") or ()
                if validator.get("validateRequestParameters") and each.get("required") and each["in"] != "path"
            ],
            bodies={
                content_type: _validator({**each["schema"], "components": self._document.get("components", {})})
                for content_type, each in (body.get("content") or {}).items()
                if validator.get("validateRequestBody") and "schema" in each
            },
            body_required=bool(body.get("required")),
        )


def parameter(request: Request, parameters: Mapping[str, str], source: str) -> str:
    """Return what a source as in `method.request.querystring.NAME` is for a request; empty if it has none."""
    _, _, place, name = source.split(".", 3)
    if place == "path":
        return parameters.get(name, "")
    if place == "header":
        return request.header(name)
    return dict(parse_qsl(request.query, keep_blank_values=True)).get(name, "")


def _leads_to(method: Method, integration: Mapping[str, Any]) -> Method:
    kind = str(integration.get("type", "")).lower()
    uri = str(integration.get("uri", ""))
    if kind == "aws_proxy" and (function := function_of(uri)):
        return replace(method, function=function)
    mapped: Mapping[str, str] = integration.get("requestParameters") or {}
    names = {found[1]: value.rpartition(".")[2] for name, value in mapped.items() if (found := _MAPPED.match(name))}
    balancer = str(integration.get("integrationTarget", ""))
    if kind == "http_proxy" and balancer and integration.get("httpMethod") == ANY and len(names) == len(mapped):
        parts = urlsplit(uri)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        return replace(method, link=Link(balancer, port, parts.netloc, parts.path or "/", names))
    return replace(method, missing=f"an integration {kind or 'of no type'} by {integration.get('connectionType')}")


def _has(request: Request, place: str, name: str) -> bool:
    if place == "header":
        return bool(request.header(name))
    return any(key == name for key, _ in parse_qsl(request.query, keep_blank_values=True))


def _resource_id(resource: str, root_id: str) -> str:
    return root_id if resource == "/" else hashlib.sha256(resource.encode()).hexdigest()[:6]


def _validator(schema: Mapping[str, Any]) -> Draft4Validator:
    from jsonschema import Draft4Validator  # noqa: PLC0415 - slow to load, and few APIs look into bodies

    return Draft4Validator(schema)
