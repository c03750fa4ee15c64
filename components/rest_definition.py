"""The OpenAPI document that AWS makes a REST API of: pure functions from routes to the document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.load_balancer import LoadBalancer
from components.rest_limits import LONGEST_INTEGRATION
from components.service import LambdaTarget

TLS_POLICY = "SecurityPolicy_TLS13_1_2_2021_06"
BINARY_TYPES = (
    "application/gzip",
    "application/octet-stream",
    "application/pdf",
    "application/zip",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "multipart/form-data",
)
"""What an API that validates bodies takes as bytes: it could read no JSON if it took everything so."""

_KEY = "api_key"
_VALIDATOR = "whole"
_ANY = "x-amazon-apigateway-any-method"
_PARAMETER = re.compile(r"{([^{}]+)}")
_NO_KEY = "This needs an API key, in the header x-api-key."
_REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "ACCESS_DENIED": (403, "Forbidden", "This is not open to you."),
    "BAD_REQUEST_BODY": (400, "Bad Request", "The body is not what this request takes; see the OpenAPI document."),
    "BAD_REQUEST_PARAMETERS": (400, "Bad Request", "A parameter that this request needs is missing."),
    "INTEGRATION_FAILURE": (504, "Gateway Timeout", "The service could not be reached."),
    "INTEGRATION_TIMEOUT": (504, "Gateway Timeout", "The service took too long to answer."),
    "INVALID_API_KEY": (403, "Forbidden", _NO_KEY),
    "MISSING_AUTHENTICATION_TOKEN": (403, "Forbidden", _NO_KEY),
    "QUOTA_EXCEEDED": (429, "Too Many Requests", "This key's quota is used up."),
    "REQUEST_TOO_LARGE": (413, "Content Too Large", "The request is larger than 10 MB."),
    "THROTTLED": (429, "Too Many Requests", "There are too many requests at once; try again in a second."),
    "UNSUPPORTED_MEDIA_TYPE": (415, "Unsupported Media Type", "This media type is not taken here."),
    "WAF_FILTERED": (403, "Forbidden", "The firewall refused this request."),
}
"""What the API answers itself, by the names that API Gateway has for it: status, title and detail."""


@dataclass(frozen=True, kw_only=True)
class Behind:
    """The internal load balancer that a REST API reaches by a VPC link."""

    load_balancer: LoadBalancer
    link_id: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One request that the API itself looks at, before the service does.

    `path` is below the service's route, with parameters in braces. `body` is the JSON schema (draft 4) of what is
    sent. `query` are the parameters that an answer depends on; it is remembered for `cache_seconds` where the API has a
    cache.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Sequence[str] = ()
    cache_seconds: int = 0


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What the API does with a service's requests itself: ask for a key, and look at some of them."""

    needs_key: bool = False
    operations: Sequence[Operation] = ()


@dataclass(frozen=True, kw_only=True)
class RestRoute:
    """One service's part of a REST API: all requests whose path starts with `path`.

    `target` is the function that answers them, or the load balancer that knows who does. They are sent there once
    everything in `ready` is there.
    """

    name: str
    path: str
    target: LambdaTarget | Behind
    timeout: int
    gate: Gate = field(default_factory=Gate)
    ready: Sequence[pulumi.Resource] = ()

    def at(self, below: str) -> str:
        """Return a path below the route as the whole API has it."""
        return (self.path.rstrip("/") + below) or "/"


def definition(name: str, routes: Sequence[RestRoute]) -> dict[str, object]:
    """Return the document of an API with these routes."""
    paths: dict[str, dict[str, object]] = {}
    schemas: dict[str, object] = {}
    for route in routes:
        for path in (route.at(""), route.at("/{proxy+}")):
            paths[path] = {_ANY: _method(route, path), **_preflight(route, path)}
        for operation in route.gate.operations:
            path = route.at(operation.path)
            item = paths.setdefault(path, {_ANY: _method(route, path), **_preflight(route, path)})
            item[operation.method.lower()] = _method(route, path, operation)
            if operation.body is not None:
                schemas[_schema(route, operation)] = operation.body
    components: dict[str, object] = {"schemas": schemas} if schemas else {}
    if any(route.gate.needs_key for route in routes):
        components["securitySchemes"] = {_KEY: {"type": "apiKey", "name": "x-api-key", "in": "header"}}
    return {
        "openapi": "3.0.1",
        "info": {"title": name, "version": "1"},
        "paths": paths,
        **({"components": components} if components else {}),
        "x-amazon-apigateway-request-validators": {
            _VALIDATOR: {"validateRequestBody": True, "validateRequestParameters": True}
        },
        "x-amazon-apigateway-gateway-responses": dict(_refusals()),
        # Said here as well, since a definition overwrites what the API had.
        "x-amazon-apigateway-api-key-source": "HEADER",
        "x-amazon-apigateway-security-policy": TLS_POLICY,
        "x-amazon-apigateway-endpoint-access-mode": "BASIC",
    }


