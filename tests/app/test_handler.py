"""The Lambda entry answers the events of every front door with the same status and body as the app itself."""

from __future__ import annotations

import base64
import importlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest

from app.core.settings import SettingsError

Event = dict[str, Any]
Handler = Callable[[Event, object], dict[str, Any]]
Client = Callable[..., httpx.Response]

CONTEXT = SimpleNamespace(function_name="netprobe", aws_request_id="1f0c", get_remaining_time_in_millis=lambda: 28_000)
HOST = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"


def _http_api(method: str, path: str, body: str | None) -> Event:
    """An HTTP API event, payload format 2.0: lower-case headers, absent rather than null."""
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "content-length": str(len(body or "")),
            "content-type": "application/json",
            "host": HOST,
            "x-amzn-trace-id": "Root=1-6740a1b2-0123456789abcdef01234567",
            "x-forwarded-for": "203.0.113.9",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            "x-request-id": "f00d",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": HOST,
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.9",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "BqXyZhs0IAMEPxw=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1795262400000,
        },
        "isBase64Encoded": False,
    }
    return event if body is None else event | {"body": body}


def _rest_api(method: str, path: str, body: str | None) -> Event:
    """A REST API event of proxy integration: header case kept, null for what is empty."""
    headers = {"Accept": "*/*", "Content-Type": "application/json", "Host": HOST, "X-Forwarded-Proto": "https"}
    headers["X-Request-ID"] = "f00d"
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": HOST,
            "httpMethod": method,
            "identity": {"sourceIp": "203.0.113.9", "userAgent": "curl/8.5.0"},
            "path": f"/live{path}",
            "protocol": "HTTP/1.1",
            "requestId": "0b6c1c1e-1111-2222-3333-444455556666",
            "requestTimeEpoch": 1795262400000,
            "resourcePath": "/{proxy+}",
            "stage": "live",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _alb(method: str, path: str, body: str | None) -> Event:
    """An event of an ALB's target group: the body an empty string, the query string not decoded."""
    group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/netprobe/0123456789abcdef"
    return {
        "requestContext": {"elb": {"targetGroupArn": group}},
        "httpMethod": method,
        "path": path,
        "queryStringParameters": {},
        "headers": {
            "accept": "*/*",
            "content-type": "application/json",
            "host": "netprobe-1234567890.us-east-1.elb.amazonaws.com",
            "x-amzn-trace-id": "Root=1-6740a1b2-0123456789abcdef01234567",
            "x-forwarded-for": "203.0.113.9",
            "x-forwarded-port": "80",
            "x-forwarded-proto": "http",
            "x-request-id": "f00d",
        },
        "body": body or "",
        "isBase64Encoded": False,
    }


FRONT_DOORS = {"http-api": _http_api, "rest-api": _rest_api, "alb": _alb}
REQUESTS: dict[str, tuple[str, str, object]] = {
    "health": ("GET", "/health", None),
    "ready": ("GET", "/ready", None),
    "version": ("GET", "/version", None),
    "openapi": ("GET", "/openapi.json", None),
    "page": ("GET", "/", None),
    "page without its body": ("HEAD", "/", None),
    "script": ("GET", "/static/x/page.js", None),
    "style": ("GET", "/static/x/page.css", None),
    "icon": ("GET", "/static/x/icon.svg", None),
    "unknown path": ("GET", "/nope", None),
    "wrong method": ("DELETE", "/health", None),
    "refused port": ("POST", "/v1/probes/tcp", {"host": "example.com", "port": 22}),
    "no JSON object": ("POST", "/v1/probes/tcp", []),
    "tricky URL": ("POST", "/v1/probes/http", {"url": "http://user@example.com/"}),
}


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Import the handler anew, as a cold start does, with an environment."""
    level = logging.getLogger().level
    started: list[ModuleType] = []

    def start(**environ: str) -> ModuleType:
        for name in ("ENVIRONMENT", "PORT", "HEALTH_PATH", "COMMIT", "LOG_LEVEL", "MODESHIFT_SECRETS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("app.handler", None)
        started.append(importlib.import_module("app.handler"))
        return started[-1]

    yield start
    for module in started:
        vars(module)["_loop"].run_until_complete(vars(module)["_lifespan"].gen.aclose())
        vars(module)["_loop"].close()
    sys.modules.pop("app.handler", None)
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("front_door", FRONT_DOORS)
def test_every_front_door_gets_what_the_app_answers(
    entry: Callable[..., ModuleType], public: Client, front_door: str, request_name: str
) -> None:
    method, path, body = REQUESTS[request_name]
    expected = type(public)({}, {"X-Request-ID": "f00d"})(method, path, body)
    event = FRONT_DOORS[front_door](method, path, None if body is None else json.dumps(body))
    reply = entry().lambda_handler(event, CONTEXT)
    assert reply["statusCode"] == expected.status_code
    assert reply["isBase64Encoded"] is False
    assert reply["body"] == expected.text
    headers = {name.lower(): value for name, value in reply.get("headers", {}).items()}
    for name in ("content-type", "content-length", "cache-control", "etag"):
        assert headers.get(name) == expected.headers.get(name)


@pytest.mark.parametrize("front_door", FRONT_DOORS)
def test_a_probe_works_behind_every_front_door(entry: Callable[..., ModuleType], front_door: str) -> None:
    event = FRONT_DOORS[front_door]("POST", "/v1/probes/tcp", json.dumps({"host": "169.254.169.254", "port": 80}))
    reply = entry().lambda_handler(event, CONTEXT)
    assert reply["statusCode"] == 200
    assert json.loads(reply["body"])["error"]["kind"] == "no_public_address"


def test_an_event_body_in_base64_is_decoded(entry: Callable[..., ModuleType]) -> None:
    body = base64.b64encode(json.dumps({"host": "127.0.0.1", "port": 80}).encode()).decode()
    reply = entry().lambda_handler(_http_api("POST", "/v1/probes/tcp", body) | {"isBase64Encoded": True}, CONTEXT)
    assert reply["statusCode"] == 200


def test_start_up_runs_once_and_before_the_first_event(
    entry: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[object] = []
    monkeypatch.setattr("app.core.secrets.load", starts.append)
    handler = entry()
    assert len(starts) == 1
    for _ in range(3):
        assert handler.lambda_handler(_http_api("GET", "/ready", None), CONTEXT)["statusCode"] == 200
    assert len(starts) == 1


def test_a_snapshot_holds_no_secret(entry: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[object] = []
    monkeypatch.setattr("app.core.secrets.load", starts.append)
    handler = entry(AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
    assert starts == []
    for _ in range(2):
        assert handler.lambda_handler(_http_api("GET", "/ready", None), CONTEXT)["statusCode"] == 200
    assert len(starts) == 1


def test_wrong_settings_fail_the_cold_start(entry: Callable[..., ModuleType]) -> None:
    with pytest.raises(SettingsError, match="LOG_LEVEL='loud'"):
        entry(LOG_LEVEL="loud")