def validates(routes: Sequence[RestRoute]) -> bool:
    """Tell whether the API reads bodies."""
    return any(operation.body is not None for route in routes for operation in route.gate.operations)


def cached(routes: Sequence[RestRoute]) -> Iterator[tuple[str, int]]:
    """Yield what is remembered: `path/METHOD` as the settings of a method are called, and for how many seconds."""
    for route in routes:
        for operation in route.gate.operations:
            if operation.cache_seconds:
                yield f"{route.at(operation.path).lstrip('/')}/{operation.method}", operation.cache_seconds


def _method(
    route: RestRoute, path: str, operation: Operation | None = None, *, open_to_all: bool = False
) -> dict[str, object]:
    parameters = [*_path_parameters(path), *([] if operation is None else operation.query)]
    return {
        **({"parameters": [_parameter(name, path) for name in parameters]} if parameters else {}),
        **({"security": [{_KEY: []}]} if route.gate.needs_key and not open_to_all else {}),
        **({} if operation is None else _looked_at(route, operation)),
        "responses": {"default": {"description": "What the service answers"}},
        "x-amazon-apigateway-integration": {
            **(_invoke(route.target) if isinstance(route.target, LambdaTarget) else _forward(route.target, path)),
            **({} if operation is None else _key_of_cache(path, operation)),
            "passthroughBehavior": "when_no_match",
            "timeoutInMillis": min(route.timeout, LONGEST_INTEGRATION) * 1000,
        },
    }


def _preflight(route: RestRoute, path: str) -> dict[str, object]:
    """Let a browser ask for permission, which it does without a key."""
    return {"options": _method(route, path, open_to_all=True)} if route.gate.needs_key else {}


def _looked_at(route: RestRoute, operation: Operation) -> dict[str, object]:
    if operation.body is None:
        return {}
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_schema(route, operation)}"}}}
    return {
        "x-amazon-apigateway-request-validator": _VALIDATOR,
        "requestBody": {"required": True, "content": content},
    }


def _schema(route: RestRoute, operation: Operation) -> str:
    """Return the name of a body's schema, which may hold letters and digits alone."""
    words = re.findall(r"[A-Za-z0-9]+", f"{operation.method} {route.at(operation.path)}")
    return "".join(word.capitalize() for word in words)


def _path_parameters(path: str) -> list[str]:
    return [name.rstrip("+") for name in _PARAMETER.findall(path)]


def _parameter(name: str, path: str) -> dict[str, object]:
    in_path = name in _path_parameters(path)
    return {
        "name": name,
        "in": "path" if in_path else "query",
        **({"required": True} if in_path else {}),
        "schema": {"type": "string"},
    }


def _key_of_cache(path: str, operation: Operation) -> dict[str, object]:
    """Return by what answers that are remembered are told apart: what is no part of it would be ignored."""
    if not operation.cache_seconds:
        return {}
    keys = [f"method.request.path.{name}" for name in _path_parameters(path)]
    keys += [f"method.request.querystring.{name}" for name in operation.query]
    return {"cacheNamespace": _schema_free(path), "cacheKeyParameters": keys}


def _schema_free(path: str) -> str:
    return "-".join(re.findall(r"[A-Za-z0-9]+", path))


def _invoke(target: LambdaTarget) -> dict[str, object]:
    return {"type": "aws_proxy", "httpMethod": "POST", "uri": target.invoke_arn}


def _forward(target: Behind, path: str) -> dict[str, object]:
    parameters = {f"integration.request.path.{name}": f"method.request.path.{name}" for name in _path_parameters(path)}
    return {
        "type": "http_proxy",
        "httpMethod": "ANY",
        "uri": pulumi.Output.concat(
            "http://", target.load_balancer.load_balancer.dns_name, path.replace("{proxy+}", "{proxy}")
        ),
        "connectionType": "VPC_LINK",
        "connectionId": target.link_id,
        "integrationTarget": target.load_balancer.load_balancer.arn,
        **({"requestParameters": parameters} if parameters else {}),
    }


def _refusals() -> Iterator[tuple[str, object]]:
    """Yield what the API answers itself, in the one shape that all errors of ours have (RFC 9457)."""
    for kind, (status, title, detail) in _REFUSALS.items():
        problem = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            "request_id": "$context.requestId",
        }
        yield (
            kind,
            {
                "statusCode": status,
                "responseParameters": {"gatewayresponse.header.Content-Type": "'application/problem+json'"},
                "responseTemplates": {"application/json": json.dumps(problem)},
            },
        )
